"""Import people from a file into a workspace; csvfile, mapping, guesses, cells and intake read and understand it.

The file is read twice, and never held whole. The first reading finds everything that speaks against the file and
the types of its new properties; only then is anything written. The second reading writes, batch by batch: each is one
transaction that also brings the snapshot up to date and moves the job's position, so that whoever goes on after a
crash goes on exactly there. While PostgreSQL writes a batch the next one is read.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, BinaryIO, Protocol, TypeVar, cast

import numpy as np
import polars as pl
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from contacts import properties
from contacts.columnar import extract, memory
from contacts.columnar.refresh import Refreshed, refresh, refresh_within, vacuum
from contacts.importing import import_jobs, intake
from contacts.importing.cells import Checked, cells_of, check
from contacts.importing.csvfile import Batch, Skipped, batch_of, header_name, open_source
from contacts.importing.guesses import Doubt, Guess, Undated
from contacts.importing.import_jobs import Cancelled as Cancelled
from contacts.importing.import_jobs import Options, Outcome
from contacts.importing.intake import Written
from contacts.importing.mapping import Plan, Proposal, keyed, plan, proposals, proposed_key
from contacts.importing.ndjson import Lines
from contacts.importing.repeats import Repeats
from contacts.models import ImportJob
from contacts.schema import CUSTOM, TAG, Schema
from contacts.values import Kind
from contacts.writing import staging
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

ROWS_A_BATCH = 25_000
SECONDS_BETWEEN_NOTES = 1.0  # of how far the first reading has come


class RowSource(Protocol):
    """A file of one of the formats. Reading raises Invalid."""

    encoding: str
    delimiter: str

    @property
    def kinds(self) -> Mapping[str, Kind]: ...
    def header(self) -> list[str]: ...
    def batches(self, width: int, size: int) -> Iterator[Batch]: ...


def source_of(file: BinaryIO, options: Options) -> RowSource:
    """Raises Invalid."""
    if options.format == "ndjson":
        return Lines(file)
    return cast(RowSource, open_source(file, options.encoding, options.delimiter))


# --- the head of a file -----------------------------------------------------------------------------------------------

ROWS_OF_HEAD, SAMPLES = 1_000, 3


@dataclass(frozen=True)
class Sampled:
    """A column at the head of a file: where it might go, some of its cells and what these look like."""

    proposal: Proposal
    samples: list[str]
    kind: Kind
    doubt: Doubt | Undated | None
    known: int  # cells that are not blank


@dataclass(frozen=True)
class Head:
    """How a file is read, and its columns as its first rows show them."""

    encoding: str
    delimiter: str
    key: str  # the column that most likely says who somebody is; "" where none does
    columns: list[Sampled]
    rows: int  # that were looked at

    @property
    def headers(self) -> list[str]:
        return [column.proposal.header for column in self.columns]

    def as_json(self, schema: Schema) -> dict[str, Any]:
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "key": self.key,
            "columns": [_column_as_json(column, schema) for column in self.columns],
        }


def _column_as_json(column: Sampled, schema: Schema) -> dict[str, Any]:
    proposal, known = column.proposal, schema.get(column.proposal.reference)
    return {
        "header": proposal.header,
        "samples": column.samples,
        "property": proposal.reference or None,
        "type": (known.kind if known else column.kind) if proposal.reference else None,
        "isNew": bool(proposal.reference) and known is None,
        **({"remark": proposal.remark} if proposal.remark else {}),
    }


def head(file: BinaryIO, options: Options, schema: Schema) -> Head:
    """Read the first rows of a file. Raises Invalid."""
    source = source_of(file, options)
    headers = source.header()
    batch = next(source.batches(len(headers), ROWS_OF_HEAD), None) or batch_of([], [], [], len(headers))
    proposed = keyed(proposals(headers, schema), header_name(options.key))
    columns = [_sampled(*each, batch, source, schema) for each in zip(proposed, batch.cells, strict=True)]
    return Head(source.encoding, source.delimiter, proposed_key(proposed), columns, len(batch))


def _sampled(proposal: Proposal, cells: pl.Series, batch: Batch, source: RowSource, schema: Schema) -> Sampled:
    guess = Guess()
    guess.take(batch.lines, cells, schema.zone)
    different = cells.drop_nulls().unique(maintain_order=True).head(SAMPLES)
    says_itself = source.kinds.get(proposal.header)
    return Sampled(
        proposal,
        different.str.strip_prefix("\0").to_list(),
        says_itself or guess.kind(),
        None if says_itself else guess.doubt(proposal.header),
        guess.counts.total(),
    )


def check_plan(job: ImportJob, headers: Sequence[str]) -> Plan:
    """Where the columns of a file go. Raises Invalid with everything that speaks against it."""
    options, schema = import_jobs.options_of(job), properties.schema(job.workspace)
    how = (options.policies, options.dates, options.types)
    return plan(headers, options.key, options.mapping, schema, *how)


# --- the first reading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What a whole file turned out to hold."""

    plan: Plan  # with the kinds of its new properties
    rows: int
    doubts: tuple[Doubt | Undated, ...]
    repeats: Repeats


