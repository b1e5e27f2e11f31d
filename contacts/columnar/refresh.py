"""Take what was written since the last refresh into a workspace's columnar snapshot.

The snapshot's protocol has eight rules; each stands where it binds: here, in snapshot.py, extract.py and columns.py
beside this file, or in contacts/migrations/0002_triggers.py. Leaving any of them out was seen to give wrong answers.

Along the axis of `first_id` (chunks.py says how it lies in the table), and beside it the marks:

    first_id    -1                  0      |   1             30,412        61,007 ...
                piece of the delta  delta  |   chunk         chunk         chunk        marks: 12, 61,500, 70,001

A mark says that a contact was written; a trigger leaves it with the write. A refresh deletes the marks and puts those
contacts, as they are now, into the delta, or behind it as a piece of its own where all their ids are higher. Who is
gone stands there as gone. When the delta would hold more than there is room for, it is merged: the chunks that its
contacts belong to are rewritten, and it is empty. A read believes a mark before the delta and the delta before a chunk.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import psycopg
from django.conf import settings
from django.db import transaction

from contacts.columnar import extract
from contacts.columnar.busy import SnapshotBusy
from contacts.columnar.chunks import DELTA, NOBODY, Block, Chunks, among, cuts
from contacts.columnar.columns import GONE, ID
from contacts.columnar.extract import Ids
from contacts.schema import Schema
from workspaces.models import Workspace

ROWS_A_FETCH = 16_384  # more are slower: their texts leave the processor's caches on both sides
ROOM_WITHIN_IMPORTS = 65_536  # contacts in the delta: what is more is merged with the batch that brings it
LEAST_BEHIND = 2_048  # contacts that are worth a piece of the delta of their own
MANY = 50_000  # marks, after whose deletion it is worth clearing away what is left of them

NO_IDS: Ids = np.empty(0, dtype=np.int64)


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
        done = _take_in(cursor, workspace_id, settings.SNAPSHOT_DELTA_BEFORE_MERGE, at_once)
    if done.written >= MANY:
        vacuum()
    return done


def refresh_within(cursor: psycopg.Cursor[Any], workspace_id: str) -> Refreshed | None:
    """Take in what the caller's transaction has just written, and all else; readers then never meet its marks.

    None, and nothing done, where somebody else is refreshing: to wait for them, holding keys, could be for ever.
    """
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('snapshot:' || %s, 0))", [workspace_id])
    ((locked,),) = cursor.fetchall()
    room = max(settings.SNAPSHOT_DELTA_BEFORE_MERGE, ROOM_WITHIN_IMPORTS)
    return _take_in(cursor, workspace_id, room) if locked else None


def _take_in(cursor: psycopg.Cursor[Any], workspace_id: str, room: int, at_once: Ids = NO_IDS) -> Refreshed:
    """For use under the lock."""
    written = extract.ascending(np.append(_delete_marks(cursor, workspace_id), at_once))
    if not len(written):
        return Refreshed(0, 0, merged=False)
    return _Refresh(cursor, workspace_id, _schema(cursor, workspace_id), room).take_in(written, at_once)


def vacuum() -> None:
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

    def __init__(self, cursor: psycopg.Cursor[Any], workspace_id: str, schema: Schema, room: int) -> None:
        self.cursor = cursor
        self.workspace_id = workspace_id
        self.schema = schema
        self.room = room  # for contacts in the delta
        self.types = schema.types()
        self.chunks = Chunks(cursor, workspace_id)

    def take_in(self, written: Ids, at_once: Ids) -> Refreshed:
        """`at_once`: those of the written that must not lie in the delta."""
        self.chunks.keep_only(self.types)
        if len(written) > self.room:
            return self._take_in_many(written)
        changed = self._changed(written)
        to_chunks = among(changed[ID], at_once)
        self._merge(Block.of(changed).among(to_chunks))
        too_many = self._add_to_delta(changed.filter(~to_chunks), at_once) > self.room
        if too_many:
            self._merge_delta()
        return Refreshed(len(written), int(changed[GONE].sum()), merged=too_many or len(at_once) > 0)

    def _take_in_many(self, written: Ids) -> Refreshed:
        self._merge_delta()
        gone = 0
        for start in range(0, len(written), settings.SNAPSHOT_CHUNK):
            changed = self._changed(written[start : start + settings.SNAPSHOT_CHUNK])
            gone += int(changed[GONE].sum())
            self._merge(Block.of(changed))
        return Refreshed(len(written), gone, merged=True)

    def _changed(self, ids: Ids) -> pl.DataFrame:
        """These contacts as they are now, by id: typed columns and whether each is gone."""
        live = pl.concat([NOBODY, *self._fetch(ids)], how="diagonal").with_columns(pl.lit(False).alias(GONE))
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

    def _add_to_delta(self, changed: pl.DataFrame, without: Ids) -> int:
        """How many contacts it holds then. Where all of these come behind it, nothing that it holds is rewritten.

        `without`: further contacts whose rows in it go.
        """
        delta, pieces = self.chunks.delta(), self.chunks.pieces()
        if pieces and not len(without) and len(changed) >= LEAST_BEHIND and delta.ids[-1] < changed[ID][0]:
            for column in changed:
                self.chunks.write([(min(pieces) - 1, 0, len(changed))], column)
            return len(delta.ids) + len(changed)
        kept, added = delta.among(~among(delta.ids, without)), Block.of(changed)
        return self.chunks.replace(pieces, kept, added, lambda ids: [(DELTA, 0, len(ids))] if len(ids) else [])

    def _merge_delta(self) -> None:
        self._merge(self.chunks.delta())
        for piece in self.chunks.pieces():
            self.chunks.drop(piece)

    def _merge(self, changes: Block) -> None:
        """Rewrite the chunks that these changed contacts belong to."""
        if not len(changes.ids):
            return
        firsts = self.chunks.firsts()
        # A contact with a lower id than any before it joins the first chunk.
        place = np.maximum(np.searchsorted(firsts, changes.ids.to_numpy(), side="right") - 1, 0)
        for chunk in np.unique(place):
            self._merge_chunk(firsts[chunk] if firsts else None, changes.among(pl.Series(place == chunk)))

    def _merge_chunk(self, first_id: int | None, changes: Block) -> None:
        if first_id is None or self._lies_behind_full(first_id, changes.ids):
            live = changes.live()
            for name in live.names:
                self.chunks.write(cuts(live.ids), live.column(name))
        else:
            self._rewrite(first_id, changes)

    def _lies_behind_full(self, first_id: int, changed: pl.Series) -> bool:
        """Whether all of these come after a chunk that has no room for them: then it need not be rewritten."""
        ids = self.chunks.column(first_id, ID)
        return len(ids) + len(changed) > settings.SNAPSHOT_CHUNK and ids[-1] < changed[0]

    def _rewrite(self, first_id: int, changes: Block) -> None:
        old, gone = self.chunks.block(first_id), changes.ids.to_numpy()
        self.chunks.replace([first_id], old.among(~among(old.ids, gone)), changes.live(), cuts)


def _without_empty(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(column for column in frame if column.null_count() < len(column) or column.name == ID)


def _by_id(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if frame[ID].is_sorted() else frame.sort(ID)
