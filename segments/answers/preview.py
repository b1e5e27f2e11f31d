"""Show what a rule that nobody has saved would do: who, how many, why so many, and who would enter and leave."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any as Json

from contacts import properties
from contacts.values import Kind, iso, milliseconds
from contacts.writing import documents
from segments.engine import audience
from segments.engine.audience import Audience, AudienceChange, Step
from segments.engine.summaries import ONLY_PINNED
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.check import check, find_property
from segments.rules.tree import Rule, referred
from segments.rules.words import sentence
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

SAMPLE = 10  # people


@dataclass(frozen=True)
class Preview:
    """`change`: what saving would do to the segment; None without one, or with `broken` if its rule cannot be used."""

    workspace: Workspace
    rule: Rule
    people: Audience
    steps: Sequence[Step]
    change: AudienceChange | None
    broken: Sequence[Problem]

    def as_json(self, also: Collection[str]) -> dict[str, Json]:
        """`also`: the properties whose values are to be counted among the people."""
        schema, name_of = self.people.schema, names(self.workspace, self.rule)
        funnel = [
            {"sentence": sentence(check(step.rule, schema), name_of), "alone": step.alone, "together": step.together}
            for step in self.steps
        ]
        return {
            "sentence": sentence(check(self.rule, schema), name_of),
            **count(self.people),
            "sample": _sample(self.people),
            "funnel": funnel,
            "properties": [_facets(self.people, reference) for reference in also],
            "change": self._changed(),
        }

    def _changed(self) -> dict[str, Json] | None:
        if self.change is None:
            return {"problems": [each.as_json() for each in self.broken]} if self.broken else None
        added, removed = self.change.added, self.change.removed
        return {
            "before": self.change.before.count,
            "after": self.change.after.count,
            "added": {"count": added.count, "sample": _sample(added)},
            "removed": {"count": removed.count, "sample": _sample(removed)},
        }


def preview(workspace: Workspace, rule: Rule, segment: Segment | None = None, also: Collection[str] = ()) -> Preview:
    """Who a rule finds; with a segment, as if it were that segment's, with its pins. All at one moment.

    Raises Invalid if the rule does not fit the workspace, SnapshotBusy.
    """
    parts = [RuleWithPins(rule, segment), *map(RuleWithPins, audience.steps(rule))]
    saved, broken = _saved(segment)
    try:
        found = audience.several(workspace, [*parts, *saved], also=also)
    except Invalid as error:
        if not saved:
            raise
        # What it says may be about the saved rule, which somebody is about to repair.
        found, saved, broken = audience.several(workspace, parts, also=also), [], error.problems
    people, steps = found[0], found[1 : len(parts)]
    change = AudienceChange(found[-1], people) if saved else None
    return Preview(workspace, rule, people, audience.funnel(rule, steps), change, broken)


def _saved(segment: Segment | None) -> tuple[list[RuleWithPins], list[Problem]]:
    if segment is None:
        return [], []
    try:
        return [RuleWithPins(segment.tree, segment)], []
    except Invalid as error:
        return [], error.problems


def names(workspace: Workspace, rule: Rule) -> Callable[[str], str]:
    """What the segments that a rule refers to are called. One query, and none where it refers to none."""
    named = {each.segment for each in referred(rule)}
    found = dict(workspace.segments.filter(pk__in=named).values_list("pk", "name")) if named else {}
    return lambda pk: found.get(pk, f"segment {pk}")


def in_words(workspace: Workspace, rule: Rule | None) -> str:
    """Raises Invalid."""
    if rule is None:
        return ONLY_PINNED
    return sentence(check(rule, properties.schema(workspace)), names(workspace, rule))


def count(people: Audience) -> dict[str, Json]:
    number = people.count
    return {
        "count": number,
        "people": people.people,
        "share": number / people.people if people.people else 0,
        "asOf": iso(people.now),
    }


def _sample(people: Audience) -> list[Mapping[str, Json]]:
    return [documents.write(contact) for contact in people.sample(SAMPLE)]


def _facets(people: Audience, reference: str) -> dict[str, Json]:
    """The most frequent values, and of numbers and dates how they are spread."""
    type_ = find_property(people.schema, reference)
    known = {"property": reference, "label": type_.label, "type": type_.kind}
    if type_.kind is Kind.OPAQUE:
        return known
    found = people.facets(reference)
    values = [{"value": each.value, "count": each.count} for each in found.values]
    written = {**known, "known": found.known, "missing": found.missing, "distinct": found.distinct, "values": values}
    return {**written, "histogram": _histogram(people, reference, type_.kind)}


def _histogram(people: Audience, reference: str, kind: Kind) -> dict[str, Json] | None:
    if kind not in (Kind.NUMBER, Kind.DATE):
        return None
    found = people.histogram(reference)
    bins = [
        {"start": _edge(kind, each.start), "end": _edge(kind, each.end), "count": each.count} for each in found.bins
    ]
    return {"step": found.step, "bins": bins}


def _edge(kind: Kind, value: float) -> float | str:
    return iso(min(int(value), _LAST)) if kind is Kind.DATE else value


_LAST = milliseconds(datetime.max.replace(tzinfo=UTC))  # a bin may end behind it
