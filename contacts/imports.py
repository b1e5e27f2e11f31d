"""Import people from a CSV file into a workspace; csvfile, mapping, guesses and cells read and understand it.

The file is read twice, and never held whole. The first reading finds everything that speaks against the file and
the types of its new properties; only then is anything written. The second reading writes.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, BinaryIO

import psycopg
from django.core.exceptions import ValidationError
from django.db import transaction

from contacts import extract, keys, properties, staging
from contacts.builtin import BUILTIN
from contacts.cells import Checked, cells_of, check
from contacts.csvfile import Batch, Skipped, Source, open_source
from contacts.guesses import Doubt, Guess
from contacts.mapping import Column, Plan, plan
from contacts.refresh import refresh
from contacts.repeats import Repeats
from contacts.schema import CUSTOM, TAG
from contacts.staging import FIELDS, OBJECTS
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

ROWS_A_BATCH = 10_000


@dataclass
class Outcome:
    """What became of the rows of a file; the five add up to `rows`."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.created + self.updated + self.unchanged + self.duplicates + self.rejected


# --- the first reading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What a whole file turned out to hold."""

    plan: Plan  # with the kinds of its new properties
    rows: int
    doubts: tuple[Doubt, ...]
    repeats: Repeats


def survey(source: Source, plan: Plan, zone: tzinfo, watcher: "Watcher") -> Survey:
    """Read a whole file. Raises Invalid where it cannot be read to its end."""
    guesses = {place: Guess() for place, column in enumerate(plan.columns) if column.is_new}
    repeats, rows = Repeats(), 0
    for batch in source.batches(len(plan.columns), ROWS_A_BATCH):
        raw: list[Sequence[str]] = list(zip(*batch.rows, strict=True))
        if raw:
            for place, guess in guesses.items():
                guess.take(batch.lines, raw[place], zone)
            _add_keys(repeats, plan.key_column, batch.lines, raw[plan.key], zone)
        rows += len(batch)
        watcher.checked(rows)
    typed = plan.typed({plan.columns[place].reference: guess.kind() for place, guess in guesses.items()})
    doubts = [guess.doubt(plan.columns[place].header) for place, guess in guesses.items()]
    repeats.settle()
    _note_good(source, typed, repeats, zone)
    return Survey(typed, rows, tuple(filter(None, doubts)), repeats)


def _add_keys(repeats: Repeats, key: Column, lines: Sequence[int], raw: Sequence[str], zone: tzinfo) -> None:
    pairs = zip(lines, cells_of(key, raw, zone).values, strict=True)
    known = [(line, value.lower() if key.reference == "email" else value) for line, value in pairs if value]
    repeats.add([line for line, _value in known], (value for _line, value in known))


def _note_good(source: Source, plan: Plan, repeats: Repeats, zone: tzinfo) -> None:
    """Of rows with the same key the last counts; but a bad row never takes the place of a good one."""
    if not repeats:
        return
    for batch in source.batches(len(plan.columns), ROWS_A_BATCH):
        chosen = repeats.among(batch.lines)
        some = Batch(list(itertools.compress(batch.lines, chosen)), list(itertools.compress(batch.rows, chosen)))
        repeats.note_good(check(plan, some, zone).good())


# --- the second reading -----------------------------------------------------------------------------------------------

Row = tuple[Any, ...]  # its line; then what it says of each of the FIELDS and OBJECTS of staging


def staged(checked: Checked, skip: set[int]) -> list[Row]:
    """Rows as they are to be written, but for whom they are about."""
    fields: dict[str, Iterable[Any]] = {}
    parts: dict[str, list[Sequence[str | None]]] = {name: [] for name in OBJECTS}
    for cells in checked.columns:
        builtin = BUILTIN.get(cells.column.reference)
        if builtin is None:
            parts["custom" if cells.column.reference.startswith(CUSTOM) else "substitution_tags"].append(cells.values)
        elif builtin.name == "fullName":
            fields["first_name"], fields["last_name"] = _first_and_last(cells.values)
        elif builtin.column:
            fields[builtin.column] = cells.values
        else:
            parts["profile"].append(cells.values)
    nothing, none = itertools.repeat(None), itertools.repeat("{}")
    objects: list[Iterable[str]] = []
    for columns in parts.values():
        objects += map(_object, zip(*columns, strict=True)) if columns else none, none  # a file takes nothing away
    rows = zip(checked.lines, *(fields.get(name, nothing) for name in FIELDS), *objects, strict=False)
    return [row for row in rows if row[0] not in skip]


