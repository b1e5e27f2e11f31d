"""Follow people through a rule: how many come to each line of it, and how many meet it there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from segments.engine.audience import Audience
from segments.rules.explain import nodes
from segments.rules.tree import All, Any, Condition, Not, Rule


@dataclass(frozen=True)
class Line:
    """A condition or group of a rule.

    `reached`: those who come to the group that the line stands in. `met`: of them, those who meet all lines of the
    group down to this one, or, where one is enough, any. `alone`: those who meet it, of everybody. `unknown`: of those
    who come to a denied condition, the ones let through because they have no value.
    """

    at: str  # like rule.all[0]
    reached: int
    met: int
    alone: int
    unknown: int = 0


@dataclass(frozen=True)
class _Measured:
    rule: Rule
    at: str
    people: Audience
    parts: tuple["_Measured", ...]


def wanted(rule: Rule) -> list[Rule]:
    """What has to be evaluated, in one call of `several`, for `lines`: every node, then who has a value."""
    return [*nodes(rule), *(Condition(name, "is_known") for name in _denied(rule))]


def lines(rule: Rule, audiences: Sequence[Audience], everybody: Audience) -> list[Line]:
    """Of all groups, outer ones first. `audiences` are those of `wanted`."""
    people = iter(audiences)
    measured = _measured(rule, "rule", people)
    known = dict(zip(_denied(rule), people, strict=True))
    top = [_line(measured, everybody, everybody.count, measured.people.count, known)]
    return top + list(_inside(measured, everybody, known))


def _denied(rule: Rule) -> list[str]:
    """The properties of which a value is denied somewhere."""
    found = (node.rule for node in nodes(rule) if isinstance(node, Not) and isinstance(node.rule, Condition))
    return list(dict.fromkeys(each.property for each in found if each.operator != "is_known"))


def _measured(rule: Rule, at: str, people: Iterator[Audience]) -> _Measured:
    who = next(people)
    match rule:
        case All(rules) | Any(rules):
            joiner = "all" if isinstance(rule, All) else "any"
            parts = tuple(_measured(part, f"{at}.{joiner}[{place}]", people) for place, part in enumerate(rules))
            return _Measured(rule, at, who, parts)
        case Not(part):
            return _Measured(rule, at, who, (_measured(part, f"{at}.not", people),))
    return _Measured(rule, at, who, ())


Known = dict[str, Audience]  # who has a value for a property


def _inside(group: _Measured, coming: Audience, known: Known) -> Iterator[Line]:
    """The lines of a group that these people come to."""
    reached, waiting = coming.count, coming
    for part in group.parts:
        if isinstance(group.rule, Any):
            left = waiting - part.people
            yield _line(part, waiting, reached, reached - left.count, known)
        elif isinstance(group.rule, All):
            left = waiting & part.people
            yield _line(part, waiting, reached, left.count, known)
        else:
            left = waiting
        yield from _inside(part, waiting, known)
        waiting = left


def _line(part: _Measured, coming: Audience, reached: int, met: int, known: Known) -> Line:
    unknown = 0
    match part.rule:
        case Not(Condition(property, operator)) if operator != "is_known":
            unknown = (coming - known[property]).count
    return Line(part.at, reached, met, part.people.count, unknown)
