"""Say in one sentence why somebody is in or not, and find the fewest conditions that would let them in."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from contacts.values import Kind
from segments.rules.check import Test
from segments.rules.explanation import Denial, Group, Leaf, Membership, NeededChange, Node, Pinned
from segments.rules.operators import OPERATORS
from segments.rules.tree import InSegment
from segments.rules.words import MIGHT_BE, PLAINLY, Voice, label, said

MOST_WAYS = 8  # that are kept while looking for the shortest one
MOST_SAID = 10  # conditions in one sentence

Fact = Leaf | Membership


def why(rule: Node | None, is_in: bool, pin: Pinned | None, changes: tuple[NeededChange, ...], until: str = "") -> str:
    """`changes`: what `closest` finds; `until`: the last day of the pin, in words."""
    pin = pin if pin and pin.in_force else None
    remarks = ", ".join(filter(None, [" ".join(pin.reason.split()), until and f"until {until}"])) if pin else ""
    by_hand = f"by hand ({remarks})" if remarks else "by hand"
    match is_in, rule is not None and rule.met:
        case True, True:
            return f"Is in because {_because(rule, 'everyone is')}{f', and also {by_hand}' if pin else ''}."
        case True, False:
            return f"Is in {by_hand}{'; the rule does not find them' if rule else ''}."
        case False, True:
            return f"Is kept out {by_hand} although the rule finds them."
    if pin:
        return f"Is kept out {by_hand}{'; the rule does not find them either' if rule else ''}."
    if rule is None:
        return "Is not among those added by hand, and there is no rule."
    if changes:
        return f"Would be in if {_joined(each.words for each in changes)}."
    return f"Is not in because {_because(rule, 'nobody can be')}."


def _because(rule: Node | None, otherwise: str) -> str:
    return _joined(map(_so, facts(rule)) if rule else ()) or otherwise


def _joined(words: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(words))
    rest = len(distinct) - MOST_SAID
    more = [f"{rest} more, which the tree shows"] if rest > 0 else []
    return " and ".join([*distinct[:MOST_SAID], *more])


# --- what is so ----------------------------------------------------------------------------------------------------


def facts(node: Node) -> tuple[Fact, ...]:
    """The fewest conditions that, being met or not as they are, make this node what it is."""
    match node:
        case Denial():
            return facts(node.part)
        case Group():
            telling = [facts(part) for part in node.parts if part.met == node.met]
            return tuple(itertools.chain(*telling)) if _takes_all(node, node.met) else min(telling, key=len)
    return (node,)


def _takes_all(group: Group, met: bool) -> bool:
    """Whether all parts have a share in the group's being met, or not; else one is enough."""
    return (group.joiner == "all") == met


def _so(fact: Fact) -> str:
    if isinstance(fact, Membership):
        return _said(fact, fact.met, PLAINLY)
    name, held = label(fact.test), fact.stored
    if fact.met and fact.test.operator.name == "is" and len(fact.test.shown) > 1:
        return f"{name} is {held.shown}"
    if not held.fits:
        return f"{name} holds {held.shown}, which counts as missing"
    if held.value is None:
        return f"they {OPERATORS['is_known'].denies.format(label=name)}"
    return _said(fact, fact.met, PLAINLY)


def _said(fact: Fact, met: bool, voice: Voice) -> str:
    return said(_key(fact), met, voice, lambda _: fact.explanation.name if isinstance(fact, Membership) else "")


def _key(fact: Fact) -> Test | InSegment:
    """What two facts have in common that cannot be one without the other."""
    return fact.test if isinstance(fact, Leaf) else fact.member


# --- what would have to change -------------------------------------------------------------------------------------

Way = tuple[Fact, ...]  # that would each have to become the opposite of what they are


def closest(rule: Node) -> tuple[NeededChange, ...]:
    """The fewest conditions that would have to change for the rule to find somebody whom it does not find.

    Ways that cannot be gone are passed over: whose country is DE has not the country AT as well, and what a change
    undoes on its way must not be needed. Nothing where no way is left.
    """
    everything = list(_all_facts(rule))
    for way in _ways(rule, True):
        if _leads_in(rule, way, everything):
            distinct: dict[Test | InSegment, Fact] = {}
            for fact in way:
                distinct.setdefault(_key(fact), fact)
            return tuple(
                NeededChange(fact.at, _said(fact, not fact.met, MIGHT_BE), not fact.met) for fact in distinct.values()
            )
    return ()