def survey(source: RowSource, plan: Plan, zone: tzinfo, watcher: "Watcher") -> Survey:
    """Read a whole file. Raises Invalid where it cannot be read to its end."""
    guessed = {place: column for place, column in enumerate(plan.columns) if column.is_guessed}
    plan = plan.typed({column.reference: source.kinds.get(column.header, Kind.TEXT) for column in guessed.values()})
    guesses = {place: Guess() for place, column in guessed.items() if column.header not in source.kinds}
    repeats, rows = Repeats(), 0
    for batch in _one_ahead(source.batches(len(plan.columns), ROWS_A_BATCH)):
        cells = batch.cells.get_columns()
        for place, guess in guesses.items():
            guess.take(batch.lines, cells[place], zone)
        keys = cells_of(plan.key_column, cells[plan.key], zone).said
        repeats.add(batch.lines, keys.str.to_lowercase() if plan.key_column.reference == "email" else keys)
        rows += len(batch)
        watcher.checked(rows)
    typed = plan.typed({plan.columns[place].reference: guess.kind() for place, guess in guesses.items()})
    doubts = [guess.doubt(plan.columns[place].header) for place, guess in guesses.items()]
    repeats.settle()
    _note_good(source, typed, repeats, zone)
    return Survey(typed, rows, tuple(filter(None, doubts)), repeats)


def _note_good(source: RowSource, plan: Plan, repeats: Repeats, zone: tzinfo) -> None:
    """Of rows with the same key the last counts; but a bad row never takes the place of a good one."""
    if not repeats:
        return
    for batch in source.batches(len(plan.columns), ROWS_A_BATCH):
        some = batch.among(repeats.among(batch.lines))
        repeats.note_good(some.lines[check(plan, some, zone).good()])


# --- the second reading -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """A batch as it is to be written."""

    rows: pl.DataFrame
    skipped: list[Skipped]


def _prepared(source: RowSource, survey: Survey, zone: tzinfo, position: int) -> Iterator[Prepared]:
    """What follows the first so many records."""
    seen = 0
    for batch in source.batches(len(survey.plan.columns), ROWS_A_BATCH):
        seen += len(batch)
        if seen > position:
            yield _prepare(batch.after(max(position - (seen - len(batch)), 0)), survey, zone)


def _prepare(batch: Batch, survey: Survey, zone: tzinfo) -> Prepared:
    checked = check(survey.plan, batch, zone)
    replaced = list(_replaced(checked, survey))
    skipped = sorted([*checked.skipped, *replaced], key=lambda row: row.line)
    left_out = np.array([row.line for row in skipped], dtype=np.int64)
    rows = intake.staged(checked)
    return Prepared(rows.filter(pl.Series(~np.isin(checked.lines, left_out))), skipped)


def _replaced(checked: Checked, survey: Survey) -> Iterator[Skipped]:
    """The good rows of a batch for which others further down stand."""
    if later := survey.repeats.replaced(checked.lines[checked.good()]):
        key = next(cells for cells in checked.columns if cells.column == survey.plan.key_column)
        for line, by in later.items():
            yield Skipped.by_later(line, key.column.header, key.raw[int(np.searchsorted(checked.lines, line))], by)


T = TypeVar("T")


