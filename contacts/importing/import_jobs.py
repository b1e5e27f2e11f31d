"""What is kept of an import: how it was asked for, how far it has come, and which rows were not taken."""

import csv
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.http import StreamingHttpResponse
from django.utils import timezone

from contacts.importing.csvfile import Skipped
from contacts.models import ImportJob, ImportRejects, ImportState
from contacts.values import iso, milliseconds
from workspaces.downloads import download
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem

COUNTS = ("created", "updated", "unchanged", "duplicates", "rejected")
FIRST_REJECTS = 20
REJECTS_HEADER = ("line", "column", "value", "reason")

# From these an import can be started, or gone on with.
STARTABLE = {ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED, ImportState.CANCELLED, ImportState.STOPPED}
RUNNING = {ImportState.CHECKING, ImportState.WRITING}
GOING = {ImportState.WAITING, *RUNNING}
ENDED = {ImportState.CHECKED, ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED}


@dataclass(frozen=True)
class Options:
    """How a file is to be taken in."""

    key: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)  # header to target
    policies: Mapping[str, str] = field(default_factory=dict)  # header to overwrite, keep or append
    dates: Mapping[str, str] = field(default_factory=dict)  # header to a pattern like dd/MM/yyyy
    types: Mapping[str, str] = field(default_factory=dict)  # header to the type of its new property
    encoding: str | None = None
    delimiter: str | None = None
    format: str = "csv"


# What a lost connection to PostgreSQL looks like: Django's errors, and those of cursors that are not Django's.
LOST = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

FORMATS = ("csv", "ndjson")


def format_of(file_name: str) -> str:
    """As its name says it."""
    return "ndjson" if file_name.lower().endswith((".ndjson", ".jsonl")) else "csv"


class Cancelled(Exception):
    """Somebody has cancelled the import, or goes on with it elsewhere."""


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

    def plus(self, created: int, updated: int, unchanged: int, skipped: Iterable[Skipped]) -> "Outcome":
        """With another batch; a row with several bad cells is one row."""
        replaced = {row.line for row in skipped if row.replaced}
        rejected = {row.line for row in skipped if not row.replaced}
        return Outcome(
            self.created + created,
            self.updated + updated,
            self.unchanged + unchanged,
            self.duplicates + len(replaced),
            self.rejected + len(rejected),
        )


def outcome_of(job: ImportJob) -> Outcome:
    return Outcome(*(getattr(job, name) for name in COUNTS))


def options_of(job: ImportJob) -> Options:
    return Options(**job.options)


def create(
    workspace: Workspace,
    file: BinaryIO,
    options: Options,
    *,
    path: str = "",
    started_by: str = "",
    dry_run: bool = False,
) -> ImportJob:
    """For a file that stays where it is. Raises Invalid where it cannot be read twice."""
    if not file.seekable():
        raise Invalid([Problem("", "the file is read twice, so it cannot be a pipe; save it first")])
    size, digest = fingerprint(file)
    return ImportJob.objects.create(
        workspace=workspace,
        file_name=Path(path).name,
        path=path,
        size=size,
        digest=digest,
        options=asdict(options),
        started_by=started_by,
        dry_run=dry_run,
    )


def fingerprint(file: BinaryIO) -> tuple[int, bytes]:
    """The size and the digest by which a file is known again."""
    file.seek(0)
    digest, size = hashlib.blake2b(digest_size=32), 0
    while block := file.read(2**20):
        digest.update(block)
        size += len(block)
    return size, digest.digest()


def check_same(job: ImportJob, file: BinaryIO) -> None:
    """Raises Invalid for another file than the import began with."""
    if fingerprint(file) != (job.size, bytes(job.digest)):
        raise Invalid([Problem("file", f"is not the one that import {job.pk} began with; start a new import")])


# --- one at a time -------------------------------------------------------------------------------------------------


