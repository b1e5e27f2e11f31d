"""Import people from a CSV file into a workspace; csvfile, mapping, guesses and cells read and understand it.

The file is read twice, and never held whole. The first reading finds everything that speaks against the file and
the types of its new properties; only then is anything written. The second reading writes.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, BinaryIO, LiteralString

import psycopg
from django.core.exceptions import ValidationError
from django.db import transaction

from contacts import extract, properties
from contacts.builtin import BUILTIN
from contacts.cells import Checked, cells_of, check
from contacts.csvfile import Batch, Skipped, Source, open_source
from contacts.guesses import Doubt, Guess
from contacts.mapping import Column, Plan, plan
from contacts.refresh import refresh
from contacts.repeats import Repeats
from contacts.schema import CUSTOM, TAG
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

ROWS_A_BATCH = 10_000
ROWS_A_LOCKED_BATCH = 2_000  # each row holds a lock; a server with default settings has room for some 6,000 in all
ATTEMPTS = 5


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

_FIELDS = ("external_id", "email", "phone", "first_name", "last_name", "tags")
_OBJECTS = ("substitution_tags", "profile", "custom")

Row = tuple[Any, ...]


def staged(checked: Checked, skip: set[int]) -> list[Row]:
    """Rows for the staging table: line, fields (None: nothing is said), JSON objects to merge."""
    fields: dict[str, Iterable[Any]] = {}
    parts: dict[str, list[Sequence[str | None]]] = {name: [] for name in _OBJECTS}
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
    objects = [
        map(_object, zip(*parts[name], strict=True)) if parts[name] else itertools.repeat("{}") for name in parts
    ]
    nothing = itertools.repeat(None)
    rows = zip(checked.lines, *(fields.get(name, nothing) for name in _FIELDS), *objects, strict=False)
    return [row for row in rows if row[0] not in skip]


def _object(parts: Iterable[str | None]) -> str:
    return "{" + ",".join(filter(None, parts)) + "}"


def _first_and_last(names: Iterable[str | None]) -> tuple[list[str | None], list[str | None]]:
    """A full name is all of a name: one without a space says that there is no last name."""
    parts = [name.partition(" ") if name else (None, "", None) for name in names]
    return [first for first, _, _ in parts], [last and last.strip() for _, _, last in parts]


_STAGE = """
    CREATE TEMPORARY TABLE staged (
        line bigint NOT NULL, external_id text, email text, phone text, first_name text, last_name text, tags text[],
        substitution_tags jsonb NOT NULL, profile jsonb NOT NULL, custom jsonb NOT NULL, contact_id bigint
    ) ON COMMIT DROP
"""

_COPY = """
    COPY staged (line, external_id, email, phone, first_name, last_name, tags, substitution_tags, profile, custom)
    FROM STDIN
"""

# People are looked up by arrays of keys, and joins are hashed. Where many have just been added to a workspace the
# planner thinks that it is empty, and a nested loop would then read all of it for every row.
_PLAN_SAFELY = "SET LOCAL enable_nestloop = off"

# Nothing forbids two contacts with one address, so whoever may add an address holds its lock; in order, lest two
# wait for each other. Numbers are added by imports alone: one lock for all of them will do.
_LOCK: dict[str, LiteralString] = {
    "email": """
        SELECT count(pg_advisory_xact_lock(key)) FROM (
            SELECT DISTINCT hashtextextended('email:' || %s || ':' || lower(email), 0) AS key
            FROM staged ORDER BY key OFFSET 0
        ) AS keys
    """,
    "phone": "SELECT pg_advisory_xact_lock(hashtextextended('phone:' || %s, 0))",
}

# Python and PostgreSQL do not lower every letter alike, so two rows may turn out here to be one person.
_DROP_REPLACED = """
    DELETE FROM staged USING (SELECT lower(email) AS email, max(line) AS line FROM staged GROUP BY 1) AS last
    WHERE last.email = lower(staged.email) AND last.line > staged.line
    RETURNING staged.line, staged.email, last.line
"""

_MATCH: dict[str, LiteralString] = {
    "externalId": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT external_id, id FROM contacts_contact
            WHERE workspace_id = %s AND external_id <> '' AND external_id = ANY(%s)
        ) AS found WHERE found.external_id = staged.external_id RETURNING contact_id
    """,
    "email": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT lower(email) AS email, min(id) AS id FROM contacts_contact
            WHERE workspace_id = %s AND email <> '' AND lower(email) = ANY(%s) AND lifecycle <> 'trashed'
            GROUP BY lower(email)
        ) AS found WHERE found.email = lower(staged.email) RETURNING contact_id
    """,
    "phone": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT phone, min(id) AS id FROM contacts_contact
            WHERE workspace_id = %s AND phone <> '' AND phone = ANY(%s) AND lifecycle <> 'trashed'
            GROUP BY phone
        ) AS found WHERE found.phone = staged.phone RETURNING contact_id
    """,
}

_KEYS: dict[str, LiteralString] = {
    "externalId": "SELECT external_id FROM staged",
    "email": "SELECT lower(email) FROM staged",
    "phone": "SELECT phone FROM staged",
}

