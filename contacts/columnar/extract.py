"""Fetch contacts' values out of PostgreSQL, many at a time, as columns of texts."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import polars as pl
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from contacts.builtin import BUILTIN
from contacts.columnar import columns
from contacts.columnar.columns import ID, SEPARATOR, Texts
from contacts.schema import CUSTOM, TAG, PropertyType, Schema, custom_type, tag_type
from contacts.values import Kind

Ids = NDArray[np.int64]


def cursor() -> psycopg.Cursor[Any]:
    """A server-binding cursor on Django's own connection: part of its transaction, able to give binary results."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def planned_once(query: str, parameters: Mapping[str, Any]) -> Any:
    """The rows, in binary, of a statement that PostgreSQL plans once for all that follow on this connection.

    Planning a read takes three times what running it takes. Only this statement gets such a plan: others are for few
    rows or for many, and what is best for them depends on their parameters.
    """
    with cursor() as held:
        raw = held.connection
        raw.prepare_threshold = ONLY_WHERE_ASKED  # Django prepares nothing
        with raw.pipeline(), psycopg.Cursor(raw) as mode:
            mode.execute("SET plan_cache_mode = force_generic_plan", prepare=True)
            held.execute(query, parameters, binary=True, prepare=True)
            mode.execute("SET plan_cache_mode = auto", prepare=True)
            return held.fetchall()


ONLY_WHERE_ASKED = 2**31  # times


def value(reference: str) -> sql.Composable:
    """An SQL expression over contacts_contact for a property's value as text, in a query that has parameters."""

    def literal(name: str) -> sql.Literal:
        return sql.Literal(name.replace("%", "%%"))  # psycopg takes a lone % for a parameter

    if reference.startswith(CUSTOM):
        return sql.SQL("custom ->> {}").format(literal(reference.removeprefix(CUSTOM)))
    if reference.startswith(TAG):
        return sql.SQL("substitution_tags ->> {}").format(literal(reference.removeprefix(TAG)))
    return sql.SQL(BUILTIN[reference].sql)


@dataclass(frozen=True)
class Rows:
    """Contacts that are not gone: their ids, and in the same order the texts of each of some references."""

    ids: Ids
    texts: Mapping[str, Texts]

    @classmethod
    def of(cls, references: Iterable[str], ids: bytes | None, *texts: Texts | None) -> "Rows":
        """From what `gathered` selects; where there are no rows that is all null."""
        held = ([] if each is None else each for each in texts)
        return cls(binary_ids(ids), dict(zip(references, held, strict=True)))

    def torn(self) -> set[str]:
        """The references of which some text holds SEPARATOR: they have to be gathered as lists."""
        between = len(self.ids) - 1
        return {name for name, held in self.texts.items() if isinstance(held, str) and held.count(SEPARATOR) != between}

    def typed(self, types: Iterable[PropertyType], zone: tzinfo) -> pl.DataFrame:
        """`id`, the column of each of these types, and those of misfits where there are any."""
        parts = (columns.typed(type_.column, self.texts[type_.reference], type_.kind, zone) for type_ in types)
        return pl.DataFrame([pl.Series(ID, self.ids), *itertools.chain.from_iterable(parts)])


def known(references: Collection[str]) -> list[str]:
    """Those that may name a property: built-ins, custom properties and substitution tags, declared or not."""
    return sorted({name for name in references if name in BUILTIN or name.startswith((CUSTOM, TAG))})


def own_names(references: Iterable[str]) -> dict[str, list[str]]:
    """The parameters `custom` and `tags` of a query: what the workspace itself calls these properties."""
    return {
        "custom": [name.removeprefix(CUSTOM) for name in references if name.startswith(CUSTOM)],
        "tags": [name.removeprefix(TAG) for name in references if name.startswith(TAG)],
    }


def gathered(references: Iterable[str], lists: Collection[str] = ()) -> sql.Composable:
    """What to select from contacts to make Rows: all values of a reference in one text, or where asked in a list.

    One text costs PostgreSQL two thirds of a row for each contact, and us a tenth.
    """
    ids = sql.SQL("string_agg(int8send(id), '')")
    return sql.SQL(", ").join(
        [ids, *((_LISTED if name in lists else _JOINED).format(value(name)) for name in references)]
    )


_LISTED = sql.SQL("array_agg({})")
_JOINED = sql.SQL(f"string_agg(coalesce({{}}, ''), E'\\x{ord(SEPARATOR):x}')")


def binary_ids(data: bytes | None) -> Ids:
    """Ids out of the eight bytes each that int8send gives."""
    return np.frombuffer(data or b"", dtype=">i8").astype(np.int64)


def ascending(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each once. numpy's own unique takes forty times as long."""
    ordered = np.sort(numbers, kind="stable")
    found: NDArray[np.int64] = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return found


def fetch(
    cursor: psycopg.Cursor[Any], workspace_id: str, references: Sequence[str], ids: Ids, lists: Collection[str] = ()
) -> list[Rows]:
    """The live contacts among these, in one part; in several where PostgreSQL cannot put them into one gigabyte."""
    # Rule 5 of the snapshot: a contact keeps its workspace for life (a trigger sees to that), and every read of
    # contacts names the workspace all the same, so that no mark can bring in a stranger.
    query = sql.SQL(
        "SELECT {} FROM contacts_contact WHERE workspace_id = %s AND id = ANY(%s::bigint[]) AND lifecycle <> 'trashed'"
    ).format(gathered(references, lists))
    try:
        with cursor.connection.transaction():
            cursor.execute(query, [workspace_id, array(ids)], binary=True)
            rows = Rows.of(references, *cursor.fetchall()[0])
    except psycopg.errors.ProgramLimitExceeded:
        half = len(ids) // 2
        if not half:
            raise
        parts = ids[:half], ids[half:]
        return [rows for part in parts for rows in fetch(cursor, workspace_id, references, part, lists)]
    if torn := rows.torn():
        return fetch(cursor, workspace_id, references, ids, {*lists, *torn})
    return [rows]


def array(ids: Ids) -> str:
    """Ids as PostgreSQL spells an array of them."""
    return orjson.dumps(ids, option=orjson.OPT_SERIALIZE_NUMPY).decode().translate(_BRACES)


_BRACES = str.maketrans("[]", "{}")


def schema_of(timezone: str | None, properties: str | None, tags: str | None) -> Schema:
    """From JSON lists of [id, name, label, type] of properties and [id, tag] of substitution tags."""
    types = [custom_type(name, label, Kind(kind), pk) for pk, name, label, kind in orjson.loads(properties or "[]")]
    types += [tag_type(tag, pk) for pk, tag in orjson.loads(tags or "[]")]
    return Schema({type_.reference: type_ for type_ in types}, ZoneInfo(timezone or "UTC"))


def texts(workspace_id: str, type_: PropertyType, ids: Sequence[int]) -> dict[int, str]:
    """A property's stored values, as texts, of those of these contacts that have one."""
    query = sql.SQL(
        "SELECT id, {value} FROM contacts_contact"
        " WHERE workspace_id = %s AND id = ANY(%s) AND {value} IS NOT NULL AND lifecycle <> 'trashed'"
    )
    with cursor() as held:
        held.execute(query.format(value=value(type_.reference)), [workspace_id, list(ids)])
        return dict(held.fetchall())
