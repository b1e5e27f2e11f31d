"""Keep for every property how many people have it and with what values, and suggest properties and values from that.

The background refresh brings it up to date where the snapshot has changed. No request reads contacts for it, except
in a small workspace, where that takes no time and spares everybody the wait.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import connection
from django.db.models import Q

from contacts import properties
from contacts.columnar import facets, snapshot
from contacts.columnar.columns import GONE, ID, misfits
from contacts.columnar.facets import Facets, Value
from contacts.columnar.snapshot import Reading
from contacts.models import PropertySummary
from contacts.schema import BUILTIN_TYPES, PropertyType
from contacts.values import fold, moment_of
from workspaces.models import Workspace

TOP = 100  # values kept of each property
SMALL = 20_000  # people, up to which whoever asks brings the catalogue up to date
VALUES_AT_ONCE = 2_000_000  # people times properties that are read in one go


@dataclass(frozen=True)
class Entry:
    """What is known of a property as of a moment; where it has yet to be counted, None."""

    type: PropertyType
    known: int | None = None
    missing: int | None = None
    misfits: int | None = None  # of the missing: those who have something stored that is not of the property's type
    distinct: int | None = None
    lowest: float | str | None = None  # of numbers and dates, these as ISO instants
    highest: float | str | None = None
    values: list[Value] = field(default_factory=list)  # the most frequent ones, most frequent first
    as_of: datetime | None = None

    @property
    def fill_rate(self) -> float | None:
        """The share of people who have a value."""
        if self.known is None or self.missing is None:
            return None
        return self.known / max(self.known + self.missing, 1)


def read(workspace: Workspace) -> list[Entry]:
    """Every property, the built-in ones first."""
    keep(workspace, only_if_small=True)
    types = properties.schema(workspace).types()
    rows = {row.column: row for row in workspace.property_summaries.all()}
    return [_entry(type_, rows.get(type_.column)) for type_ in types]


def counted(workspace: Workspace, reference: str, limit: int) -> Facets:
    """The most frequent values of a built-in property as of now, read for this question alone. Raises SnapshotBusy."""
    reading = snapshot.read(workspace, [reference])
    type_, zone = BUILTIN_TYPES[reference], reading.schema.zone
    return facets.facets(workspace.pk, facets.everybody(reading), type_, zone, limit)


def suggest(workspace: Workspace, text: str, limit: int = 10) -> list[Entry]:
    """The properties that somebody typing this may mean, by their name or by a value, likeliest first.

    Of one that is found by its values alone, only those are given in which the text occurs.
    """
    keep(workspace, only_if_small=True)
    wanted = fold(text.strip())
    types = {type_.column: type_ for type_ in properties.schema(workspace).types()}
    named = [column for column, type_ in types.items() if _rank(type_, wanted) < _BY_VALUE]
    query = workspace.property_summaries.filter(Q(column__in=named) | Q(texts__contains=wanted), column__in=types)
    rows = {row.column: row for row in query}
    found = [_entry(types[column], rows.get(column)) for column in {*named, *rows}]
    found.sort(key=lambda entry: (_rank(entry.type, wanted), -(entry.known or 0), entry.type.reference))
    return [entry if entry.type.column in named else _containing(entry, wanted) for entry in found[:limit]]


_BY_VALUE = 2


def _rank(type_: PropertyType, wanted: str) -> int:
    names = fold(type_.label), fold(type_.reference.rpartition(".")[2])
    return 0 if any(map(str.startswith, names, (wanted, wanted))) else 1 if wanted in "\n".join(names) else _BY_VALUE


def _containing(entry: Entry, wanted: str) -> Entry:
    return replace(entry, values=[value for value in entry.values if wanted in fold(str(value.value))])


def _entry(type_: PropertyType, row: PropertySummary | None) -> Entry:
    if row is None:
        return Entry(type_)
    values = [Value(value, count) for value, count in row.values]
    return Entry(type_, row.known, row.missing, row.misfits, row.distinct, row.lowest, row.highest, values, row.as_of)


# --- keeping -------------------------------------------------------------------------------------------------------


def keep(workspace: Workspace, *, only_if_small: bool = False) -> int:
    """Bring the catalogue up to date; how many properties were counted anew.

    Two at once do the same work twice and no harm. Raises SnapshotBusy.
    """
    found = _state(workspace)
    if only_if_small and found.people > SMALL:
        return 0
    types = properties.schema(workspace).types()
    rows = workspace.property_summaries
    held = {column: bytes(state) for column, state in rows.values_list("column", "state")}
    stale = [type_ for type_ in types if held.get(type_.column) != found.of(type_.column)]
    summaries = list(_summaries(workspace, stale, found))
    PropertySummary.objects.bulk_create(
        summaries,
        update_conflicts=True,
        unique_fields=["workspace", "column"],
        update_fields=[field.name for field in PropertySummary._meta.fields if field.name not in _KEY],
    )
    if gone := held.keys() - {type_.column for type_ in types}:
        rows.filter(column__in=gone).delete()
    return len(summaries)


_KEY = ("id", "workspace", "column")


@dataclass(frozen=True)
class _State:
    """Digests of the snapshot's columns and of the marks upon it, by which a summary knows whether it is up to date."""

    columns: dict[str, str]
    marks: str
    people: int

    def of(self, column: str) -> bytes:
        parts = [self.columns.get(each, "") for each in (ID, GONE, column, misfits(column))]
        return hashlib.blake2b("/".join([*parts, self.marks]).encode(), digest_size=12).digest()


