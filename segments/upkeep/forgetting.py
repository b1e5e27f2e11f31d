"""Erase a person everywhere: what is stored of them, what was made from it, and what the database keeps behind that.

Not erased are the texts that people wrote about others, like a segment's rule that names an e-mail address or did so in
an older version: those are named, to be changed or deleted by hand. A new table that holds something of people gets a
row in PLACES.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection, transaction

from contacts.columnar import catalogue
from contacts.columnar.refresh import refresh
from contacts.importing import import_jobs
from contacts.models import Contact, ContactMark, ImportRejects, PropertySummary, SnapshotColumn
from contacts.values import fold
from segments.growth import history
from segments.models import Pin, PinKind, Segment, SegmentPeople, SegmentVersion, rewrite_pins
from workspaces.locks import lock
from workspaces.models import KeptAnswer, Workspace
from workspaces.problems import listed

PATIENCE_MS = 5_000  # for others who clean the same table


@dataclass(frozen=True)
class Place:
    """A table, and how it loses what it holds of somebody: how many rows were deleted or rewritten."""

    name: str
    table: str
    erase: Callable[[Contact], int]


@dataclass(frozen=True)
class Forgotten:
    """What was erased, or in a dry run would be. `named_in`: what people wrote that still names this person."""

    contact_id: int
    erased: dict[str, int]
    named_in: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self.erased.items() if count)


def forget(workspace: Workspace, contact_id: int, *, dry_run: bool = False) -> Forgotten:
    """Erase a person, and take them out of snapshot and catalogue. Raises Contact.DoesNotExist, SnapshotBusy.

    What PostgreSQL keeps of deleted rows goes with `clean`.
    """
    with transaction.atomic():
        lock("segments", workspace.pk)  # no pin comes or goes meanwhile
        contact = workspace.contacts.select_for_update().get(pk=contact_id)
        named_in = list(_named_in(workspace, contact))
        erased = {place.name: place.erase(contact) for place in PLACES}
        transaction.set_rollback(dry_run)
    if not dry_run:
        settle(workspace, contact_id)
    return Forgotten(contact_id, erased, named_in)


def settle(workspace: Workspace, contact_id: int) -> None:
    """Rewrite the chunk of the snapshot that held this person, and the catalogue. Raises SnapshotBusy."""
    refresh(workspace, merge=[contact_id])
    catalogue.keep(workspace)


# --- the places ----------------------------------------------------------------------------------------------------


def _pins(contact: Contact) -> int:
    segments = list(Segment.objects.filter(pins__contact=contact))
    count, _ = contact.pins.all().delete()
    for segment in segments:
        rewrite_pins(segment)
    return count


def _contact(contact: Contact) -> int:
    return Contact.objects.filter(pk=contact.pk).delete()[1].get(Contact._meta.label, 0)


def _log(contact: Contact) -> int:
    """The admin's log keeps who did what, and forgets to whom."""
    called, number = _names(contact), f"contact {contact.wire_id}"
    segments = dict(Segment.objects.filter(workspace=contact.workspace_id).values_list("pk", "name"))
    told = "|".join(re.escape(each) for each in (contact.email, contact.phone) if each)

    def silent(text: str) -> str:
        """Without a pin of theirs, and without their addresses in the words of what was changed in a rule."""
        text = pinned.get(text, text)
        return re.sub(told, "...", text, flags=re.IGNORECASE) if told else text

    pinned = {f"{name} {kind} in {segment}": f"{number} {kind} in {segment}"
              for name in called for kind in PinKind.values for segment in segments.values()}  # fmt: skip
    changed = []
    for entry in _entries(Contact).filter(object_id=str(contact.pk)):
        entry.object_repr = number
        changed.append(entry)
    for entry in _entries(Pin).filter(object_repr__in=pinned):
        entry.object_repr = pinned[entry.object_repr]
        changed.append(entry)
    for entry in _entries(Segment).filter(object_id__in=segments):
        said = _parsed(entry.change_message)
        message = _replaced(said, silent)
        if message != said:
            entry.change_message = message if isinstance(message, str) else json.dumps(message)
            changed.append(entry)
    LogEntry.objects.bulk_update(changed, ["object_repr", "change_message"])
    return len(changed)


def _entries(model: type[Any]) -> Any:
    return LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))


