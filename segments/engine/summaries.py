"""Say of many segments at once what each one's rule is and how many people are in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from contacts import properties
from contacts.columnar import snapshot
from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.schema import Schema
from segments.engine import audience
from segments.engine.audience import Audience
from segments.engine.evaluation import Read
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.check import check
from segments.rules.tree import referred
from segments.rules.words import sentence
from workspaces.models import Workspace
from workspaces.problems import Invalid

Key = TypeVar("Key")

ONLY_PINNED = "The people who are pinned in, and nobody else."


@dataclass(frozen=True)
class Told:
    """`count`: None where nobody can say; `problem`: why."""

    sentence: str
    count: int | None
    problem: str = ""


def told(segments: Iterable[Segment]) -> dict[str, Told]:
    """By the segments' ids. The number of queries grows with the workspaces, not with the segments."""
    by_workspace: dict[Workspace, list[Segment]] = {}
    for segment in segments:
        by_workspace.setdefault(segment.workspace, []).append(segment)
    found: dict[str, Told] = {}
    for workspace, held in by_workspace.items():
        found |= _told(workspace, held)
    return found


def _told(workspace: Workspace, segments: Sequence[Segment]) -> dict[str, Told]:
    schema, names = properties.schema(workspace), _names(workspace, segments)
    sentences: dict[str, str] = {}
    problems: dict[str, str] = {}
    for segment in segments:
        try:
            sentences[segment.pk] = _sentence(segment, schema, names)
        except Invalid as error:
            problems[segment.pk] = "; ".join(map(str, error.problems))
    readable = {segment.pk: RuleWithPins(segment.tree, segment) for segment in segments if segment.pk in sentences}
    counted = counts(workspace, readable)
    return {
        segment.pk: Told(
            sentences.get(segment.pk, ""),
            count if isinstance(count := counted.get(segment.pk), int) else None,
            problems.get(segment.pk) or (count if isinstance(count, str) else ""),
        )
        for segment in segments
    }


def _names(workspace: Workspace, segments: Iterable[Segment]) -> Mapping[str, str]:
    """What the segments are called that these ones name."""
    named: set[str] = set()
    for segment in segments:
        try:
            named |= {each.segment for each in referred(segment.tree)}
        except Invalid:
            continue  # told as the segment's problem
    return dict(workspace.segments.filter(pk__in=named).values_list("pk", "name")) if named else {}


def _sentence(segment: Segment, schema: Schema, names: Mapping[str, str]) -> str:
    if segment.tree is None:
        return ONLY_PINNED
    return sentence(check(segment.tree, schema), lambda pk: names.get(pk, f"segment {pk}"))


def counts(workspace: Workspace, wanted: Mapping[Key, RuleWithPins]) -> dict[Key, int | str]:
    """How many each of these finds, or why nobody can say; all in one pass where all can be read."""
    try:
        found = audiences(workspace, wanted)
    except SnapshotBusy:
        return dict.fromkeys(wanted, BUSY)
    return {key: each if isinstance(each, str) else each.count for key, each in found.items()}


def of_segments(
    workspace: Workspace, segments: Iterable[Segment], now: int | None = None, read: Read = snapshot.read
) -> dict[str, Audience | str]:
    """Who is in each of these by its id, or why nobody can say. Raises SnapshotBusy."""
    wanted, problems = dict[str, RuleWithPins](), dict[str, Audience | str]()
    for segment in segments:
        try:
            wanted[segment.pk] = RuleWithPins(segment.tree, segment)
        except Invalid as error:  # a rule that is none, which only raw SQL can store
            problems[segment.pk] = str(error)
    return problems | audiences(workspace, wanted, now, read)


def audiences(
    workspace: Workspace, wanted: Mapping[Key, RuleWithPins], now: int | None = None, read: Read = snapshot.read
) -> dict[Key, Audience | str]:
    """Who each of these finds, or why nobody can say. Raises SnapshotBusy."""
    if not wanted:
        return {}
    try:
        people = audience.several(workspace, list(wanted.values()), now, read=read)
    except Invalid as error:
        # One of them cannot be read, or names a segment that cannot: the others are read without it.
        if len(wanted) == 1:
            return dict.fromkeys(wanted, "; ".join(map(str, error.problems)))
        keys = list(wanted)
        halves = keys[: len(keys) // 2], keys[len(keys) // 2 :]
        one, other = (audiences(workspace, {key: wanted[key] for key in half}, now, read) for half in halves)
        return one | other
    return dict(zip(wanted, people, strict=True))
