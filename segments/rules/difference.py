"""Say in words how one rule differs from another, condition by condition, also of rules that no longer hold."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any as Json

from contacts.values import Kind, Refused
from segments.rules.check import amount_in_words, period
from segments.rules.operators import OPERATORS, Takes
from segments.rules.tree import All, Any, Condition, InSegment, Not, Rule, thawed, write_node
from segments.rules.words import date_in_words, quoted
from workspaces.problems import listed


@dataclass(frozen=True)
class Names:
    """What properties and segments are called, by their references and ids."""

    of_property: Callable[[str], str] = str
    of_segment: Callable[[str], str] = "segment {}".format


AS_WRITTEN = Names()


def difference(old: Rule | None, new: Rule | None, names: Names = AS_WRITTEN) -> list[str]:
    """What was changed, a line for each condition or group; empty if and only if the rules are equal as documents."""
    if old is None or new is None:
        if old is new:
            return []
        head = "now there is a rule" if new else "now there is no rule, only the people pinned in"
        return [head, *(f"{'added' if new else 'removed'}: {said(each, names)}" for each in _parts(new or old))]
    return list(_changes(old, new, names, "the group"))


def as_text(rule: Rule | None) -> str:
    """Equal texts for equal documents and no others; for Python 1 equals 1.0 and true."""
    return json.dumps(rule and write_node(rule), sort_keys=True)


def said(rule: Rule, names: Names = AS_WRITTEN) -> str:
    match _opened(rule):
        case Group(head, parts):
            return f"{head} of ({'; '.join(said(part, names) for part in parts)})" if parts else f"{head} of nothing"
        case leaf:
            return _in_words(leaf, names)


# --- a rule as the editor shows it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    rule: Condition | InSegment
    met: bool  # or not


@dataclass(frozen=True)
class Group:
    head: str
    parts: Sequence[Rule]


def _opened(rule: Rule) -> Leaf | Group:
    match rule:
        case Condition() | InSegment():
            return Leaf(rule, met=True)
        case Not(Condition() | InSegment() as inner):
            return Leaf(inner, met=False)
        case All(rules):
            return Group("all", rules)
        case Any(rules):
            return Group("any", rules)
        case Not(All(rules)):
            return Group("not all", rules)
        case Not(Any(rules)):
            return Group("none", rules)
        case Not(part):
            return Group("the opposite", (part,))


def _parts(rule: Rule | None) -> Sequence[Rule]:
    if rule is None:
        return ()
    opened = _opened(rule)
    return opened.parts if isinstance(opened, Group) and opened.head == "all" else (rule,)


# --- comparing -------------------------------------------------------------------------------------------------------


def _changes(old: Rule, new: Rule, names: Names, where: str) -> Iterator[str]:
    if as_text(old) == as_text(new):
        return
    match _opened(old), _opened(new):
        case Leaf() as before, Leaf() as after:
            yield _changed(before, after, names)
        case Group() as one, Group() as other:
            if one.head != other.head:
                yield f"{where} is now {other.head} of instead of {one.head} of"
            yield from _of_parts(one.parts, other.parts, names)
        case _, Group(head, parts):
            yield f"now in a group, {head} of: {said(old, names)}"
            yield from _of_parts([old], parts, names)
        case Group(head, parts), _:
            yield f"no longer in a group, {head} of: {said(new, names)}"
            yield from _of_parts(parts, [new], names)


def _of_parts(old: Sequence[Rule], new: Sequence[Rule], names: Names) -> Iterator[str]:
    """Equal parts stayed or moved; of the others those about the same were changed, the rest went or came."""
    gone, come = _left_over(list(map(as_text, old)), list(map(as_text, new)))
    moved = _paired(gone, come, {i: as_text(old[i]) for i in gone}, {k: as_text(new[k]) for k in come})
    gone, come = gone - moved.keys(), come - set(moved.values())
    changed = _paired(gone, come, {i: _topic(old[i]) for i in gone}, {k: _topic(new[k]) for k in come})
    for place in sorted(moved):
        yield f"moved: {said(old[place], names)}"
    for place in sorted(gone):
        if place in changed:
            yield from _changes(old[place], new[changed[place]], names, _group_in_words(old[place], names))
        else:
            yield f"removed: {said(old[place], names)}"
    for place in sorted(come - set(changed.values())):
        yield f"added: {said(new[place], names)}"


def _left_over(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    """The places of those that the longest run of equal parts in equal order leaves out."""
    gone: set[int] = set()
    come: set[int] = set()
    for tag, i, i_end, k, k_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            gone.update(range(i, i_end))
            come.update(range(k, k_end))
    return gone, come


def _paired(
    old: Iterable[int], new: Iterable[int], of_old: Mapping[int, str], of_new: Mapping[int, str]
) -> dict[int, int]:
    """The places of old and new that are of the same, the first with the first."""
    waiting: dict[str, list[int]] = {}
    for place in sorted(new, reverse=True):
        waiting.setdefault(of_new[place], []).append(place)
    return {place: waiting[of_old[place]].pop() for place in sorted(old) if waiting.get(of_old[place])}


def _topic(rule: Rule) -> str:
    match _opened(rule):
        case Leaf(Condition(property)):
            return f"property {property}"
        case Leaf(InSegment(segment)):
            return f"segment {segment}"
    return "group"


def _group_in_words(rule: Rule, names: Names) -> str:
    opened = _opened(rule)
    return f"the group with {said(opened.parts[0], names)}" if isinstance(opened, Group) and opened.parts else "a group"


# --- one condition ---------------------------------------------------------------------------------------------------


def _in_words(leaf: Leaf, names: Names) -> str:
    if isinstance(leaf.rule, InSegment):
        return f"{'' if leaf.met else 'not '}in {quoted(names.of_segment(leaf.rule.segment))}"
    return f"{quoted(names.of_property(leaf.rule.property))} {_pattern(leaf.rule, leaf.met).format(_values(leaf.rule))}"


def _changed(before: Leaf, after: Leaf, names: Names) -> str:
    """Of what both are about only the part that differs: plan is any of pro, team → pro."""
    old, new = _in_words(before, names), _in_words(after, names)
    if isinstance(before.rule, Condition) and isinstance(after.rule, Condition):
        if old == new:  # a number that was a text, for example
            return f"{old}, written {json.dumps(thawed(before.rule.value))} → {json.dumps(thawed(after.rule.value))}"
        pattern = _pattern(before.rule, before.met)
        if before.rule.property == after.rule.property:
            same = pattern == _pattern(after.rule, after.met) and pattern.endswith("{}")
            label = quoted(names.of_property(after.rule.property))
            return f"{old} → {_values(after.rule) if same else new.removeprefix(f'{label} ')}"
    return f"{old} → {new}"


def _pattern(condition: Condition, met: bool) -> str:
    """What stands behind the property, with {} for the values."""
    operator = OPERATORS.get(condition.operator)
    if operator is None:
        return f"{'' if met else 'not '}{_escaped(condition.operator)} {{}}"
    if operator.takes is Takes.NOTHING:
        return "has a value" if met else "has no value"
    return operator.says if met else operator.denies


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _values(condition: Condition) -> str:
    value, operator = condition.value, OPERATORS.get(condition.operator)
    values = value if isinstance(value, tuple) else (value,)
    is_date = operator is not None and Kind.DATE in operator.kinds
    shown = [_value(each, is_date, operator is not None and operator.takes is Takes.PERIOD) for each in values]
    if operator is not None and operator.joiner != "or":
        return listed(shown, operator.joiner)
    return shown[0] if len(shown) == 1 else f"any of {', '.join(shown)}" if shown else "nothing"


def _value(value: Json, is_date: bool, is_period: bool) -> str:
    if is_period:
        try:
            return amount_in_words(*period(thawed(value)))
        except Refused:
            return json.dumps(thawed(value))
    if isinstance(value, str):
        return date_in_words(value) if is_date else quoted(value)
    return json.dumps(thawed(value), ensure_ascii=False)


# --- two texts -------------------------------------------------------------------------------------------------------

Marked = list[tuple[str, bool]]  # pieces of a text, and whether they are not in the other


def marked(one: str, other: str) -> tuple[Marked, Marked]:
    """Two texts, with the words in which they differ marked."""
    words, others = one.split(" "), other.split(" ")
    first: Marked = []
    second: Marked = []
    for tag, i, i_end, k, k_end in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        for found, part in ((first, words[i:i_end]), (second, others[k:k_end])):
            if part:
                found.append((" ".join(part), tag != "equal"))
    return first, second