@contextmanager
def held(job: ImportJob) -> Iterator[None]:
    """The import is run by us alone; whoever dies lets go of it. Raises Conflict where somebody else runs it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('import:' || %s, 0))", [job.pk])
        if cursor.fetchone() != (True,):
            raise Conflict("The import is being run already.")
    try:
        job.refresh_from_db()
        yield
    finally:
        if not connection.needs_rollback and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('import:' || %s, 0))", [job.pk])


def is_held(job: ImportJob) -> bool:
    """Whether somebody runs it. A look alone: to try the lock would be in the way of somebody who begins just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks, (SELECT hashtextextended('import:' || %s, 0) AS key) AS wanted
                WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid::bigint = (key >> 32) & 4294967295 AND objid::bigint = key & 4294967295
            )
            """,
            [job.pk],
        )
        return bool(cursor.fetchone() == (True,))


def settle(job: ImportJob, state: ImportState) -> None:
    """Keep how an import shall be done. Raises Conflict where somebody else has started it meanwhile."""
    still = ImportJob.objects.filter(pk=job.pk, state=job.state)
    fields = {"state": state, "options": job.options, "dry_run": job.dry_run, "problems": [], "ended_at": None}
    if not still.update(updated_at=Now(), **fields):
        raise Conflict("The import has been started already.")
    job.refresh_from_db()


def restart(job: ImportJob) -> None:
    """Go on with an import, from where it was left; one that was tried out is done now. Raises Conflict."""
    if is_held(job):
        raise Conflict("The import is being run already.")
    if job.state not in STARTABLE | GOING:
        raise Conflict(f"The import is {job.state}; there is nothing to go on with.")
    _set(job, state=ImportState.WAITING, dry_run=False, problems=[], ended_at=None)


def stop(job: ImportJob) -> None:
    """Say of an import that nobody runs that it has stopped."""
    ImportJob.objects.filter(pk=job.pk, state__in=GOING).update(state=ImportState.STOPPED, updated_at=Now())


# --- how it goes ---------------------------------------------------------------------------------------------------


def begin(job: ImportJob) -> None:
    """The first reading. What a dry run counted is forgotten; what was written stays counted. Raises Cancelled."""
    fresh = {} if job.began_at else dict.fromkeys(("position", *COUNTS), 0)
    going = ImportJob.objects.filter(pk=job.pk, state__in=GOING)
    if not going.update(state=ImportState.CHECKING, checked=0, problems=[], ended_at=None, updated_at=Now(), **fresh):
        raise Cancelled
    if fresh:
        job.rejects.all().delete()
    job.refresh_from_db()


def note_checked(job: ImportJob, rows: int) -> None:
    """Raises Cancelled."""
    _move_on(job, ImportState.CHECKING, checked=rows)


def note_surveyed(job: ImportJob, rows: int, plan: Mapping[str, Any]) -> None:
    _move_on(job, ImportState.CHECKING, rows=rows, checked=rows, plan=plan)


def begin_writing(job: ImportJob) -> None:
    _move_on(job, ImportState.CHECKING, state=ImportState.WRITING, began_at=timezone.now(), began_with=job.position)


def note_batch(job: ImportJob, before: int, outcome: Outcome, skipped: Sequence[Skipped]) -> None:
    """Move the position and the counts. Raises Cancelled; also where they are not where we left them."""
    state = ImportState.CHECKING if job.dry_run else ImportState.WRITING
    counts = {name: getattr(outcome, name) for name in COUNTS}
    moved = ImportJob.objects.filter(pk=job.pk, state=state, position=before)
    if not moved.update(position=outcome.rows, updated_at=Now(), **counts):
        raise Cancelled
    if skipped:
        ImportRejects.objects.create(job=job, text=_csv(skipped))


def end(job: ImportJob) -> None:
    state = ImportState.CHECKED if job.dry_run else ImportState.DONE
    running = ImportState.CHECKING if job.dry_run else ImportState.WRITING
    with transaction.atomic():  # whoever is killed in between would leave a file that nobody needs
        _move_on(job, running, state=state, ended_at=timezone.now())
        if not job.dry_run:
            job.parts.all().delete()


def fail(job: ImportJob, error: Invalid) -> None:
    _set(job, state=ImportState.FAILED, problems=[each.as_json() for each in error.problems], ended_at=timezone.now())


def cancel(job: ImportJob) -> None:
    """What was written stays. Raises Conflict where it has ended already."""
    going = ImportJob.objects.filter(pk=job.pk).exclude(state__in=ENDED - {ImportState.CHECKED})
    if not going.update(state=ImportState.CANCELLED, ended_at=timezone.now(), updated_at=Now()):
        job.refresh_from_db()
        raise Conflict(f"The import is {job.state}; there is nothing to cancel.")
    job.refresh_from_db()


def _move_on(job: ImportJob, expected: ImportState, **fields: Any) -> None:
    if not ImportJob.objects.filter(pk=job.pk, state=expected).update(updated_at=Now(), **fields):
        raise Cancelled
    for name, value in fields.items():
        setattr(job, name, value)


def _set(job: ImportJob, **fields: Any) -> None:
    ImportJob.objects.filter(pk=job.pk).update(updated_at=Now(), **fields)
    for name, value in fields.items():
        setattr(job, name, value)


# --- rejects -------------------------------------------------------------------------------------------------------


def _csv(skipped: Iterable[Skipped]) -> str:
    return as_csv([row.line, _harmless(row.column), _harmless(row.value), row.reason] for row in skipped)


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _harmless(text: str) -> str:
    """A spreadsheet takes what begins so for a formula, and would carry out what a stranger wrote."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def rejects(job: ImportJob) -> Iterator[str]:
    """All rows that were not taken, as CSV, piece by piece."""
    yield ",".join(REJECTS_HEADER) + "\r\n"
    last = 0
    while part := job.rejects.filter(pk__gt=last).order_by("pk").first():
        yield part.text
        last = part.pk


