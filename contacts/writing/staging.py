"""Bring contacts up to date or add them, many with a few statements: they are copied to a staging table and joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from django.db import DatabaseError

ATTEMPTS = 5

# What a row says of each field, None where it says nothing; then of each object what to merge into it, as JSON, and
# the names to take out of it ("{}": none). The first is the contact's id, None for somebody new.
Row = tuple[Any, ...]
FIELDS = ("external_id", "email", "phone", "first_name", "last_name", "tags")
OBJECTS = ("substitution_tags", "profile", "custom")

_STAGE = """
    CREATE TEMPORARY TABLE staged (
        contact_id bigint NOT NULL, is_new boolean NOT NULL, external_id text, email text, phone text, first_name text,
        last_name text, tags text[], substitution_tags jsonb NOT NULL, without_tags text[] NOT NULL,
        profile jsonb NOT NULL, without_profile text[] NOT NULL, custom jsonb NOT NULL, without_custom text[] NOT NULL
    ) ON COMMIT DROP
"""

_COPY = """
    COPY staged (
        contact_id, is_new, external_id, email, phone, first_name, last_name, tags, substitution_tags, without_tags,
        profile, without_profile, custom, without_custom
    ) FROM STDIN
"""

# Joins are hashed. Where many have just been added to a workspace the planner thinks that it is empty, and a nested
# loop would then read all of it for every row.
_PLAN_SAFELY = "SET LOCAL enable_nestloop = off"

_UPDATE = """
    UPDATE contacts_contact AS contact SET
        external_id = coalesce(staged.external_id, contact.external_id),
        email = coalesce(staged.email, contact.email),
        phone = coalesce(staged.phone, contact.phone),
        first_name = coalesce(staged.first_name, contact.first_name),
        last_name = coalesce(staged.last_name, contact.last_name),
        tags = coalesce(staged.tags, contact.tags),
        substitution_tags = (contact.substitution_tags || staged.substitution_tags) - staged.without_tags,
        profile = (contact.profile || staged.profile) - staged.without_profile,
        custom = (contact.custom || staged.custom) - staged.without_custom,
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
        OR (contact.substitution_tags || staged.substitution_tags) - staged.without_tags <> contact.substitution_tags
        OR (contact.profile || staged.profile) - staged.without_profile <> contact.profile
        OR (contact.custom || staged.custom) - staged.without_custom <> contact.custom
        OR contact.lifecycle <> 'active'
    )
    RETURNING contact.id
"""

_INSERT = """
    INSERT INTO contacts_contact (
        id, workspace_id, external_id, email, phone, first_name, last_name, tags, substitution_tags, profile, custom
    )
    SELECT contact_id, %s, coalesce(external_id, ''), coalesce(email, ''), coalesce(phone, ''),
        coalesce(first_name, ''), coalesce(last_name, ''), coalesce(tags, '{}'), substitution_tags, profile, custom
    FROM staged WHERE is_new ORDER BY contact_id
    ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO NOTHING
"""

_NEW_IDS = "SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id')) FROM generate_series(1, %s)"


@dataclass(frozen=True)
class Merged:
    """What became of some rows: the contact of each, in order, and who of those who were there is different now."""

    ids: list[int]
    created: int
    updated: set[int]


class Raced(Exception):
    """Somebody else added one of these people between our looking for them and our adding them."""


def merge(cursor: psycopg.Cursor[Any], workspace_id: str, rows: Sequence[Row]) -> Merged:
    """Write these rows, each about another contact, in the caller's transaction, which holds their keys and types.

    Raises Raced.
    """
    if not rows:
        return Merged([], 0, set())
    new = sum(row[0] is None for row in rows)
    fresh = [id_ for (id_,) in cursor.execute(_NEW_IDS, [new])]
    coming = iter(fresh)  # ascending in the order of the rows
    ids = [next(coming) if row[0] is None else row[0] for row in rows]
    cursor.execute(_PLAN_SAFELY)
    cursor.execute(_STAGE)
    with cursor.copy(_COPY) as copy:
        for id_, row in zip(ids, rows, strict=True):
            copy.write_row((id_, row[0] is None, *row[1:]))
    known = [row[0] for row in rows if row[0] is not None]
    updated = {id_ for (id_,) in cursor.execute(_UPDATE, [known, workspace_id])} if known else set()
    if new and cursor.execute(_INSERT, [workspace_id]).rowcount != new:
        raise Raced
    cursor.execute("DROP TABLE staged")  # a longer transaction may merge again
    return Merged(ids, new, updated)


_RACES = (Raced, psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation)
T = TypeVar("T")


def undisturbed(work: Callable[[], T]) -> T:
    """Do a transaction again if others got in its way, up to five times in all."""
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except _RACES:
            continue
        except DatabaseError as error:
            if not isinstance(error.__cause__, _RACES):
                raise
    return work()
