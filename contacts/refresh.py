"""Take what was written since the last refresh into a workspace's columnar snapshot.

The snapshot's protocol has eight rules; each stands where it binds: here, in contacts/snapshot.py,
contacts/extract.py, contacts/columns.py or contacts/migrations/0002_triggers.py. Leaving any of them out was seen
to give wrong answers.
"""

import itertools
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import psycopg
from django.conf import settings
from django.db import transaction

from contacts import columns, extract
from contacts.columns import GONE, ID
from contacts.extract import Ids as Ids
from contacts.schema import Schema
from workspaces.models import Workspace

DELTA = 0  # the `first_id` of the delta; contact ids begin at 1
ROWS_A_FETCH = 16_384  # more are slower: their texts leave the processor's caches on both sides
MANY = 50_000  # marks, after whose deletion it is worth clearing away what is left of them


NO_IDS: Ids = np.empty(0, dtype=np.int64)


class SnapshotBusy(Exception):
    """Somebody else has been refreshing this workspace for too long. Worth trying again."""

    retry_after_seconds = 5


@dataclass(frozen=True)
class Refreshed:
    """What one refresh took in: contacts written, those of them now gone, whether chunks were rewritten."""

    written: int
    gone: int
    merged: bool


def refresh(workspace: Workspace | str, *, patience_ms: int | None = None, merge: Collection[int] = ()) -> Refreshed:
    """Bring a workspace's snapshot up to date. Safe to run at any time, any number at once.

    `merge`: contacts that are taken into their chunks now, so that no older values of theirs are left anywhere.
    Raises SnapshotBusy when another refresh of the workspace outlasts the patience (None: waits for it).
    """
    workspace_id = workspace if isinstance(workspace, str) else workspace.pk
    # Rule 1: one READ COMMITTED transaction under the workspace's lock deletes the marks, then reads the properties,
    # then the rows. In this order whatever is written meanwhile keeps its mark and is taken in next time; in any
    # other a mark is deleted whose write was not seen.
    with transaction.atomic(durable=True), extract.cursor() as cursor:
        _lock(cursor, workspace_id, patience_ms)
        at_once = np.array(sorted(merge), dtype=np.int64)
        written = extract.ascending(np.append(_delete_marks(cursor, workspace_id), at_once))
        if not len(written):
            return Refreshed(0, 0, merged=False)
        schema = _schema(cursor, workspace_id)
        done = _Refresh(cursor, workspace_id, schema).take_in(written, at_once)
    if done.written >= MANY:
        _vacuum()
    return done


def _vacuum() -> None:
    """Clear away the many marks and columns just deleted; until then every read would step over them."""
    with extract.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE, TRUNCATE false) contacts_contactmark, contacts_snapshotcolumn")


def _lock(cursor: psycopg.Cursor[Any], workspace_id: str, patience_ms: int | None) -> None:
    if patience_ms is not None:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(patience_ms)])
    try:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('snapshot:' || %s, 0))", [workspace_id])
    except psycopg.errors.LockNotAvailable as error:
        raise SnapshotBusy from error
    cursor.execute("SET LOCAL lock_timeout = 0")


def _delete_marks(cursor: psycopg.Cursor[Any], workspace_id: str) -> Ids:
    # Rule 2 is what makes this right: marks are append-only, so a write that is not yet committed has a mark of its
    # own, which this statement neither sees nor deletes.
    cursor.execute(
        """
        WITH deleted AS (DELETE FROM contacts_contactmark WHERE workspace_id = %s RETURNING contact_id)
        SELECT string_agg(int8send(contact_id), '') FROM deleted
        """,
        [workspace_id],
        binary=True,
    )
    return extract.ascending(extract.binary_ids(cursor.fetchall()[0][0]))


def _schema(cursor: psycopg.Cursor[Any], workspace_id: str) -> Schema:
    cursor.execute(
        """
        SELECT (SELECT timezone FROM workspaces_workspace WHERE id = %(workspace)s),
               (SELECT jsonb_agg(jsonb_build_array(id, name, label, type))::text
                FROM contacts_property WHERE workspace_id = %(workspace)s),
               (SELECT jsonb_agg(jsonb_build_array(id, tag))::text
                FROM contacts_substitutiontag WHERE workspace_id = %(workspace)s)
        """,
        {"workspace": workspace_id},
    )
    return extract.schema_of(*cursor.fetchall()[0])