def _state(workspace: Workspace) -> _State:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT "column", string_agg(first_id || ':' || encode(digest, 'hex'), ' ' ORDER BY first_id), sum(rows)
            FROM contacts_snapshotcolumn WHERE workspace_id = %(workspace)s GROUP BY "column"
            UNION ALL
            SELECT '', count(*) || ':' || max(id), count(*) FROM contacts_contactmark WHERE workspace_id = %(workspace)s
            """,
            {"workspace": workspace.pk},
        )
        found = {column: (state or "", int(rows)) for column, state, rows in cursor}
    marks, marked = found.pop("")
    people = found[ID][1] if ID in found else 0
    return _State({column: state for column, (state, _) in found.items()}, marks, people + marked)


def _summaries(workspace: Workspace, types: list[PropertyType], state: _State) -> Iterator[PropertySummary]:
    """A few properties at a time, so that a large workspace does not fill the memory with all its columns."""
    together = max(VALUES_AT_ONCE // max(state.people, 1), 1)
    for start in range(0, len(types), together):
        part = types[start : start + together]
        reading = snapshot.read(workspace, [type_.reference for type_ in part], misfits=True)
        for type_ in part:
            yield _summary(workspace, type_, reading, state.of(type_.column))
        if state.people > SMALL:  # this is the background, where nobody asks for these columns again
            del reading
            snapshot.cache.clear()


def _summary(workspace: Workspace, type_: PropertyType, reading: Reading, state: bytes) -> PropertySummary:
    everybody = facets.everybody(reading)
    found = facets.facets(workspace.pk, everybody, type_, reading.schema.zone, TOP)
    # Where values are many, one that a single person has suggests nothing and tells on that person.
    values = [value for value in found.values if value.count > 1 or found.distinct <= TOP]
    lowest, highest = facets.extremes(everybody, type_)
    return PropertySummary(
        workspace=workspace,
        column=type_.column,
        known=found.known,
        missing=found.missing,
        misfits=sum(int((layer.frame[misfits(type_.reference)] & mask).sum()) for layer, mask in everybody),
        distinct=found.distinct,
        lowest=lowest,
        highest=highest,
        values=[[value.value, value.count] for value in values],
        texts="\n".join(fold(str(value.value)) for value in values),
        state=state,
        as_of=moment_of(reading.now),
    )