def _ways(node: Node, met: bool) -> list[Way]:
    """The shortest ways to make a node met, or not met."""
    if node.met == met:
        return [()]
    match node:
        case Denial():
            return _ways(node.part, not met)
        case Group() if _takes_all(node, met):
            ways: list[Way] = [()]
            for part in node.parts:
                more = _ways(part, met)
                ways = _shortest(one + other for one in ways for other in more if _agree(one, other))
            return ways
        case Group():
            return _shortest(way for part in node.parts for way in _ways(part, met))
    return [(node,)]


def _shortest(ways: Iterable[Way]) -> list[Way]:
    return sorted(ways, key=lambda way: len(set(map(_key, way))))[:MOST_WAYS]


def _agree(one: Way, other: Way) -> bool:
    pairs = itertools.product(one, other)
    return not any(_exclude(_key(here), not here.met, _key(there), not there.met) for here, there in pairs)


def _leads_in(rule: Node, way: Way, everything: Iterable[Fact]) -> bool:
    """Whether they are in at the end of this way, on which it may have undone some of what they meet now."""
    changed = {_key(fact): not fact.met for fact in way}
    truth = {
        key: changed.get(key, fact.met ^ any(_exclude(other, met, key, fact.met) for other, met in changed.items()))
        for fact in everything
        for key in [_key(fact)]
    }
    return _holds(rule, truth)


def _holds(node: Node, truth: Mapping[Test | InSegment, bool]) -> bool:
    match node:
        case Denial():
            return not _holds(node.part, truth)
        case Group():
            return (all if node.joiner == "all" else any)(_holds(part, truth) for part in node.parts)
    return truth[_key(node)]


def _all_facts(node: Node) -> Iterator[Fact]:
    match node:
        case Denial():
            yield from _all_facts(node.part)
        case Group():
            for part in node.parts:
                yield from _all_facts(part)
        case _:
            yield node


# --- what cannot be so at once -------------------------------------------------------------------------------------


def _exclude(one: Test | InSegment, met: bool, other: Test | InSegment, other_met: bool) -> bool:
    """Whether no person can be so in both. Where this is not known they are taken to go together."""
    if isinstance(one, InSegment) or isinstance(other, InSegment):
        return one == other and met != other_met
    if one.property.reference != other.property.reference or not (met or other_met):
        return False  # whoever has no value meets neither
    if met and other_met:
        return _apart(one, other)
    return _within(one, other) if met else _within(other, one)


def _apart(one: Test, other: Test) -> bool:
    here, there = _spans(one), _spans(other)
    if here is None or there is None:
        return False
    return not any(low <= last and first <= high for low, high in here for first, last in there)


def _within(one: Test, other: Test) -> bool:
    """Whether all values that meet the one also meet the other."""
    if one == other or other.operator.name == "is_known":
        return True
    here, there = _spans(one), _spans(other)
    if here is None or there is None:
        return False
    return all(any(first <= low and high <= last for first, last in there) for low, high in here)


Spans = list[tuple[Any, Any]]


def _spans(test: Test) -> Spans | None:
    """The values that meet a condition, as spans with both ends in them; None where they cannot be written so."""
    spans = _SPANS.get(test.property.kind, {}).get(test.operator.name)
    return spans(*test.values) if spans else None


_SAME: dict[str, Callable[..., Spans]] = {"is": lambda *values: [(value, value) for value in values]}
_ANY = math.inf
_SPANS: dict[Kind, dict[str, Callable[..., Spans]]] = {
    Kind.TEXT: _SAME,
    Kind.BOOLEAN: _SAME,
    Kind.NUMBER: {
        **_SAME,
        "greater_than": lambda value: [(math.nextafter(value, _ANY), _ANY)],
        "at_least": lambda value: [(value, _ANY)],
        "less_than": lambda value: [(-_ANY, math.nextafter(value, -_ANY))],
        "at_most": lambda value: [(-_ANY, value)],
        "between": lambda low, high: [(low, high)],
    },
    Kind.DATE: {  # of milliseconds, and what a rule names is itself one: from its first to just after its last
        "before": lambda day: [(-_ANY, day[0] - 1)],
        "at_or_before": lambda day: [(-_ANY, day[1] - 1)],
        "after": lambda day: [(day[1], _ANY)],
        "at_or_after": lambda day: [(day[0], _ANY)],
        "on": lambda day: [(day[0], day[1] - 1)],
        "between": lambda days: [(days[0], days[1] - 1)],
    },
}