# Where people are found by something else, an external id may be somebody else's already, or named twice.
_DROP_TAKEN = """
    DELETE FROM staged USING (
        SELECT id, external_id FROM contacts_contact
        WHERE workspace_id = %s AND external_id <> '' AND external_id = ANY(%s)
    ) AS other
    WHERE other.external_id = staged.external_id AND other.id IS DISTINCT FROM staged.contact_id
    RETURNING staged.line, staged.external_id
"""

_DROP_NAMED_TWICE = """
    DELETE FROM staged USING staged AS earlier
    WHERE earlier.external_id = staged.external_id AND earlier.line < staged.line
    RETURNING staged.line, staged.external_id
"""

_UPDATE = """
    UPDATE contacts_contact AS contact SET
        external_id = coalesce(staged.external_id, contact.external_id),
        email = coalesce(staged.email, contact.email),
        phone = coalesce(staged.phone, contact.phone),
        first_name = coalesce(staged.first_name, contact.first_name),
        last_name = coalesce(staged.last_name, contact.last_name),
        tags = coalesce(staged.tags, contact.tags),
        substitution_tags = contact.substitution_tags || staged.substitution_tags,
        profile = contact.profile || staged.profile,
        custom = contact.custom || staged.custom,
        lifecycle = 'active',
        updated_at = now()
    FROM staged
    WHERE contact.id = staged.contact_id AND contact.id = ANY(%s) AND contact.workspace_id = %s AND (
        staged.external_id <> contact.external_id
        OR staged.email <> contact.email
        OR staged.phone <> contact.phone
        OR staged.first_name <> contact.first_name
        OR staged.last_name <> contact.last_name
        OR staged.tags <> contact.tags
        OR contact.substitution_tags || staged.substitution_tags <> contact.substitution_tags
        OR contact.profile || staged.profile <> contact.profile
        OR contact.custom || staged.custom <> contact.custom
        OR contact.lifecycle <> 'active'
    )
"""

_INSERT = """
    INSERT INTO contacts_contact (
        workspace_id, external_id, email, phone, first_name, last_name, tags, substitution_tags, profile, custom
    )
    SELECT %s, coalesce(external_id, ''), coalesce(email, ''), coalesce(phone, ''), coalesce(first_name, ''),
        coalesce(last_name, ''), coalesce(tags, '{}'), substitution_tags, profile, custom
    FROM staged WHERE contact_id IS NULL ORDER BY line
    ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO NOTHING
"""


@dataclass
class Written:
    """What one transaction did."""

    created: int
    updated: int
    unchanged: int
    skipped: list[Skipped]


class _Raced(Exception):
    """Somebody else added one of these people between our looking for them and our adding them."""


def write(workspace: Workspace, plan: Plan, rows: Sequence[Row], *, dry_run: bool = False) -> Written:
    """Bring these people up to date or add them, in one transaction; one that others got in the way of is repeated.

    Raises Invalid if a property is no longer what it was when its column was read.
    """
    if not rows:
        return Written(0, 0, 0, [])
    for attempt in itertools.count(1):
        try:
            with transaction.atomic(durable=True), extract.cursor() as cursor:
                if not dry_run:
                    _hold(workspace, plan)
                written = _write(cursor, workspace.pk, plan, rows)
                transaction.set_rollback(dry_run)
                return written
        except (_Raced, psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


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
    cursor.execute(_PLAN_SAFELY)
    cursor.execute(_STAGE)
    with cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)
    if key in _LOCK:
        cursor.execute(_LOCK[key], [workspace_id])
    skipped = _drop_replaced(cursor, plan) if key == "email" else []
    keys = [each for (each,) in cursor.execute(_KEYS[key])]
    found = [each for (each,) in cursor.execute(_MATCH[key], [workspace_id, keys])]
    if key != "externalId":
        skipped += _drop_taken(cursor, workspace_id, plan, rows)
    [(known, new)] = cursor.execute("SELECT count(contact_id), count(*) - count(contact_id) FROM staged").fetchall()
    updated = cursor.execute(_UPDATE, [found, workspace_id]).rowcount if known else 0
    created = cursor.execute(_INSERT, [workspace_id]).rowcount if new else 0
    if created != new:
        raise _Raced
    return Written(created, updated, known - updated, skipped)


def _drop_replaced(cursor: psycopg.Cursor[Any], plan: Plan) -> list[Skipped]:
    cursor.execute(_DROP_REPLACED)
    header = plan.key_column.header
    return [Skipped.by_later(line, header, value, by) for line, value, by in cursor]


def _drop_taken(cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: Iterable[Row]) -> list[Skipped]:
    header, external_ids = plan.header("externalId"), [row[1] for row in rows if row[1]]
    if not external_ids:
        return []
    taken = cursor.execute(_DROP_TAKEN, [workspace_id, external_ids]).fetchall()
    twice = cursor.execute(_DROP_NAMED_TWICE).fetchall()
    reasons = [(taken, "is somebody else's external id"), (twice, "is the external id of somebody further up")]
    return [Skipped(line, header, value, reason) for found, reason in reasons for line, value in found]


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
    size = ROWS_A_LOCKED_BATCH if survey.plan.key_column.reference == "email" else ROWS_A_BATCH
    for batch in source.batches(len(survey.plan.columns), size):
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