def _object(parts: Iterable[str | None]) -> str:
    return "{" + ",".join(filter(None, parts)) + "}"


def _first_and_last(names: Iterable[str | None]) -> tuple[list[str | None], list[str | None]]:
    """A full name is all of a name: one without a space says that there is no last name."""
    parts = [name.partition(" ") if name else (None, "", None) for name in names]
    return [first for first, _, _ in parts], [last and last.strip() for _, _, last in parts]


@dataclass
class Written:
    """What one transaction did."""

    created: int
    updated: int
    unchanged: int
    skipped: list[Skipped]


def write(workspace: Workspace, plan: Plan, rows: Sequence[Row], *, dry_run: bool = False) -> Written:
    """Bring these people up to date or add them, in one transaction; one that others got in the way of is repeated.

    Raises Invalid if a property is no longer what it was when its column was read.
    """
    if not rows:
        return Written(0, 0, 0, [])

    def attempt() -> Written:
        with transaction.atomic(durable=True), extract.cursor() as cursor:
            if not dry_run:
                _hold(workspace, plan)
            written = _write(cursor, workspace.pk, plan, rows)
            transaction.set_rollback(dry_run)
            return written

    return staging.undisturbed(attempt)


def _hold(workspace: Workspace, plan: Plan) -> None:
    """Hold the properties of the columns to the end of the transaction. Raises Invalid if one has changed."""
    properties.hold_types(workspace)
    schema = properties.schema(workspace)
    changed = [
        Problem(f"column {column.header}", "its property was changed or deleted meanwhile; import the file again")
        for column in plan.columns
        if column.reference and getattr(schema.get(column.reference), "kind", None) != column.kind
    ]
    if changed:
        raise Invalid(changed)


def _write(cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: Sequence[Row]) -> Written:
    key = plan.key_column.reference
    place = 1 + FIELDS.index(BUILTIN[key].column)
    spelled = {row[place] for row in rows}
    keys.hold(workspace_id, [(key, value) for value in spelled])
    same = keys.lowered(cursor, spelled) if key == "email" else {value: value for value in spelled}
    # Python and PostgreSQL do not lower every letter alike, so two rows may turn out here to be one person.
    last = {same[row[place]]: row for row in rows}
    header = plan.key_column.header
    replaced = [(row, last[same[row[place]]]) for row in rows if row is not last[same[row[place]]]]
    skipped = [Skipped.by_later(row[0], header, row[place], by[0]) for row, by in replaced]
    known = {each.key(key): each.id for each in reversed(keys.find(cursor, workspace_id, key, last))}  # the lowest id
    people = [(known.get(value), row) for value, row in last.items()]
    if key != "externalId":
        people, taken = _apart_from_others(cursor, workspace_id, plan, people)
        skipped += taken
    merged = staging.merge(cursor, workspace_id, [(contact, *row[1:]) for contact, row in people])
    unchanged = len(people) - merged.created - len(merged.updated)
    return Written(merged.created, len(merged.updated), unchanged, skipped)


_People = list[tuple[int | None, Row]]


def _apart_from_others(
    cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, people: _People
) -> tuple[_People, list[Skipped]]:
    """Where people are found by something else, an external id may be somebody else's already, or named twice."""
    named = {row[1] for _, row in people if row[1]}
    owner = {each.external_id: each.id for each in keys.find(cursor, workspace_id, "externalId", named)}
    left: _People = []
    skipped, seen = [], set()
    for contact, row in people:
        line, external_id = row[:2]
        if external_id in owner and owner[external_id] != contact:
            reason = "is somebody else's external id"
        elif external_id in seen:
            reason = "is the external id of somebody further up"
        else:
            left.append((contact, row))
            seen |= {external_id} - {None}
            continue
        skipped.append(Skipped(line, plan.header("externalId"), external_id, reason))
    return left, skipped


