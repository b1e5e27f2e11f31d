"""Fetch contacts' values out of PostgreSQL, many at a time, as columns of texts."""

import io
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import polars as pl
import psycopg
from django.db import connection
from psycopg import sql

from contacts import columns
from contacts.builtin import BUILTIN
from contacts.columns import ID
from contacts.schema import CUSTOM, TAG, PropertyType, Schema, custom_type, tag_type
from contacts.values import Kind


def cursor() -> psycopg.Cursor[Any]:
    """A server-binding cursor on Django's own connection: part of its transaction, able to give binary results."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def value(reference: str, *, beside_parameters: bool = False) -> sql.Composable:
    """An SQL expression over contacts_contact for a property's value as text."""

    def literal(name: str) -> sql.Literal:
        # Where a query has parameters, psycopg takes a lone % in a name for one.
        return sql.Literal(name.replace("%", "%%") if beside_parameters else name)

    if reference.startswith(CUSTOM):
        return sql.SQL("custom ->> {}").format(literal(reference.removeprefix(CUSTOM)))
    if reference.startswith(TAG):
        return sql.SQL("substitution_tags ->> {}").format(literal(reference.removeprefix(TAG)))
    return sql.SQL(BUILTIN[reference].sql)


def copy_out(
    cursor: psycopg.Cursor[Any], workspace_id: str, types: Mapping[str, PropertyType], ids: Sequence[int]
) -> bytes:
    """The values of these live contacts as CSV without a header: the id, then one field for each type."""
    # Rule 5 of the snapshot: a contact keeps its workspace for life (a trigger sees to that), and every read of
    # contacts names the workspace all the same, so that no mark can bring in a stranger.
    query = sql.SQL(
        "COPY (SELECT {values} FROM contacts_contact WHERE workspace_id = {workspace} AND id = ANY({ids}::bigint[])"
        " AND lifecycle <> 'trashed') TO STDOUT (FORMAT csv)"
    ).format(
        values=sql.SQL(", ").join([sql.Identifier(ID), *(value(type_.reference) for type_ in types.values())]),
        workspace=sql.Literal(workspace_id),
        ids=sql.Literal("{" + ",".join(map(str, ids)) + "}"),
    )
    with cursor.copy(query) as copy:
        return b"".join(copy)


def parse(rows: bytes, names: Sequence[str]) -> pl.DataFrame:
    """What copy_out gives, as a frame of `id` and texts."""
    schema: dict[str, pl.DataType] = {ID: pl.Int64(), **{name: pl.String() for name in names}}
    if not rows:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(io.BytesIO(rows), has_header=False, schema=schema)


def typed(texts: pl.DataFrame, types: Mapping[str, PropertyType], zone: tzinfo) -> pl.DataFrame:
    """A frame of `id` and texts as a frame of `id` and the typed columns of those that have a type."""
    return pl.DataFrame([texts[ID], *(columns.typed(texts[name], type_.kind, zone) for name, type_ in types.items())])


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
        held.execute(query.format(value=value(type_.reference, beside_parameters=True)), [workspace_id, list(ids)])
        return dict(held.fetchall())