def _parsed(message: str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return message


def _replaced(document: Any, change: Callable[[str], str]) -> Any:
    match document:
        case str():
            return change(document)
        case list():
            return [_replaced(each, change) for each in document]
        case dict():
            return {key: _replaced(each, change) for key, each in document.items()}
    return document


def _answers(contact: Contact) -> int:
    """What requests were answered is kept to be given again; it loses the texts that tell on this person."""
    count = 0
    told = [each for each in (contact.email, contact.phone) if each]
    for kept in KeptAnswer.objects.filter(workspace=contact.workspace_id):
        answer = before = bytes(kept.answer)
        for text in told:
            answer = answer.replace(json.dumps(text, ensure_ascii=False)[1:-1].encode(), b"...")
        if answer != before:
            kept.answer = answer
            kept.save(update_fields=["answer"])
            count += 1
    return count


def _rejects(contact: Contact) -> int:
    """Rows that imports did not take lose the cells that tell on this person."""
    parts = [fold(each) for each in (contact.email, contact.phone) if each]
    wholes = set(map(fold, _names(contact)))
    count = 0
    for held in ImportRejects.objects.filter(job__workspace=contact.workspace_id):
        rows = list(csv.reader(io.StringIO(held.text, newline="")))
        told = [
            ["..." if fold(cell) in wholes or any(part in fold(cell) for part in parts) else cell for cell in row]
            for row in rows
        ]
        if told != rows:
            held.text = import_jobs.as_csv(told)
            held.save(update_fields=["text"])
            count += 1
    return count


PLACES = (
    Place("pins", Pin._meta.db_table, _pins),
    Place("lists of who was in a segment", SegmentPeople._meta.db_table, history.forget),
    Place("lines of the admin's log", LogEntry._meta.db_table, _log),
    Place("kept answers", KeptAnswer._meta.db_table, _answers),
    Place("rejects of imports", ImportRejects._meta.db_table, _rejects),
    Place("contacts", Contact._meta.db_table, _contact),
)


# --- what others wrote -----------------------------------------------------------------------------------------------


def _names(contact: Contact) -> list[str]:
    """What a contact is called where it is shown: see Contact.__str__."""
    return [text for text in (contact.full_name, contact.email, contact.external_id, contact.phone) if text]


def _named_in(workspace: Workspace, contact: Contact) -> Iterator[str]:
    wanted = {fold(text) for text in (contact.email, contact.phone, contact.external_id) if text}
    email = fold(contact.email)

    def names(kept: Segment | SegmentVersion) -> bool:
        texts = [kept.name, kept.description, *_texts(kept.rule), *_texts(kept.document)]
        folded = set(map(fold, texts))
        return bool(wanted & folded) or bool(email and any(email in text for text in folded))

    last: dict[str, int] = {}  # by segment; that version says what the segment says
    old: dict[str, list[str]] = {}
    for version in SegmentVersion.objects.filter(segment__workspace=workspace).iterator(chunk_size=200):
        if version.number != last.setdefault(version.segment_id, version.number) and names(version):
            old.setdefault(version.segment_id, []).append(str(version.number))
    for segment in workspace.segments.all():
        called = f"segment {segment.name} ({segment.pk}){', which is deleted' if segment.deleted_at else ''}"
        if names(segment):
            yield called
        if numbers := old.get(segment.pk):
            yield f"version{'' if len(numbers) == 1 else 's'} {listed(numbers[::-1], 'and')} of {called}"
    for job in workspace.imports.filter(parts__isnull=False).distinct().order_by("id"):
        yield f"perhaps the file of {job}, kept until it has ended: cancel it or let it end first"


def _texts(document: Any) -> Iterator[str]:
    match document:
        case str():
            yield document
        case list():
            for each in document:
                yield from _texts(each)
        case dict():
            for each in document.values():
                yield from _texts(each)


# --- behind the tables -----------------------------------------------------------------------------------------------

_MADE_FROM_CONTACTS = (SnapshotColumn, ContactMark, PropertySummary, Segment, SegmentVersion)
TABLES = (*(place.table for place in PLACES), *(model._meta.db_table for model in _MADE_FROM_CONTACTS))


def moment() -> str:
    """Of all that is committed by now; `holding` says who still sees what was before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text")
        return str(cursor.fetchone()[0])


def holding(moment: str) -> int:
    """How many transactions began before a moment and are open still: for them PostgreSQL keeps what was deleted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
            " AND (datname = current_database() OR backend_type = 'walsender')"
            " AND age(backend_xmin) > age(%s::xid)",
            [moment],
        )
        return int(cursor.fetchone()[0])


def clean() -> list[str]:
    """Clear deleted rows out of tables, indexes and statistics; what could not be done, in words."""
    undone: list[str] = []
    connection.ensure_connection()
    raw = connection.connection

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            undone.append(str(diagnostic.message_primary))

    raw.add_notice_handler(note)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(PATIENCE_MS)])
            # Few rows would else stay in the indexes, where their values stand once more.
            cursor.execute(f"VACUUM (ANALYZE, INDEX_CLEANUP ON, TRUNCATE false) {', '.join(TABLES)}")
            _forget_statistics_of_empty_tables(cursor)
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        undone.append("somebody else is cleaning or changing these tables")
    finally:
        raw.remove_notice_handler(note)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '0', false)")
    return undone


def _forget_statistics_of_empty_tables(cursor: Any) -> None:
    """ANALYZE leaves what it last found in a table that has become empty; PostgreSQL 18 can be told to forget it."""
    cursor.execute("SELECT to_regproc('pg_clear_attribute_stats')")
    if cursor.fetchone()[0] is None:
        return
    for table in TABLES:
        cursor.execute(
            f"SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats"  # noqa: S608
            f" WHERE schemaname = current_schema() AND tablename = %s AND NOT EXISTS (SELECT FROM {table})",
            [table],
        )