# --- an import --------------------------------------------------------------------------------------------------------


class Watcher:
    """Is told how an import goes. These methods do nothing; an observer overrides those it wants."""

    def checked(self, rows: int) -> None:
        """So many rows have been read for the first time."""

    def surveyed(self, survey: Survey) -> None:
        """The file is in order; what follows is the writing."""

    def skipped(self, row: Skipped) -> None:
        """A row has not been taken."""

    def written(self, outcome: Outcome) -> None:
        """So much has been written, and stays written."""


def import_contacts(
    workspace: Workspace,
    file: BinaryIO,
    key: str,
    mapping: Mapping[str, str] | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    dry_run: bool = False,
    watcher: Watcher | None = None,
) -> Outcome:
    """Bring the people of a file up to date and add those who are not there; who is who, the column `key` says.

    Raises Invalid, with nothing written, where the file or the mapping is wrong. Not to be called in a transaction:
    every batch is one of its own. Run again after an interruption it finds unchanged what was written before.
    """
    watcher = watcher or Watcher()
    source = open_source(file, encoding, delimiter)
    columns = plan(source.header(), key, mapping or {}, properties.schema(workspace))
    found = survey(source, columns, workspace.zone, watcher)
    watcher.surveyed(found)
    if not dry_run and found.rows:
        found = replace(found, plan=_declared(workspace, found.plan))
    return _take_in(workspace, source, found, watcher, dry_run=dry_run)


def _declared(workspace: Workspace, plan: Plan) -> Plan:
    """Declare a file's new properties. One that somebody else declared meanwhile keeps its type."""
    references = {column.reference: column.kind for column in plan.columns}
    customs = {name.removeprefix(CUSTOM): kind for name, kind in references.items() if name.startswith(CUSTOM)}
    try:
        properties.declare(workspace, customs)
    except ValidationError as error:
        raise Invalid(Problem("header", message) for message in error.messages) from None
    properties.declare_tags(workspace, [name.removeprefix(TAG) for name in references if name.startswith(TAG)])
    schema = properties.schema(workspace)
    return plan.typed({name: type_.kind for name in references if (type_ := schema.get(name))})


def _take_in(workspace: Workspace, source: Source, survey: Survey, watcher: Watcher, *, dry_run: bool) -> Outcome:
    outcome, refreshed = Outcome(), 0
    for batch in source.batches(len(survey.plan.columns), ROWS_A_BATCH):
        _take_in_batch(workspace, batch, survey, outcome, watcher, dry_run=dry_run)
        watcher.written(outcome)
        if not dry_run and outcome.rows - refreshed >= ROWS_A_BATCH:
            refresh(workspace)
            refreshed = outcome.rows
    if outcome.rows > refreshed and not dry_run:
        refresh(workspace)
    return outcome


def _take_in_batch(
    workspace: Workspace, batch: Batch, survey: Survey, outcome: Outcome, watcher: Watcher, *, dry_run: bool
) -> None:
    checked = check(survey.plan, batch, workspace.zone)
    skipped = [*checked.skipped, *_replaced(checked, survey)]
    rows = staged(checked, {row.line for row in skipped})
    written = write(workspace, survey.plan, rows, dry_run=dry_run)
    skipped += written.skipped
    outcome.created += written.created
    outcome.updated += written.updated
    outcome.unchanged += written.unchanged
    outcome.duplicates += len({row.line for row in skipped if row.replaced})
    outcome.rejected += len({row.line for row in skipped if not row.replaced})
    for row in sorted(skipped, key=lambda row: row.line):
        watcher.skipped(row)


def _replaced(checked: Checked, survey: Survey) -> Iterator[Skipped]:
    """The good rows of a batch for which others further down stand."""
    if later := survey.repeats.replaced(checked.good()):
        key = next(cells for cells in checked.columns if cells.column == survey.plan.key_column)
        for line, cell in zip(checked.lines, key.raw, strict=True):
            if line in later:
                yield Skipped.by_later(line, key.column.header, cell.strip(), later[line])
