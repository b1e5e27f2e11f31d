"""The columns of a workspace's snapshot as they lie in PostgreSQL: in chunks of contacts, each column by itself.

A chunk is named by the lowest id in it, its `first_id`. What was written lately lies in the delta, whose `first_id` is
0; a further piece of the delta, with ids behind all before it, has the next lower number:

    first_id    -2      -1       0   |   1           30,412        61,007  ...
                pieces behind it, delta |   chunks of at most SNAPSHOT_CHUNK contacts

Where both have a contact, the delta counts: it says what the contact is now, or that it is gone. A merge rewrites the
chunks that the delta's contacts belong to and empties it.
"""

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import psycopg
from django.conf import settings

from contacts.columnar import columns
from contacts.columnar.columns import GONE, ID
from contacts.columnar.extract import Ids
from contacts.schema import PropertyType

DELTA = 0  # the `first_id` of the delta, and below it those of what was added behind it; contact ids begin at 1


@dataclass(frozen=True)
class Block:
    """Some contacts by ascending id, whose columns are fetched one at a time."""

    ids: pl.Series
    names: set[str]  # of the columns in which somebody has a value
    column: Callable[[str], pl.Series]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "Block":
        return cls(frame[ID], set(frame.columns), lambda name: frame[name])

    def among(self, chosen: pl.Series) -> "Block":
        """The contacts for which this is true; one boolean a contact."""
        if chosen.all():
            return self
        return Block(self.ids.filter(chosen), self.names, lambda name: self.column(name).filter(chosen))

    def live(self) -> "Block":
        """The contacts that are not gone."""
        here = self.among(~self.column(GONE)) if GONE in self.names else self
        return Block(here.ids, here.names - {GONE}, here.column)


def behind_each_other(blocks: list[Block]) -> Block:
    """As one, where each begins behind the last id of the one before it."""
    if not blocks:
        return Block.of(NOBODY)
    return functools.reduce(
        lambda first, second: Block(
            pl.concat([first.ids, second.ids]), first.names | second.names, lambda name: _above(first, second, name)
        ),
        blocks,
    )


def _above(old: Block, new: Block, name: str) -> pl.Series:
    """A column of both, one after the other."""
    parts = [block.column(name) if name in block.names else None for block in (old, new)]
    nothing = pl.Series(name, [None], dtype=next(part.dtype for part in parts if part is not None))
    filled = (
        nothing.new_from_index(0, len(block.ids)) if part is None else part
        for part, block in zip(parts, (old, new), strict=True)
    )
    return pl.concat(filled).alias(name)


def among(ids: pl.Series, some: Ids) -> pl.Series:
    """Of each of these ids whether it is one of some others."""
    return pl.Series(np.isin(ids.to_numpy(), some))


Cut = tuple[int, int, int]  # the first id of a chunk, and where its rows begin and end


def cuts(ids: pl.Series) -> list[Cut]:
    """Equal chunks of at most SNAPSHOT_CHUNK contacts."""
    chunks = -(-len(ids) // settings.SNAPSHOT_CHUNK)
    places = [len(ids) * chunk // max(chunks, 1) for chunk in range(chunks + 1)]
    return [(ids[start], start, end) for start, end in itertools.pairwise(places)]


NOBODY = pl.DataFrame(schema={ID: pl.Int64})


class Chunks:
    """Those of one workspace."""

    def __init__(self, cursor: psycopg.Cursor[Any], workspace_id: str) -> None:
        self.cursor, self.workspace_id = cursor, workspace_id

    # --- reading

    def firsts(self) -> list[int]:
        """Of the chunks, in order of id."""
        query = "SELECT DISTINCT first_id FROM contacts_snapshotcolumn WHERE workspace_id = %s AND first_id > %s"
        return sorted(first for (first,) in self.cursor.execute(query, [self.workspace_id, DELTA]))

    def pieces(self) -> list[int]:
        """Of the delta, in order of id."""
        query = "SELECT DISTINCT first_id FROM contacts_snapshotcolumn WHERE workspace_id = %s AND first_id <= %s"
        return sorted((first for (first,) in self.cursor.execute(query, [self.workspace_id, DELTA])), reverse=True)

    def delta(self) -> Block:
        return behind_each_other([self.block(piece) for piece in self.pieces()])

    def block(self, first_id: int) -> Block:
        """A chunk, or a piece of the delta."""
        query = 'SELECT "column" FROM contacts_snapshotcolumn WHERE workspace_id = %s AND first_id = %s'
        names = {name for (name,) in self.cursor.execute(query, [self.workspace_id, first_id])}
        return Block(self.column(first_id, ID), names, lambda name: self.column(first_id, name))

    def column(self, first_id: int, column: str) -> pl.Series:
        """A column that the chunk has, one value a contact, in order of id."""
        self.cursor.execute(
            'SELECT data FROM contacts_snapshotcolumn WHERE workspace_id = %s AND first_id = %s AND "column" = %s',
            [self.workspace_id, first_id, column],
            binary=True,
        )
        ((data,),) = self.cursor.fetchall()
        return columns.unpack(data).alias(column)

    # --- writing

    def replace(self, places: list[int], old: Block, new: Block, cuts_of: Callable[[pl.Series], list[Cut]]) -> int:
        """Both in the place of what lies in these places; the new counts where both have a contact. How many they are.

        Column by column: all columns of a chunk at once would take hundreds of megabytes.
        """
        old = old.among(~among(old.ids, new.ids.to_numpy()))
        ids = pl.concat([old.ids, new.ids])
        order = None if ids.is_sorted() else ids.arg_sort()
        cuts = cuts_of(ids if order is None else ids.gather(order))
        for name in {ID, *old.names, *new.names}:
            column = _above(old, new, name)
            for place in places:
                self.drop(place, name)
            self.write(cuts, column if order is None else column.gather(order))
        return len(ids)

    def drop(self, first_id: int, column: str | None = None) -> None:
        self.cursor.execute(
            "DELETE FROM contacts_snapshotcolumn WHERE workspace_id = %(workspace)s AND first_id = %(first)s"
            ' AND (%(column)s::text IS NULL OR "column" = %(column)s)',
            {"workspace": self.workspace_id, "first": first_id, "column": column},
        )

    def write(self, cuts: list[Cut], column: pl.Series) -> None:
        """Add a column's rows to the chunks that these cut it into."""
        for first_id, start, end in cuts:
            piece = column[start:end]
            if piece.null_count() == len(piece) and piece.name != ID:
                continue  # a column that is not there is missing for everybody
            data = columns.pack(piece)
            # Rule 4: bytes are named by their digest. A version counter would come round again after a rollback,
            # a restore or a flush, and caches would serve old bytes under it.
            self.cursor.execute(
                'INSERT INTO contacts_snapshotcolumn (workspace_id, first_id, "column", rows, digest, data)'
                " VALUES (%s, %s, %s, %s, %b, %b)",
                [self.workspace_id, first_id, piece.name, len(piece), columns.digest(data), data],
            )

    def keep_only(self, types: Iterable[PropertyType]) -> None:
        """Delete the columns of properties that are no more."""
        kept = [type_.column for type_ in types]
        self.cursor.execute(
            'DELETE FROM contacts_snapshotcolumn WHERE workspace_id = %s AND "column" <> ALL(%s)',
            [self.workspace_id, [ID, GONE, *kept, *map(columns.misfits, kept)]],
        )
