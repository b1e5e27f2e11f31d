"""Read a workspace's contacts as typed columns, exact as of this moment: the snapshot and what came since."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from django.conf import settings
from django.db import OperationalError, connection
from numpy.typing import NDArray
from psycopg import sql

from contacts.builtin import BUILTIN
from contacts.columnar import columns, extract, texts
from contacts.columnar.cache import ColumnCache
from contacts.columnar.chunks import DELTA
from contacts.columnar.columns import GONE, ID
from contacts.columnar.extract import Ids, Rows
from contacts.columnar.refresh import refresh
from contacts.columnar.texts import Texts
from contacts.schema import PropertyType, Schema
from contacts.values import Kind, milliseconds
from workspaces.models import Workspace

PATIENCE_MS = 5_000
ATTEMPTS = 20

cache = ColumnCache(settings.SNAPSHOT_CACHE_BYTES)


@dataclass(frozen=True)
class Layer:
    """Some contacts: `id` and columns named by property reference. `hidden`: the rows that newer layers replace."""

    frame: pl.DataFrame
    ids: Ids  # ascending, one a row
    hidden: NDArray[np.intp]  # ascending places among the rows
    keys: Mapping[str, "Key"] = field(default_factory=dict)  # what its columns are called in the cache

    def texts(self, reference: str) -> Texts | None:
        """How to search a property without scanning it, where it is a text and its column one of many."""
        key, column = self.keys.get(reference), self.frame[reference]
        return Texts(column, key, cache) if key is not None and _are_many(column) else None


def _are_many(column: pl.Series) -> bool:
    return column.dtype == pl.String and len(column) >= texts.FEWEST


@dataclass(frozen=True)
class Reading:
    """Everybody in a workspace at one moment: the rows of all layers but the hidden ones, each person exactly once."""

    layers: Sequence[Layer]
    schema: Schema
    now: int  # milliseconds UTC, by PostgreSQL's clock

    @property
    def people(self) -> int:
        return sum(len(layer.ids) - len(layer.hidden) for layer in self.layers)


def read(workspace: Workspace, references: Collection[str], *, misfits: bool = False) -> Reading:
    """The columns of these properties for everybody. References that name no property are left out.

    With `misfits` also, by the name that columns.misfits gives for a reference, whose stored value does not fit.

    Raises SnapshotBusy when a refresh that this read has to wait for takes more than five seconds.
    """
    known = extract.known(references)
    limit: int | None = settings.SNAPSHOT_MARKS_BEFORE_REFRESH
    for _ in range(ATTEMPTS):
        found = _look(workspace, known, limit, misfits)
        if limit is not None and len(found.marked) > limit:
            # Rule 7: never refresh inside somebody's transaction or on a read-only connection; there a read goes
            # through all marks, however many. So it does after one refresh, lest busy writers keep it waiting.
            limit = None
            if not (connection.in_atomic_block or found.read_only):
                refresh(workspace, patience_ms=PATIENCE_MS)
            continue
        reading = found.reading()
        if reading is not None:
            return reading
    raise OperationalError("the snapshot was rewritten faster than it could be read")


# Rule 3: one statement sees the digests, the marks, the marked contacts, the properties and the time together. Two
# would let a refresh move a contact from the marks into the snapshot in between, to be counted twice or not at all.
_LOOK = """
WITH marked AS MATERIALIZED (
    SELECT DISTINCT contact_id AS id FROM contacts_contactmark WHERE workspace_id = %(workspace)s
    ORDER BY id LIMIT %(limit)s
), property AS (
    SELECT id, name, label, type FROM contacts_property
    WHERE workspace_id = %(workspace)s AND name = ANY(%(custom)s)
), tag AS (
    SELECT id, tag FROM contacts_substitutiontag WHERE workspace_id = %(workspace)s AND tag = ANY(%(tags)s)
), part AS (
    SELECT first_id, "column", rows, digest FROM contacts_snapshotcolumn
    WHERE workspace_id = %(workspace)s
    AND ("column" = ANY(%(columns)s) OR "column" IN (
        SELECT name || ending FROM (SELECT 'p' || id FROM property UNION SELECT 't' || id FROM tag) AS own (name),
        unnest(%(endings)s::text[]) AS ending
    ))
)
SELECT (SELECT timezone FROM workspaces_workspace WHERE id = %(workspace)s),
       (SELECT jsonb_agg(jsonb_build_array(id, name, label, type))::text FROM property),
       (SELECT jsonb_agg(jsonb_build_array(id, tag))::text FROM tag),
       statement_timestamp(),
       current_setting('transaction_read_only')::boolean,
       (SELECT string_agg(concat_ws(' ', first_id, "column", rows, encode(digest, 'hex')), ',' ORDER BY first_id)
        FROM part),
       (SELECT string_agg(int8send(id), '' ORDER BY id) FROM marked),
       written.*
