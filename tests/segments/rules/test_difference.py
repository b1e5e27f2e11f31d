"""What changed in a rule, in the words that a marketer reads in the history of a segment."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.rules.difference import Names, as_text, difference, marked, said
from segments.rules.tree import All, Any, Condition, InSegment, Not, read_node
from tests.segments.engine.test_engine import LEAVES, nodes

PRO, OLD = Condition("plan", "is", ("pro", "team")), Condition("age", "at_least", 30)
VIP = InSegment("6684f0911504d49e7c00312e")
NAMES = Names(of_segment={VIP.segment: "VIP"}.get)

CHANGES = [
    (PRO, Condition("plan", "is", "pro"), ["plan is any of pro, team → pro"]),
    (PRO, Not(PRO), ["plan is any of pro, team → is not any of pro, team"]),
    (OLD, Condition("age", "less_than", 18), ["age is at least 30 → is less than 18"]),
    (OLD, Condition("age", "is_known"), ["age is at least 30 → has a value"]),
    (Condition("age", "is", 1), Condition("age", "is", "1"), ['age is 1, written 1 → "1"']),
    (Condition("age", "is", 1), Condition("age", "is", True), ["age is 1 → true"]),
    (Condition("age", "between", (1, 2)), Condition("age", "between", (1, 3)), ["age is from 1 to 2 → 1 to 3"]),
    (Condition("day", "before", "2026-01-01"), Condition("day", "before", "2026-02-01"),
     ["day is before 1 Jan 2026 → 1 Feb 2026"]),
    (Condition("day", "more_than_ago", 90), Condition("day", "more_than_ago", {"amount": 1, "unit": "hours"}),
     ["day is more than 90 days ago → is more than 1 hour ago"]),
    (Condition("tags", "includes_all", ("a", "b, c")), Condition("tags", "includes_all", ("a",)),
     ['tags include all of a and "b, c" → a']),
    (Condition("old", "like", {"x": 1}), Condition("old", "like", None), ['old like {"x": 1} → null']),
    (All((PRO,)), All((PRO, OLD)), ["added: age is at least 30"]),
    (All((PRO, OLD)), All((OLD,)), ["removed: plan is any of pro, team"]),
    (All((PRO, OLD)), All((OLD, PRO)), ["moved: age is at least 30"]),
    (All((PRO, OLD)), Any((PRO, OLD)), ["the group is now any of instead of all of"]),
    (Any((PRO,)), Not(Any((PRO,))), ["the group is now none of instead of any of"]),
    (All((OLD, Any((PRO,)))), All((OLD, Any((PRO, VIP)))), ["added: in VIP"]),
    (All((OLD, Any((PRO, VIP)))), All((OLD, Not(All((PRO, VIP))))),
     ["the group with plan is any of pro, team is now not all of instead of any of"]),
    (All((VIP,)), All((Not(VIP),)), ["in VIP → not in VIP"]),
    (PRO, All((PRO,)), ["now in a group, all of: plan is any of pro, team"]),
    (Not(Any((PRO, OLD))), OLD, ["no longer in a group, none of: age is at least 30",
                                 "removed: plan is any of pro, team"]),
    (Not(Not(PRO)), PRO, ["no longer in a group, the opposite of: plan is any of pro, team",
                          "plan is not any of pro, team → is any of pro, team"]),
    (None, All((PRO, OLD)), ["now there is a rule", "added: plan is any of pro, team", "added: age is at least 30"]),
    (Any((PRO, OLD)), None, ["now there is no rule, only the people pinned in",
                             "removed: any of (plan is any of pro, team; age is at least 30)"]),
    (None, All(()), ["now there is a rule"]),
    (All((PRO, PRO)), All((PRO,)), ["removed: plan is any of pro, team"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), CHANGES)
def test_a_change_is_said_as_people_would_say_it(old, new, words):
    assert difference(old, new, NAMES) == words


def leaves(rule):
    match rule:
        case Condition() | InSegment() | Not(Condition() | InSegment()):
            yield rule
        case All(parts) | Any(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)


WILD = st.builds(Condition, st.text(max_size=4), st.text(max_size=4) | st.sampled_from(["is", "between", "in_the_last", "is_known"]),
                 st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                              lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
                              max_leaves=4))  # fmt: skip
NODES_OF_ALL_SORTS = nodes(st.one_of(LEAVES, st.just({"segment": VIP.segment})))
RULES = st.none() | NODES_OF_ALL_SORTS.map(lambda node: read_node(node, ""))
PAIRS = (
    st.tuples(RULES, RULES)
    | st.tuples(WILD, WILD)
    | RULES.flatmap(lambda rule: st.tuples(st.just(rule), RULES | st.just(rule)))
)


@settings(max_examples=600, deadline=None)
@given(pair=PAIRS)
def test_equal_rules_have_no_difference_and_others_have_one(pair):
    old, new = pair
    assert (difference(old, new) == []) == (as_text(old) == as_text(new))
    assert difference(new, new) == []


@settings(max_examples=600, deadline=None)
@given(pair=PAIRS)
def test_every_condition_that_went_came_or_changed_is_named(pair):
    old, new = pair
    text = " ".join(difference(old, new))
    for one, other in ((old, new), (new, old)):
        held = Counter(map(as_text, leaves(other)))
        for leaf in leaves(one):
            held[as_text(leaf)] -= 1
            if held[as_text(leaf)] < 0:
                assert all(word in text for word in said(leaf).split(" "))


@given(rule=RULES.filter(bool))
def test_a_change_of_one_condition_among_many_is_one_line(rule):
    others = tuple(Condition(f"p{number}", "is", number) for number in range(9))
    assert len(difference(All((*others, rule)), All((rule, *others)))) == 1
    assert difference(All(others), All((*others, rule))) == [f"added: {said(rule)}"]


def test_five_hundred_conditions_are_compared_at_once():
    old = [Condition(f"p{number}", "is", number) for number in range(500)]
    new = [Condition(f"p{number}", "is", number + number % 2) for number in range(500)]
    assert len(difference(All(tuple(old)), All(tuple(new)))) == 250
    assert len(difference(All(tuple(old)), All(tuple(reversed(old))))) == 499
    assert difference(All((PRO,) * 500), All((PRO,) * 499)) == ["removed: plan is any of pro, team"]


@given(one=st.text(alphabet="ab ", max_size=20), other=st.text(alphabet="ab ", max_size=20))
def test_marking_loses_nothing_and_marks_nothing_that_both_have(one, other):
    first, second = marked(one, other)
    assert " ".join(text for text, _ in first) == one
    assert " ".join(text for text, _ in second) == other
    assert [text for text, differs in first if not differs] == [text for text, differs in second if not differs]
    assert (one == other) == (not any(differs for _, differs in [*first, *second]))


def test_the_words_that_differ_are_marked():
    assert marked("People whose plan is pro or team.", "People whose plan is pro.") == (
        [("People whose plan is", False), ("pro or team.", True)], [("People whose plan is", False), ("pro.", True)],
    )  # fmt: skip