def rejects_file(job: ImportJob) -> StreamingHttpResponse:
    content = (text.encode() for text in rejects(job))
    return download(content, f"rejects-{job.pk}.csv", "text/csv; charset=utf-8")


def first_rejects(job: ImportJob) -> list[dict[str, Any]]:
    lines = (line for text in rejects(job) for line in io.StringIO(text, newline=""))
    rows = itertools.islice(csv.DictReader(lines), FIRST_REJECTS)
    return [{**row, "line": int(row["line"]), "value": row["value"][:1000]} for row in rows]


# --- as a document -------------------------------------------------------------------------------------------------


def write(job: ImportJob) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "_id": job.pk,
        "workspaceId": job.workspace_id,
        "state": job.state,
        "fileName": job.file_name,
        "size": job.size,
        "startedBy": job.started_by,
        "options": {name: value for name, value in job.options.items() if value not in (None, "", {})},
        "dryRun": job.dry_run,
        "columns": job.plan.get("columns", []),
        "remarks": job.plan.get("remarks", []),
        "problems": job.problems,
        "checkedRows": job.checked,
        "rows": job.rows,
        "doneRows": job.position,
        **{name: getattr(job, name) for name in COUNTS},
        "rowsPerSecond": rate_of(job),
        "secondsLeft": seconds_left(job),
        "createdAt": _iso(job.created_at),
        "updatedAt": _iso(job.updated_at),
        "endedAt": _iso(job.ended_at),
    }


def rate_of(job: ImportJob) -> int | None:
    """Rows a second while it was last being written."""
    if job.began_at is None or job.position <= job.began_with:
        return None
    end = job.ended_at or job.updated_at
    return round((job.position - job.began_with) / max((end - job.began_at).total_seconds(), 0.001))


def seconds_left(job: ImportJob) -> int | None:
    """Until all is written; None where nobody can say."""
    rate = rate_of(job)
    if job.state != ImportState.WRITING or not rate or job.rows is None:
        return None
    return round((job.rows - job.position) / rate)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(milliseconds(moment))