FROM (
    SELECT {gathered} FROM (
        SELECT * FROM contacts_contact WHERE id = ANY(ARRAY(SELECT id FROM marked))
        AND workspace_id = %(workspace)s AND lifecycle <> 'trashed' ORDER BY id
    ) AS contact
) AS written
"""


def _look(
    workspace: Workspace, references: list[str], limit: int | None, misfits: bool = False, lists: Collection[str] = ()
) -> "_Found":
    endings = ["", columns.misfits("")] if misfits else [""]
    ((timezone, properties, tags, now, read_only, parts, marked, *gathered),) = extract.planned_once(
        _statement(tuple(references), frozenset(lists)),
        {
            "workspace": workspace.pk,
            **extract.own_names(references),
            "columns": [ID, GONE, *(name + ending for name in references if name in BUILTIN for ending in endings)],
            "endings": endings,
            "limit": None if limit is None else limit + 1,
        },
    )
    written = Rows.of(references, *gathered)
    if torn := written.torn():
        return _look(workspace, references, limit, misfits, {*lists, *torn})  # all of it: one statement, rule 3
    return _Found(
        workspace.pk,
        references,
        misfits,
        extract.schema_of(timezone, properties, tags),
        milliseconds(now),
        read_only,
        _parts(parts or ""),
        extract.binary_ids(marked),
        written,
    )


@functools.lru_cache(maxsize=512)
def _statement(references: tuple[str, ...], lists: frozenset[str]) -> str:
    with extract.cursor() as cursor:
        return sql.SQL(_LOOK).format(gathered=extract.gathered(references, lists)).as_string(cursor)


def _parts(told: str) -> dict[tuple[int, str], tuple[int, bytes]]:
    """By chunk and column how many rows, and the digest. As one text: psycopg takes 10 us for each of many records."""
    parts = (each.split(" ") for each in told.split(",") if each)
    return {(int(first_id), column): (int(rows), bytes.fromhex(digest)) for first_id, column, rows, digest in parts}


@dataclass(frozen=True)
class _Found:
    """What the one statement of a read found."""

    workspace_id: str
    references: list[str]
    misfits: bool
    schema: Schema
    now: int
    read_only: bool
    parts: dict[tuple[int, str], tuple[int, bytes]]
    marked: Ids
    written: Rows  # the marked contacts that are not gone

    def reading(self) -> Reading | None:
        """None if bytes that the statement named have been deleted since: then look again."""
        chunks = [first_id for first_id, column in self.parts if column == ID and first_id > DELTA]
        deltas = [first_id for first_id, column in self.parts if column == ID and first_id <= DELTA][::-1]
        own = [(ID, None), *self._columns.values()]
        delta = {name: self._key(deltas, name, kind) for name, kind in [*own, (GONE, None)]}
        base = {name: self._key(chunks, name, kind) for name, kind in own}
        loaded = _load(self.workspace_id, {*delta.values(), *base.values()})
        if loaded is None:
            return None
        layers = [self._marked_layer()] if len(self.written.ids) else []
        if deltas:
            gone = np.flatnonzero(loaded[delta[GONE]].to_numpy())
            layers.append(self._layer(delta, loaded, gone))
        if chunks:
            layers.append(self._layer(base, loaded, _places(base[ID], delta[ID], loaded)))
        return Reading(layers, self.schema, self.now)

    @property
    def _types(self) -> dict[str, PropertyType]:
        return {name: type_ for name in self.references if (type_ := self.schema.get(name))}

    @property
    def _columns(self) -> dict[str, tuple[str, Kind]]:
        """What the columns of a layer are called, and what they are in the snapshot."""
        own = {name: (type_.column, type_.kind) for name, type_ in self._types.items()}
        if self.misfits:
            own |= {columns.misfits(name): (columns.misfits(column), Kind.OPAQUE) for name, (column, _) in own.items()}
        return own

    def _key(self, chunks: list[int], column: str, kind: Kind | None) -> "Key":
        held = (self.parts.get((chunk, column)) for chunk in chunks)
        return kind, tuple(
            part[1] if part else self.parts[chunk, ID][0] for chunk, part in zip(chunks, held, strict=True)
        )

    def _marked_layer(self) -> Layer:
        frame = self.written.typed(self._types.values(), self.schema.zone)
        frame = frame.with_columns(
            columns.nothing(kind, len(frame)).alias(column)
            for column, kind in self._columns.values()
            if column not in frame.columns
        )
        frame = frame.select(ID, *(pl.col(column).alias(name) for name, (column, _) in self._columns.items()))
        return Layer(frame, frame[ID].to_numpy(), np.empty(0, dtype=np.intp))

    def _layer(self, keys: "dict[str, Key]", loaded: "dict[Key, pl.Series]", replaced: NDArray[np.intp]) -> Layer:
        """`replaced`: the places of rows that count for nothing; those of marked contacts are hidden beside them."""
        ids = loaded[keys[ID]].to_numpy()
        marked = positions(ids, self.marked)
        hidden = extract.ascending(np.append(replaced, marked)) if len(marked) else replaced
        named = {name: keys[column] for name, (column, _) in self._columns.items()}
        values = (loaded[key].alias(name) for name, key in named.items())
        return Layer(pl.DataFrame([loaded[keys[ID]].alias(ID), *values]), ids, hidden, named)


def positions(ids: Ids, wanted: Ids) -> NDArray[np.intp]:
    """Where these ids stand among ascending ones; those that do not are left out."""
    places: NDArray[np.intp] = np.searchsorted(ids, wanted)
    wanted, places = wanted[places < len(ids)], places[places < len(ids)]
    found: NDArray[np.intp] = places[ids[places] == wanted]
    return found


# A column over several chunks: its kind, and for each chunk a digest, or the number of rows where all are missing.
Key = tuple[Kind | None, tuple[bytes | int, ...]]


def _load(workspace_id: str, keys: set[Key]) -> dict[Key, pl.Series] | None:
    """The columns of these keys, from the cache or the table; None if some of the bytes are gone."""
    loaded = {key: column for key in keys if (column := cache.get(key)) is not None}
    missing = keys - loaded.keys()
    digests = {part for _, parts in missing for part in parts if isinstance(part, bytes)}
    data = _bytes(workspace_id, digests) if digests else {}
    if len(data) < len(digests):
        return None
    for key in missing:
        kind, parts = key
        pieces = [
            columns.unpack(data[part]) if isinstance(part, bytes) else columns.nothing(kind, part) for part in parts
        ]
        loaded[key] = columns.searchable(pl.concat(pieces)) if pieces else columns.nothing(kind, 0)
        cache.put(key, loaded[key])
    return loaded


def _places(base: Key, delta: Key, loaded: dict[Key, pl.Series]) -> NDArray[np.intp]:
    """Where the contacts of the delta stand in the chunks, worked out once for these bytes."""
    key = ("places", base, delta)
    places = cache.get(key)
    if places is None:
        places = pl.Series(positions(loaded[base].to_numpy(), loaded[delta].to_numpy()))
        cache.put(key, places)
    return places.to_numpy()


def _bytes(workspace_id: str, digests: set[bytes]) -> dict[bytes, bytes]:
    with extract.cursor() as cursor:
        cursor.execute(
            "SELECT digest, data FROM contacts_snapshotcolumn WHERE workspace_id = %s AND digest = ANY(%b)",
            [workspace_id, list(digests)],
            binary=True,
        )
        return {bytes(digest): bytes(data) for digest, data in cursor}
