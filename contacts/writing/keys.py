"""Hold the keys by which people are told apart, and find who has them.

Whoever may add somebody with a key holds the key first, to the end of the transaction: of two at once the second then
finds whom the first has added. Locks are taken in this order: "segments", "types", "snapshot", keys.
"""

from collections.abc import Collection, Iterable
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from contacts.columnar import extract

# A key's lock stands for all keys of its stripe: one lock a key would be more than a server with default settings has
# room for, which is some 6,000 in all.
STRIPES = 128

# In ascending order, lest two wait for each other.
_HOLD = """
    SELECT count(pg_advisory_xact_lock(id)) FROM (
        SELECT DISTINCT hashtextextended(
            concat_ws(':', reference, %(workspace)s::text, hashtext(lower(key)) & %(stripes)s), 0
        ) AS id
        FROM unnest(%(references)s::text[], %(keys)s::text[]) AS held (reference, key)
        ORDER BY id OFFSET 0
    ) AS locks
"""


def hold(workspace_id: str, keys: Collection[tuple[str, str]]) -> None:
    """Wait for these keys, pairs of externalId, email or phone and its value, and hold them to the transaction's end.

    All that a transaction needs, in one call.
    """
    if not keys:
        return
    references, values = map(list, zip(*keys, strict=True))
    with extract.cursor() as cursor:
        cursor.execute(
            _HOLD, {"workspace": workspace_id, "references": references, "keys": values, "stripes": STRIPES - 1}
        )


_HOLD_ALL = """
    SELECT count(pg_advisory_xact_lock(id)) FROM (
        SELECT hashtextextended(concat_ws(':', %(reference)s::text, %(workspace)s::text, stripe), 0) AS id
        FROM generate_series(0, %(stripes)s) AS stripe
        ORDER BY id OFFSET 0
    ) AS locks
"""


def hold_all(workspace_id: str, reference: str) -> None:
    """The same for every externalId, email or phone there may be: so many keys are in all stripes anyway."""
    with extract.cursor() as cursor:
        cursor.execute(_HOLD_ALL, {"workspace": workspace_id, "reference": reference, "stripes": STRIPES - 1})


class Known(NamedTuple):
    """A contact as it is stored."""

    id: int
    external_id: str
    email: str  # in PostgreSQL's small letters
    phone: str
    is_live: bool  # not in the trash

    def key(self, reference: str) -> str:
        return {"externalId": self.external_id, "email": self.email, "phone": self.phone}[reference]


# By arrays, each under an index but that of phone numbers. E-mail addresses and numbers find nobody in the trash.
_FIND = """
    SELECT id, external_id, lower(email), phone, lifecycle <> 'trashed' FROM contacts_contact
    WHERE workspace_id = %s AND {}
"""
_HAVE: dict[str, LiteralString] = {
    "externalId": "external_id <> '' AND external_id = ANY(%s)",
    "email": "email <> '' AND lower(email) = ANY(%s) AND lifecycle <> 'trashed'",
    "phone": "phone <> '' AND phone = ANY(%s) AND lifecycle <> 'trashed'",
}
_FINDERS = {reference: sql.SQL(_FIND).format(sql.SQL(have)) for reference, have in _HAVE.items()}


def find(cursor: psycopg.Cursor[Any], workspace_id: str, reference: str, keys: Collection[str]) -> list[Known]:
    """Everybody who has one of these keys, by id; e-mail addresses must be `lowered`."""
    if not keys:
        return []
    return sorted(map(Known._make, cursor.execute(_FINDERS[reference], [workspace_id, list(keys)])))


def lowered(cursor: psycopg.Cursor[Any], emails: Iterable[str]) -> dict[str, str]:
    """Each address in small letters, as PostgreSQL's index has it: Python's idea of them differs here and there."""
    cursor.execute("SELECT email, lower(email) FROM unnest(%s::text[]) AS email", [list(set(emails))])
    return dict(cursor.fetchall())


def of(workspace_id: str, contact_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """External id and e-mail address of these contacts."""
    with extract.cursor() as cursor:
        cursor.execute(
            "SELECT id, external_id, email FROM contacts_contact WHERE workspace_id = %s AND id = ANY(%s)",
            [workspace_id, list(contact_ids)],
        )
        return {id_: (external_id, email) for id_, external_id, email in cursor}
