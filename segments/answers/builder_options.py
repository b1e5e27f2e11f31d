"""What the rule builder offers to choose from: properties, operators in the words of a row, values, segments."""

from collections.abc import Sequence
from typing import Any

from contacts.columnar import catalogue
from contacts.columnar.catalogue import Entry
from contacts.models import Property
from contacts.schema import CUSTOM, TAG
from contacts.values import Kind
from segments import usage
from segments.engine import audience, summaries
from segments.models import Segment
from segments.rules.operators import OPERATORS, UNITS
from segments.rules.tree import MOST_CONDITIONS, MOST_LEVELS, All
from workspaces.models import Workspace

USUAL_VALUES = 20
MOST_SEGMENTS = 2_000
MOST_TOLD = 10  # segments counted for whoever chooses one

# Operator, and its words in a row; in front of those that are only shown where a rule has them stands a dash.
_WORDS: dict[Kind, str] = {
    Kind.TEXT: """
        is: is any of; is none of
        contains: contains; does not contain
        starts_with: starts with; does not start with
        ends_with: ends with; does not end with
        greater_than: - comes after; - does not come after
        at_least: - is or comes after; - does not come after or equal
        less_than: - comes before; - does not come before
        at_most: - is or comes before; - does not come before or equal
        is_known: has a value; has no value""",
    Kind.NUMBER: """
        is: is; is not
        at_least: is at least; - is not at least
        greater_than: is more than; - is not more than
        at_most: is at most; - is not at most
        less_than: is less than; - is not less than
        between: is between; is not between
        is_known: has a value; has no value""",
    Kind.DATE: """
        in_the_last: is in the last; is not in the last
        more_than_ago: is more than … ago; is not more than … ago
        in_the_next: is in the next; is not in the next
        before: is before; - is not before
        after: is after; - is not after
        on: is on; is not on
        at_or_before: is on or before; - is not on or before
        at_or_after: is on or after; - is not on or after
        between: is between; is not between
        is_known: has a value; has no value""",
    Kind.BOOLEAN: """
        is: is; is not
        is_known: has a value; has no value""",
    Kind.LIST: """
        includes: includes any of; includes none of
        includes_all: includes all of; does not include all of
        is_known: has a value; has no value""",
    Kind.OPAQUE: """
        is_known: has a value; has no value""",
}


def _operators(kind: Kind) -> list[dict[str, Any]]:
    """Those that are said plainly first, then the denials, and last whether there is a value at all."""
    rows = [line.strip().partition(": ") for line in _WORDS[kind].strip().splitlines()]
    found = [_operator(name, words, denied) for denied in (False, True) for name, words in _pairs(rows, denied)]
    return sorted(found, key=lambda each: each["operator"] == "is_known")


def _pairs(rows: list[tuple[str, str, str]], denied: bool) -> list[tuple[str, str]]:
    return [(name, words.split("; ")[denied]) for name, _, words in rows]


def _operator(name: str, words: str, denied: bool) -> dict[str, Any]:
    return {
        "operator": name,
        "denied": denied,
        "words": words.removeprefix("- "),
        "offered": not words.startswith("- "),
        "takes": OPERATORS[name].takes.name.lower(),
    }


def of(workspace: Workspace, segment: Segment | None) -> dict[str, Any]:
    """For a segment's rule, or a new one's: one that needs it cannot be named by it. Raises SnapshotBusy."""
    circles = usage.circles(segment) if segment else {}
    options = dict(Property.objects.filter(workspace=workspace).values_list("name", "options"))
    segments = workspace.segments.live().order_by("name", "id").values("id", "name")[:MOST_SEGMENTS]
    return {
        "workspace": {"id": workspace.pk, "name": workspace.name, "zone": workspace.timezone},
        "properties": [_property(entry, options) for entry in catalogue.read(workspace)],
        "operators": {kind.value: _operators(kind) for kind in Kind},
        "segments": [{**each, "circle": circles.get(each["id"], "")} for each in segments],
        "units": UNITS,
        "most": {"conditions": MOST_CONDITIONS, "levels": MOST_LEVELS},
    }


def _property(entry: Entry, options: dict[str, list[Any]]) -> dict[str, Any]:
    reference = entry.type.reference
    return {
        "reference": reference,
        "label": entry.type.label,
        "kind": entry.type.kind.value,
        "group": "Custom" if reference.startswith(CUSTOM) else "Tags" if reference.startswith(TAG) else "Basics",
        "known": entry.known,
        "people": None if entry.known is None or entry.missing is None else entry.known + entry.missing,
        "distinct": entry.distinct,
        "lowest": entry.lowest,
        "highest": entry.highest,
        "options": options.get(reference.removeprefix(CUSTOM), []) if reference.startswith(CUSTOM) else [],
    }


def values(workspace: Workspace, reference: str, text: str) -> dict[str, Any]:
    """What people have for a property, most frequent first; with `text` what holds it.

    Raises Invalid for an unknown property, SnapshotBusy.
    """
    found = audience.matching(workspace, All(), also=[reference]).facets(reference, USUAL_VALUES, text.strip())
    return {
        "values": [{"value": each.value, "count": each.count} for each in found.values],
        "distinct": found.distinct,
    }


def told(workspace: Workspace, ids: Sequence[str]) -> dict[str, Any]:
    """Of a few segments, how many are in each and what its rule says."""
    segments = workspace.segments.live().filter(pk__in=ids[:MOST_TOLD]).select_related("workspace")
    return {
        pk: {"count": each.count, "words": each.problem or each.sentence}
        for pk, each in summaries.told(segments).items()
    }


def suggested(workspace: Workspace, text: str) -> list[dict[str, Any]]:
    """Properties that somebody typing this may mean by one of their values. Raises SnapshotBusy."""
    return [
        {"reference": entry.type.reference, "values": [each.value for each in entry.values[:3]]}
        for entry in catalogue.suggest(workspace, text)
        if any(text.strip().lower() in str(each.value).lower() for each in entry.values)
    ]
