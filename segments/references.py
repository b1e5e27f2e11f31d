"""Find the segments that a rule needs, and refuse circles of them."""

from segments.models import Segment
from segments.rules.tree import InSegment, Rule, referred
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MOST_SEGMENTS = 50  # that one rule may need, directly or not


def in_order(workspace: Workspace, rule: Rule | None, root: Segment | None = None) -> list[Segment]:
    """The live segments that a rule needs, each once and behind those that it needs itself.

    `root` is the segment whose rule this is or is to be. Raises Invalid for an unknown segment, a circle (with its
    path) and more than 50 segments. Saving checks this under a lock; reading checks again and fails closed.
    """
    if rule is None:
        return []
    found = _all_needed(workspace, rule)
    if root is not None:
        found[root.pk] = root
    ordered: dict[str, Segment] = {}

    def visit(reference: InSegment, path: tuple[str, ...]) -> None:
        segment = found.get(reference.segment)
        if segment is None:
            raise Invalid([Problem(reference.at, f"there is no segment {reference.segment!r}")])
        if segment.pk in path:
            circle = " → ".join(found[pk].name for pk in [*path, segment.pk])
            raise Invalid([Problem(reference.at, f"segments would refer to each other in a circle: {circle}")])
        if segment.pk not in ordered:
            for inner in referred(segment.tree) if segment.tree else ():
                visit(inner, (*path, segment.pk))
            ordered[segment.pk] = segment

    for reference in referred(rule):
        visit(reference, (root.pk,) if root else ())
    return list(ordered.values())


def _all_needed(workspace: Workspace, rule: Rule) -> dict[str, Segment]:
    """Level by level, one query each."""
    found: dict[str, Segment] = {}
    wanted = {reference.segment for reference in referred(rule)}
    while wanted:
        fetched = workspace.segments.live().in_bulk(wanted)
        found |= fetched
        if len(found) > MOST_SEGMENTS:
            raise Invalid([Problem("", f"a rule can need {MOST_SEGMENTS} other segments at most; this one needs more")])
        trees = (segment.tree for segment in fetched.values())
        wanted = {reference.segment for tree in trees if tree for reference in referred(tree)} - found.keys()
    return found
