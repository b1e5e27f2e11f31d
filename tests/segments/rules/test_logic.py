"""What is proved of a rule is so of everybody: no person, whatever they have, is an exception."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from segments.rules.check import check
from segments.rules.satisfiability import in_words, proof
from segments.rules.tree import All, Any, read_node
from tests import oracle
from tests.segments.engine.test_engine import (
    DAYS,
    KINDS,
    MOMENTS,
    NODES,
    NUMBERS,
    PERSON,
    REFERENCES,
    SCHEMA,
    TEXTS,
    leaf,
    nodes,
)

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def proved(node):
    found = proof(check(read_node(node, "rule"), SCHEMA))
    return None if found is None else in_words(found, lambda pk: {"vips": "VIPs"}.get(pk, pk))


def word(*texts, operator="is"):
    return leaf("word", operator, list(texts))


def amount(operator, value):
    return leaf("amount", operator, value)


def day(operator, value):
    return leaf("day", operator, value)


def no(node):
    return {"not": node}


VIP = {"segment": "vips"}
KNOWN = leaf("word", "is_known")

NOBODY = [
    ([word("pro"), word("free")], "Nobody can have word pro and word free at once."),
    ([word("Pro"), word("free"), word("x y, z")], "Nobody can have word Pro and word free at once."),
    ([word("pro"), no(word("pro"))], "Nobody can meet all of these at once: word is pro; word is not pro (or they have none)."),
    ([word("pro", "free"), word("a.c", "abc")], "word is one of pro, free; word is one of a.c, abc"),
    ([word("pro"), no(KNOWN)], "word is pro; they have no word"),
    ([KNOWN, no(KNOWN)], "they have a value for word; they have no word"),
    ([word("pro"), word("x", operator="contains")], "word is pro; word contains x"),
    ([word("x", operator="contains"), no(word("x", "y", operator="contains"))], "word contains x; word does not contain any of x, y"),
    ([word("pro"), no(word("p", operator="starts_with"))], "word is pro; word does not start with p (or they have none)"),
    ([word("x", operator="ends_with"), no(KNOWN)], "they have no word"),
    ([amount("greater_than", 40), amount("less_than", 30)], "amount is more than 40; amount is less than 30"),
    ([amount("greater_than", 40), amount("at_most", 40)], "amount is more than 40; amount is at most 40"),
    ([amount("is", 5), amount("between", [6, 7])], "amount is 5; amount is from 6 to 7"),
    ([amount("is", [1, 2]), no(amount("between", [0, 3]))], "amount is not from 0 to 3"),
    ([leaf("flag", "is", True), leaf("flag", "is", False)], "Nobody can have flag true and flag false at once."),
    ([day("before", "2024-01-01"), day("at_or_after", "2024-01-01")], "day is before 1 Jan 2024"),
    ([day("in_the_last", 7), day("more_than_ago", 30)], "day is in the last 7 days; day is more than 30 days ago"),
    ([day("in_the_last", 7), day("in_the_next", 7)], "day is in the last 7 days; day is in the next 7 days"),
    ([day("in_the_last", 7), no(leaf("day", "is_known"))], "they have no day"),
    ([leaf("things", "includes", "a"), no(leaf("things", "includes", ["a", "b"]))], "things include a"),
    ([leaf("things", "includes_all", ["a", "b"]), no(leaf("things", "includes", "b"))], "things include all of a and b"),
    ([leaf("things", "includes", "a"), no(leaf("things", "is_known"))], "they have no things"),
    ([VIP, no(VIP)], "they are in VIPs; they are not in VIPs"),
    ([{"any": [word("pro"), word("free")]}, word("abc")], "(word is pro or word is free)" ),
    ([{"any": [word("pro"), VIP]}, word("free"), no(VIP)], "word is free; they are not in VIPs"),
    ([{"any": [{"all": [word("pro"), VIP]}, KNOWN]}, {"any": [no(word("pro")), no(VIP)]}, no(KNOWN)], "word"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "words"), NOBODY)
def test_nobody_can_meet_what_contradicts_itself_and_everyone_meets_its_denial(parts, words):
    said = proved({"all": parts})
    assert said.startswith("Nobody can ")
    assert words.removeprefix("(").removesuffix(")") in said
    assert proved({"not": {"all": parts}}).startswith(("Everyone meets ", "Every person lacks "))
    assert proved({"any": [no(part) for part in parts]}) == proved({"not": {"all": parts}})


def test_it_is_said_in_everyday_words():
    two = {"any": [no(word("pro")), no(word("free"))]}
    assert proved(two) == "Every person lacks one of the two, so this matches everyone."
    assert proved({"any": [no(word("x")), VIP, *two["any"]]}).startswith("Every person lacks one of the two")
    assert proved({"any": [VIP, KNOWN, no(VIP)]}) == (
        "Everyone meets one of these, whatever they have: they are in VIPs; they are not in VIPs."
    )
    assert proved({"all": [word("abc", "pro"), word("a.c"), VIP]}) == (
        "Nobody can meet all of these at once: word is one of abc, pro; word is a.c."
    )
    assert proved({"all": []}) == "Everyone meets this, whatever they have: everyone."
    assert proved({"any": []}) == "Nobody can meet this: nobody."


UNSURE = [
    {"all": [word("pro"), leaf("city", "is", "free")]},
    {"all": [leaf("things", "includes", "a"), leaf("things", "includes", "b")]},
    {"all": [word("a", operator="contains"), no(word("b", operator="contains"))]},
    {"all": [word("a", operator="starts_with"), word("a", operator="ends_with")]},
    {"all": [word("pro"), word("PRO")]},
    {"all": [amount("at_least", 40), amount("at_most", 40)]},
    {"any": [amount("at_least", 40), amount("less_than", 40)]},  # those without a value
    {"any": [day("in_the_last", 7), no(leaf("day", "is_known"))]},
    {"all": [day("before", "2024-01-01"), no(day("in_the_last", 7))]},
    {"all": [day("after", "2024-01-01"), day("in_the_last", 7)]},
    {"all": [no(leaf("things", "includes", "a")), no(leaf("things", "is_known"))]},
    {"any": [word("pro"), no(word("pro", "free"))]},
    {"any": [KNOWN, leaf("city", "is_known")]},
    {"all": [{"any": [word("pro"), VIP]}, word("free")]},
    VIP,
]


@pytest.mark.parametrize("node", UNSURE)
def test_what_depends_on_who_there_is_is_not_claimed(node):
    assert proved(node) is None
    assert proved(no(node)) is None


def people_who_meet(node, crowd):
    held = ({REFERENCES[name]: value for name, value in person.items()} for person in crowd)
    return sum(
        oracle.meets(node, each, KINDS, ZONE, NOW, {"vips"} if place % 2 else ()) for place, each in enumerate(held)
    )


# Few values and properties, so that many a rule is provable.
CLOSE = nodes(
    st.one_of(
        st.builds(word, st.sampled_from(["pro", "free", "abc"]), operator=st.sampled_from(["is", "is", "contains", "starts_with"])),
        st.builds(amount, st.sampled_from(["is", "greater_than", "at_least", "less_than", "at_most"]), st.sampled_from([0, 1])),
        st.builds(day, st.sampled_from(["before", "after", "on", "at_or_before"]), st.sampled_from(["2024-10-26", "2024-10-27"])),
        st.builds(day, st.sampled_from(["in_the_last", "in_the_next", "more_than_ago"]), st.sampled_from([0, 7])),
        st.builds(leaf, st.just("things"), st.sampled_from(["includes", "includes_all"]), st.lists(st.sampled_from(["pro", "1"]), min_size=1, max_size=2)),
        st.builds(leaf, st.sampled_from(["word", "amount", "day", "things", "flag"]), st.just("is_known")),
        st.builds(leaf, st.just("flag"), st.just("is"), st.booleans()),
        st.just(VIP),
    )
)  # fmt: skip
CROWD = [
    *({"word": text, "things": [text]} for text in TEXTS),
    *({"word": "abc", "amount": number, "things": ["pro", "1"]} for number in [*NUMBERS, 0.5, 0]),
    *({"day": each} for each in [*DAYS, *MOMENTS, "2024-10-27", "2025-12-31T23:00:00.000Z", "2026-01-03T00:00:00.000Z"]),
    *({"flag": flag, "blob": flag} for flag in (True, False)),
    *({"city": text, "coupon": text, "tags": [text]} for text in TEXTS),
    {},
]  # fmt: skip
CROWD += CROWD  # each once in the segment and once not; their number is odd


@settings(max_examples=300, deadline=None)
@given(node=st.one_of(CLOSE, CLOSE, NODES), crowd=st.lists(PERSON, max_size=8))
def test_of_no_person_is_it_otherwise(node, crowd):
    found = proof(check(read_node(node, "rule"), SCHEMA))
    crowd = CROWD + crowd
    met = people_who_meet(node, crowd)
    event("provable" if found else "unsure")
    if found is not None:
        assert met == (len(crowd) if found.everyone else 0), found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(join=st.sampled_from(["all", "any"]), parts=st.lists(CLOSE, min_size=3, max_size=12))
def test_what_is_said_to_bring_it_about_does_so_and_nothing_less_does(join, parts):
    found = proof(check(read_node({join: parts}, "rule"), SCHEMA))
    assume(found is not None and len(found.parts) > 1)
    group = Any if found.everyone else All
    assert proof(group(found.parts)).everyone == found.everyone
    for left_out in range(len(found.parts)):
        fewer = proof(group(found.parts[:left_out] + found.parts[left_out + 1 :]))
        assert fewer is None or fewer.everyone != found.everyone


def test_a_large_rule_is_looked_through_in_no_time():
    parts = [{"any": [word(f"a{n}"), amount("at_least", n), leaf("things", "includes", [f"{n}"])]} for n in range(165)]
    node = {"all": [*parts, word("pro"), no(word("pro"))]}
    for _ in range(4):
        node = {"all": [{"any": [node]}]}
    assert proved(node) == "Nobody can meet all of these at once: word is pro; word is not pro (or they have none)."


def test_of_very_many_values_nothing_is_claimed():
    many = [f"x{number}" for number in range(600)]
    assert proved({"all": [word(*many), word("pro")]}) is not None
    assert proved({"all": [word(*many, *many[:1]), word(*many), word("pro")]}) is None