class _Refresh:
    """One refresh, after its marks are deleted and its properties read."""

    def __init__(self, cursor: psycopg.Cursor[Any], workspace_id: str, schema: Schema) -> None:
        self.cursor = cursor
        self.workspace_id = workspace_id
        self.schema = schema
        self.types = schema.types()

    def take_in(self, written: Ids, at_once: Ids = NO_IDS) -> Refreshed:
        self._delete_columns_of_deleted_properties()
        delta = self._delta()
        if len(delta) + len(written) <= settings.SNAPSHOT_DELTA_BEFORE_MERGE:
            changed = self._changed(written)
            to_chunks = _among(changed, at_once)
            self._merge(changed.filter(to_chunks))
            self._drop(DELTA)
            kept = [delta.filter(~_among(delta, written)), changed.filter(~to_chunks)]
            self._write(DELTA, _by_id(pl.concat(kept, how="diagonal")))
            return Refreshed(len(written), int(changed[GONE].sum()), merged=len(at_once) > 0)
        self._merge(delta)
        self._drop(DELTA)
        gone = 0
        for start in range(0, len(written), settings.SNAPSHOT_CHUNK):
            changed = self._changed(written[start : start + settings.SNAPSHOT_CHUNK])
            gone += int(changed[GONE].sum())
            self._merge(changed)
        return Refreshed(len(written), gone, merged=True)

    def _changed(self, ids: Ids) -> pl.DataFrame:
        """These contacts as they are now, by id: typed columns and whether each is gone."""
        live = pl.concat([_NOBODY, *self._fetch(ids)], how="diagonal").with_columns(pl.lit(False).alias(GONE))
        missing = np.setdiff1d(ids, live[ID].to_numpy(), assume_unique=True)
        gone = pl.DataFrame({ID: missing}).with_columns(pl.lit(True).alias(GONE))
        return _by_id(pl.concat([live, gone], how="diagonal") if len(gone) else live)

    def _fetch(self, ids: Ids) -> Iterator[pl.DataFrame]:
        """The live contacts among these, piece by piece; PostgreSQL works on the next while we work on this one."""
        pieces = [ids[start : start + ROWS_A_FETCH] for start in range(0, len(ids), ROWS_A_FETCH)]
        references = [type_.reference for type_ in self.types]
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(extract.fetch, self.cursor, self.workspace_id, references, pieces[0])
            for following in [*pieces[1:], None]:
                fetched = coming.result()
                if following is not None:
                    coming = ahead.submit(extract.fetch, self.cursor, self.workspace_id, references, following)
                for rows in fetched:
                    yield _without_empty(rows.typed(self.types, self.schema.zone))

    def _delta(self) -> pl.DataFrame:
        return pl.DataFrame(
            self._stored(DELTA) or {ID: pl.Series([], dtype=pl.Int64), GONE: pl.Series([], dtype=pl.Boolean)}
        )

    def _merge(self, changed: pl.DataFrame) -> None:
        """Rewrite the chunks that these changed contacts belong to."""
        if changed.is_empty():
            return
        self.cursor.execute(
            "SELECT DISTINCT first_id FROM contacts_snapshotcolumn"
            " WHERE workspace_id = %s AND first_id <> %s ORDER BY 1",
            [self.workspace_id, DELTA],
        )
        firsts = [first for (first,) in self.cursor]
        # A contact with a lower id than any before it joins the first chunk.
        place = np.maximum(np.searchsorted(firsts, changed[ID].to_numpy(), side="right") - 1, 0)
        for chunk in np.unique(place):
            self._merge_chunk(firsts[chunk] if firsts else None, changed.filter(pl.Series(place == chunk)))

    def _merge_chunk(self, first_id: int | None, changed: pl.DataFrame) -> None:
        live = changed.filter(~pl.col(GONE)).drop(GONE)
        if first_id is None or self._lies_behind_full(first_id, changed):
            self._write_chunks(live)
            return
        old = pl.DataFrame(self._stored(first_id))
        self._drop(first_id)
        kept = old.filter(~_among(old, changed[ID].to_numpy()))
        self._write_chunks(_by_id(pl.concat([kept, live], how="diagonal")))

    def _lies_behind_full(self, first_id: int, changed: pl.DataFrame) -> bool:
        """Whether all of these come after a chunk that has no room for them: then it need not be rewritten."""
        ids = self._stored(first_id, ID)[ID]
        return len(ids) + len(changed) > settings.SNAPSHOT_CHUNK and ids[-1] < changed[ID][0]

    def _write_chunks(self, frame: pl.DataFrame) -> None:
        """Cut into equal chunks of at most SNAPSHOT_CHUNK contacts."""
        chunks = -(-len(frame) // settings.SNAPSHOT_CHUNK)
        for start, end in itertools.pairwise(len(frame) * chunk // max(chunks, 1) for chunk in range(chunks + 1)):
            self._write(int(frame[ID][start]), frame[start:end])

    def _stored(self, first_id: int, column: str | None = None) -> dict[str, pl.Series]:
        self.cursor.execute(
            'SELECT "column", data FROM contacts_snapshotcolumn'
            " WHERE workspace_id = %(workspace)s AND first_id = %(first)s"
            ' AND (%(column)s::text IS NULL OR "column" = %(column)s)',
            {"workspace": self.workspace_id, "first": first_id, "column": column},
            binary=True,
        )
        return {name: columns.unpack(data) for name, data in self.cursor}

    def _drop(self, first_id: int) -> None:
        self.cursor.execute(
            "DELETE FROM contacts_snapshotcolumn WHERE workspace_id = %s AND first_id = %s",
            [self.workspace_id, first_id],
        )

    def _write(self, first_id: int, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        for series in _without_empty(frame):  # a column that is not there is missing for everybody
            data = columns.pack(series)
            # Rule 4: bytes are named by their digest. A version counter would come round again after a rollback,
            # a restore or a flush, and caches would serve old bytes under it.
            self.cursor.execute(
                'INSERT INTO contacts_snapshotcolumn (workspace_id, first_id, "column", rows, digest, data)'
                " VALUES (%s, %s, %s, %s, %b, %b)",
                [self.workspace_id, first_id, series.name, len(series), columns.digest(data), data],
            )

    def _delete_columns_of_deleted_properties(self) -> None:
        kept = [type_.column for type_ in self.types]
        self.cursor.execute(
            'DELETE FROM contacts_snapshotcolumn WHERE workspace_id = %s AND "column" <> ALL(%s)',
            [self.workspace_id, [ID, GONE, *kept, *map(columns.misfits, kept)]],
        )


def _among(frame: pl.DataFrame, ids: Ids) -> pl.Series:
    return pl.Series(np.isin(frame[ID].to_numpy(), ids))


_NOBODY = pl.DataFrame(schema={ID: pl.Int64})


def _without_empty(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(column for column in frame if column.null_count() < len(column) or column.name == ID)


def _by_id(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if frame[ID].is_sorted() else frame.sort(ID)
