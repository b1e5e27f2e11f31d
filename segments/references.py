"""Find the segments that rules need, and refuse circles of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segments.models import Segment
from segments.rules.tree import InSegment, Rule, referred
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MOST_SEGMENTS = 50  # that one rule may need, directly or not


@dataclass(frozen=True)
class RuleWithPins:
    """A rule, and the segment whose rule it is or is to be, where it is one's."""

    rule: Rule | None
    segment: Segment | None = None


def in_order(
    workspace: Workspace, wanted: Sequence[RuleWithPins], instead: Mapping[str, Rule | None] | None = None
) -> list[Segment]:
    """The live segments that these rules need, each once and behind those that it needs itself.

    `instead`: rules that some of them are about to get. Raises Invalid for an unknown segment, a circle (with its
    path) and a rule that needs more than 50. Saving checks this under a lock; reading checks again and fails closed.
    """
    named = {reference.segment for each in wanted for reference in referred(each.rule)}
    found, rules = _all_needed(workspace, named, 2 * MOST_SEGMENTS * len(wanted), instead or {})
    ordered: dict[str, Segment] = {}
    for each in wanted:
        ordered |= _needed(each, found, rules)
    return list(ordered.values())


def _needed(wanted: RuleWithPins, found: Mapping[str, Segment], rules: Mapping[str, Rule | None]) -> dict[str, Segment]:
    ordered: dict[str, Segment] = {}
    top = wanted.segment

    def visit(reference: InSegment, path: tuple[str, ...]) -> None:
        pk = reference.segment
        if pk in path:
            names = (top.name if top and each == top.pk else found[each].name for each in [*path, pk])
            problem = f"segments would refer to each other in a circle: {' → '.join(names)}"
            raise Invalid([Problem(reference.at, problem)])
        if pk not in found:
            raise Invalid([Problem(reference.at, f"there is no segment {pk!r}")])
        if len(path) > MOST_SEGMENTS:
            raise _too_many()
        if pk not in ordered:
            for inner in referred(rules[pk]):
                visit(inner, (*path, pk))
            ordered[pk] = found[pk]

    for reference in referred(wanted.rule):
        visit(reference, (top.pk,) if top else ())
    if len(ordered) > MOST_SEGMENTS:
        raise _too_many(top)
    return ordered


def _too_many(top: Segment | None = None) -> Invalid:
    who = f"the rule of {top.name}" if top else "a rule"
    return Invalid([Problem("", f"{who} can need {MOST_SEGMENTS} other segments at most, and would need more")])


def _all_needed(
    workspace: Workspace, named: set[str], most: int, instead: Mapping[str, Rule | None]
) -> tuple[dict[str, Segment], dict[str, Rule | None]]:
    """The segments and their rules, level by level, one query each; given up where there are far too many."""
    found: dict[str, Segment] = {}
    rules: dict[str, Rule | None] = {}
    while named:
        fetched = workspace.segments.live().in_bulk(named)
        found |= fetched
        rules |= {pk: instead.get(pk, segment.tree) for pk, segment in fetched.items()}
        if len(found) > most:
            raise _too_many()
        named = {reference.segment for pk in fetched for reference in referred(rules[pk])} - found.keys()
    return found, rules
