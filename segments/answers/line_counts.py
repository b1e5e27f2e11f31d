"""Follow people through a rule: how many come to each line of it, and how many meet it there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from segments.engine.audience import Audience
from segments.rules.tree import ROOT, All, Any, Condition, Leaf, Not, Rule, walk


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


# What a line is made of: who meets the node at a place ("node", "rule.all[0]"), who has a value ("known", "plan").
Key = tuple[str, str]


def asked(rule: Rule) -> dict[Key, Rule]:
    """What has to be evaluated, at one moment, for `lines`."""
    nodes: dict[Key, Rule] = {("node", each.at): each.node for each in walk(rule)}
    return nodes | {("known", name): Condition(name, "is_known") for name in _denied(rule)}


def lines(rule: Rule, found: Mapping[Key, Audience], everybody: Audience) -> list[Line]:
    """Of all groups, outer ones first. `found`: who meets each of `asked`."""
    top = _line(rule, ROOT, everybody, everybody.count, found["node", ROOT].count, found)
    return [top, *_inside(rule, ROOT, everybody, found)]


def _denied(rule: Rule) -> list[str]:
    """The properties of which a value is denied somewhere."""
    nodes = (each.node for each in walk(rule))
    found = (node.rule for node in nodes if isinstance(node, Not) and isinstance(node.rule, Condition))
    return list(dict.fromkeys(each.property for each in found if each.operator != "is_known"))


def _inside(group: Rule, at: str, coming: Audience, found: Mapping[Key, Audience]) -> Iterator[Line]:
    """The lines of a group that these people come to."""
    if isinstance(group, Leaf):
        return
    reached, waiting = coming.count, coming
    for place, part in group.parts.items():
        here, left = f"{at}.{place}", waiting
        if isinstance(group, Any):
            left = waiting - found["node", here]
            yield _line(part, here, waiting, reached, reached - left.count, found)
        elif isinstance(group, All):
            left = waiting & found["node", here]
            yield _line(part, here, waiting, reached, left.count, found)
        yield from _inside(part, here, waiting, found)
        waiting = left


def _line(part: Rule, at: str, coming: Audience, reached: int, met: int, found: Mapping[Key, Audience]) -> Line:
    unknown = 0
    match part:
        case Not(Condition(property, operator)) if operator != "is_known":
            unknown = (coming - found["known", property]).count
    return Line(at, reached, met, found["node", at].count, unknown)