def _one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same, each made in another thread while the one before it is worked on."""
    nothing = object()
    with ThreadPoolExecutor(1) as ahead:
        try:
            coming = ahead.submit(next, items, nothing)
            while (item := coming.result()) is not nothing:
                coming = ahead.submit(next, items, nothing)
                yield item  # type: ignore[misc]
        finally:
            ahead.submit(connection.close)  # its own, if an uploaded file was read


def write(job: ImportJob, plan: Plan, batch: Prepared, outcome: Outcome) -> tuple[Outcome, list[Skipped]]:
    """Bring these people up to date or add them, in one transaction; one that others got in the way of is repeated.

    What became of the rows so far and which of these were not taken. Raises Invalid if a property is no longer what it
    was when its column was read; Cancelled.
    """
    taken_in: Refreshed | None = None

    def attempt() -> tuple[Outcome, list[Skipped]]:
        nonlocal taken_in
        with transaction.atomic(durable=True), extract.cursor() as cursor:
            if not job.dry_run:
                _hold(job.workspace, plan)
            written = Written(0, 0, 0, [])
            if len(batch.rows):
                written = intake.write(cursor, job.workspace_id, plan, batch.rows)
            skipped = sorted([*batch.skipped, *written.skipped], key=lambda row: row.line)
            total = outcome.plus(written.created, written.updated, written.unchanged, skipped)
            if job.dry_run:
                transaction.set_rollback(True)
                return total, skipped
            if written.created or written.updated:
                taken_in = refresh_within(cursor, job.workspace_id)
            import_jobs.note_batch(job, outcome.rows, total, skipped)
            return total, skipped

    total, skipped = staging.undisturbed(attempt)
    if job.dry_run:
        import_jobs.note_batch(job, outcome.rows, total, skipped)
    elif taken_in and taken_in.merged:
        vacuum()
    return total, skipped


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


# --- an import --------------------------------------------------------------------------------------------------------


class Watcher:
    """Is told how an import goes. These methods do nothing; an observer overrides those it wants."""

    def checked(self, rows: int) -> None:
        """So many rows have been read for the first time."""

    def surveyed(self, survey: Survey, position: int) -> None:
        """The file is in order; what follows is the writing, of the rows behind this many."""

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

    Raises what `run` raises.
    """
    options = Options(key, mapping or {}, encoding=encoding, delimiter=delimiter)
    return run(import_jobs.create(workspace, file, options, dry_run=dry_run), file, watcher)


def run(job: ImportJob, file: BinaryIO, watcher: Watcher | None = None) -> Outcome:
    """Run an import, from where it was left.

    Not to be called in a transaction: every batch is one of its own. Raises Invalid, with nothing written, where the
    file or the mapping is wrong; Conflict where somebody else runs it; Cancelled.
    """
    watcher = watcher or Watcher()
    memory.give_back()
    with import_jobs.held(job):
        import_jobs.begin(job)
        try:
            return _run(job, file, watcher)
        except Invalid as error:
            import_jobs.fail(job, error)
            raise


def _run(job: ImportJob, file: BinaryIO, watcher: Watcher) -> Outcome:
    workspace, source = job.workspace, source_of(file, import_jobs.options_of(job))
    found = survey(source, check_plan(job, source.header()), workspace.zone, _Noting(job, watcher))
    import_jobs.note_surveyed(job, found.rows, _as_json(found))
    watcher.surveyed(found, job.position)
    if not job.dry_run:
        if found.rows:
            found = replace(found, plan=_declared(workspace, found.plan))
        import_jobs.begin_writing(job)
    outcome = import_jobs.outcome_of(job)
    for batch in _one_ahead(_prepared(source, found, workspace.zone, job.position)):
        outcome, skipped = write(job, found.plan, batch, outcome)
        for row in skipped:
            watcher.skipped(row)
        watcher.written(outcome)
    import_jobs.end(job)
    if not job.dry_run:
        refresh(workspace)  # what could not be taken in with its batch, because others were refreshing
    return outcome


class _Noting(Watcher):
    """Notes now and then how far the first reading has come."""

    def __init__(self, job: ImportJob, watcher: Watcher) -> None:
        self.job, self.watcher, self.noted = job, watcher, time.monotonic()

    def checked(self, rows: int) -> None:
        self.watcher.checked(rows)
        if time.monotonic() - self.noted > SECONDS_BETWEEN_NOTES:
            import_jobs.note_checked(self.job, rows)
            self.noted = time.monotonic()


def _as_json(found: Survey) -> dict[str, object]:
    return {"columns": [column.as_json() for column in found.plan.columns], "remarks": list(map(str, found.doubts))}


def _declared(workspace: Workspace, plan: Plan) -> Plan:
    """Declare a file's new properties. One that somebody else declared meanwhile keeps its type."""
    references = {column.reference: column.kind for column in plan.columns}
    customs = {name.removeprefix(CUSTOM): kind for name, kind in references.items() if name.startswith(CUSTOM)}
    try:
        properties.declare(workspace, customs)
        properties.declare_tags(workspace, [name.removeprefix(TAG) for name in references if name.startswith(TAG)])
    except ValidationError as error:
        raise Invalid(Problem("header", message) for message in error.messages) from None
    schema = properties.schema(workspace)
    return plan.typed({name: type_.kind for name in references if (type_ := schema.get(name))})
