"""Bring many people up to date or add them from what documents say about them, as if one came after the other."""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
import psycopg
from django.db import transaction

from contacts import properties
from contacts.columnar import extract
from contacts.columnar.refresh import refresh
from contacts.schema import Schema
from contacts.writing import keys, staging, upserts
from contacts.writing.keys import Known
from contacts.writing.staging import FIELDS, OBJECTS
from contacts.writing.upserts import ContactChange
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

ROWS_A_BATCH = 10_000

_WHO = ("external_id", "email", "phone", "first_name", "last_name")


class Became(StrEnum):
    """What became of a document. A new person is created by the first document about them; the others update them."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    became: Became
    contact_id: int = 0
    problems: Sequence[Problem] = ()


def read(document: Any, schema: Schema) -> ContactChange:
    """What a document says about somebody. Raises Invalid, also where it does not say about whom."""
    change = upserts.read(document, schema)
    if not any(map(change.columns.get, _WHO)):
        raise Invalid([Problem("", "give at least one of externalId, email, phone, firstName and lastName")])
    return change


def upsert(workspace: Workspace, changes: Sequence[ContactChange]) -> list[Outcome]:
    """What became of each of these, in their order. Not to be called in a transaction: every batch is one of its own.

    Each is done as upserts.upsert would after those before it; one that cannot be done is in nobody's way.
    """
    outcomes: list[Outcome] = []
    for start in range(0, len(changes), ROWS_A_BATCH):
        outcomes += write(workspace, changes[start : start + ROWS_A_BATCH])
        refresh(workspace)
    return outcomes


def write(workspace: Workspace, changes: Sequence[ContactChange]) -> list[Outcome]:
    """The same for at most one batch, in one transaction or as a part of the caller's, and without the refresh."""
    return staging.undisturbed(lambda: _write(workspace, changes))


def take(workspace: Workspace, documents: Sequence[Any]) -> list[Outcome]:
    """What `write` does, from documents. One that cannot be read is an error, as is an Invalid in the place of one."""
    schema = properties.schema(workspace)
    rows = [_readable(document, schema) for document in documents]
    written = iter(write(workspace, [row for row in rows if isinstance(row, ContactChange)]))
    return [next(written) if isinstance(row, ContactChange) else row for row in rows]


def _readable(document: Any, schema: Schema) -> ContactChange | Outcome:
    try:
        if isinstance(document, Invalid):
            raise document
        return read(document, schema)
    except Invalid as error:
        return Outcome(Became.ERROR, problems=error.problems)


def _write(workspace: Workspace, changes: Sequence[ContactChange]) -> list[Outcome]:
    with transaction.atomic(), extract.cursor() as cursor:
        properties.hold_types(workspace)
        refused = upserts.settle(workspace, changes)
        good = [change for place, change in enumerate(changes) if place not in refused]
        register = _register(cursor, workspace.pk, good)
        people = [register.take(change) for change in good]
        said: dict[int, ContactChange] = {}  # what all of them together say about each
        for person, change in zip(people, good, strict=True):
            said[person] = _together(said[person], change) if person in said else change
        rows = [(None if person > LAST_ID else person, *_row(change)) for person, change in said.items()]
        merged = staging.merge(cursor, workspace.pk, rows)
        told = _told(people, dict(zip(said, merged.ids, strict=True)), merged.updated)
        return [
            Outcome(Became.ERROR, problems=refused[place]) if place in refused else next(told)
            for place in range(len(changes))
        ]


def _told(people: Sequence[int], ids: dict[int, int], updated: set[int]) -> Iterator[Outcome]:
    created: set[int] = set()
    for person in people:
        if person > LAST_ID:
            yield Outcome(Became.UPDATED if person in created else Became.CREATED, ids[person])
            created.add(person)
        else:
            yield Outcome(Became.UPDATED if person in updated else Became.UNCHANGED, person)


def _together(first: ContactChange, second: ContactChange) -> ContactChange:
    """Both, one after the other. Their types are settled: what they declare is no longer needed."""
    return ContactChange(
        first.columns | second.columns,
        first.profile | second.profile,
        first.custom | second.custom,
        first.substitution_tags | second.substitution_tags,
    )


def _row(change: ContactChange) -> Iterator[Any]:
    """What a change says, in the form in which it is staged."""
    yield from map(change.columns.get, FIELDS)
    for name in OBJECTS:
        values: dict[str, Any] = getattr(change, name)
        yield orjson.dumps({key: value for key, value in values.items() if value is not None}).decode()
        yield [key for key, value in values.items() if value is None] or "{}"


# --- who is who ------------------------------------------------------------------------------------------------------

LAST_ID = 2**63 - 1  # numbers behind it stand for those who are yet to be added


class _Register:
    """Who has which external id and e-mail address: as it is stored, and as the changes so far make it."""

    def __init__(self, known: Sequence[Known], lowered: dict[str, str]) -> None:
        self.lowered = lowered
        self.held: dict[int, tuple[str, str]] = {}
        self.by_external_id: dict[str, int] = {}
        self.by_email: defaultdict[str, list[int]] = defaultdict(list)  # ascending, without those in the trash
        self.new = itertools.count(LAST_ID + 1)
        for person in known:
            self._set(person.id, person.external_id, person.email, person.is_live)

    def take(self, change: ContactChange) -> int:
        """Whom a change is about. What it says of their keys is so from here on, and whoever it is about is live."""
        external_id, email = (change.columns.get(name) for name in ("external_id", "email"))
        person = self._find(external_id, self.lowered[email] if email else "")
        if person is None:
            person = next(self.new)
        held_id, held_email = self.held.get(person, ("", ""))
        self._set(
            person,
            held_id if external_id is None else external_id,
            held_email if email is None else self.lowered.get(email, ""),
        )
        return person

    def _find(self, external_id: str | None, email: str) -> int | None:
        if external_id:
            return self.by_external_id.get(external_id)
        return next(iter(self.by_email[email]), None) if email else None

    def _set(self, person: int, external_id: str, email: str, is_live: bool = True) -> None:
        held_id, held_email = self.held.get(person, ("", ""))
        if self.by_external_id.get(held_id) == person:
            del self.by_external_id[held_id]
        if person in self.by_email[held_email]:
            self.by_email[held_email].remove(person)
        self.held[person] = external_id, email
        if external_id:
            self.by_external_id[external_id] = person
        if email and is_live:
            bisect.insort(self.by_email[email], person)


def _register(cursor: psycopg.Cursor[Any], workspace_id: str, changes: Sequence[ContactChange]) -> _Register:
    """Holds the keys by which the changes find somebody, and looks them up."""
    columns = [change.columns for change in changes]
    external_ids = {each["external_id"] for each in columns if each.get("external_id")}
    emails = {each["email"] for each in columns if each.get("email") and not each.get("external_id")}
    keys.hold(workspace_id, [*(("externalId", each) for each in external_ids), *(("email", each) for each in emails)])
    lowered = keys.lowered(cursor, (each["email"] for each in columns if each.get("email")))
    known = {
        *keys.find(cursor, workspace_id, "externalId", external_ids),
        *keys.find(cursor, workspace_id, "email", {lowered[email] for email in emails}),
    }
    return _Register(sorted(known), lowered)
