"""Page through an audience in the order of any properties, both ways, by keyset and not by counting rows.

Who has no value comes last, up or down. Of equals the older contact comes first, or last where the last key goes down,
so that everybody has one place. Texts are in the order of their folded code points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from contacts.columnar.columns import ID
from contacts.columnar.snapshot import Layer
from contacts.models import Contact
from contacts.schema import Schema
from contacts.values import Kind
from segments.engine.audience import Audience
from segments.engine.cursors import Value
from segments.rules.check import find_property
from workspaces.problems import Invalid, Problem, listed


@dataclass(frozen=True)
class Key:
    """A property to sort by; `at`: where it stood in what was sent."""

    reference: str
    descending: bool = False
    at: str = "sort"


@dataclass(frozen=True)
class Place:
    """Where somebody stands in an order: their values as columns hold them, and their id."""

    contact_id: int
    values: tuple[Value, ...] = ()


# The kinds that can be sorted by, and what a value of each is in a column and a cursor.
_VALUES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
    Kind.DATE: (int,),
}


def check(order: Sequence[Key], schema: Schema) -> None:
    """Raises Invalid for every key that there is no property for, or no order."""
    problems: list[Problem] = []
    for key in order:
        try:
            kind = find_property(schema, key.reference, key.at).kind
        except Invalid as error:
            problems += error.problems
        else:
            if kind not in _VALUES:
                problems.append(
                    Problem(key.at, f"{key.reference} is of type {kind}; sort by one of type {listed(_VALUES)}")
                )
    if problems:
        raise Invalid(problems)


def check_place(place: Place, order: Sequence[Key], schema: Schema, path: str) -> None:
    """Raises Invalid if somebody cannot have stood there: a property may have taken another type since."""
    kinds = [find_property(schema, key.reference, key.at).kind for key in order]
    fits = len(place.values) == len(kinds) and all(
        value is None or (isinstance(value, _VALUES[kind]) and isinstance(value, bool) == (kind is Kind.BOOLEAN))
        for value, kind in zip(place.values, kinds, strict=True)
    )
    if not fits:
        raise Invalid([Problem(path, "is a cursor of a list that is sorted by other values; begin again")])


START = Place(0)  # in front of everybody


def page(
    people: Audience, order: Sequence[Key], limit: int, after: Place = START, before: Place | None = None
) -> list[tuple[Place, Contact]]:
    """The next members behind `after`, or with `before` the last ones in front of it, in order; at most `limit`.

    The columns of the keys must have been read with the audience.
    """
    backwards = before is not None

    def beyond(start: Place, most: int) -> list[Place]:
        if not order:
            walk = people.before if backwards else people.after
            return [Place(contact_id) for contact_id in walk(start.contact_id, most)]
        way = _Way(order, backwards)
        found = [place for layer, mask in people.layers for place in way.first(layer, mask, start, most)]
        return _sorted(found, order)[-most:] if backwards else _sorted(found, order)[:most]

    return people.present(limit, before or after, beyond, lambda place: place.contact_id, backwards=backwards)


def _sorted(places: list[Place], order: Sequence[Key]) -> list[Place]:
    places = sorted(places, key=lambda place: place.contact_id, reverse=order[-1].descending)
    for number, key in reversed(list(enumerate(order))):
        known = [place for place in places if place.values[number] is not None]
        missing = [place for place in places if place.values[number] is None]
        known.sort(key=_value(number), reverse=key.descending)  # stable, also in reverse
        places = known + missing
    return places


def _value(number: int) -> Any:
    return lambda place: place.values[number]


@dataclass(frozen=True)
class _Way:
    """One way through an order. Backwards everything is turned about, and so missing values come first."""

    order: Sequence[Key]
    backwards: bool

    def first(self, layer: Layer, mask: pl.Series, start: Place, limit: int) -> list[Place]:
        """The first members of a layer on this way behind a place, in no order."""
        columns = [_Column.of(layer.frame[key.reference], key.descending != self.backwards) for key in self.order]
        members = mask.scatter(layer.hidden, False) if len(layer.hidden) else mask
        if start != START:
            members = members & self._beyond(columns, layer, start)
        rows = self._nearest(columns, members.arg_true(), limit)
        values = zip(*(layer.frame[key.reference].gather(rows).to_list() for key in self.order), strict=True)
        ids = layer.frame[ID].gather(rows).to_list()
        return [Place(id_, each) for id_, each in zip(ids, values, strict=True)]

    def _beyond(self, columns: Sequence["_Column"], layer: Layer, start: Place) -> pl.Series:
        """Who stands behind a place: first by the first key, of its equals by the second, and at last by id."""
        ids = layer.frame[ID]
        beyond = ids < start.contact_id if self._ids_descend else ids > start.contact_id
        for column, value in reversed(list(zip(columns, start.values, strict=True))):
            beyond = column.beyond(value, self.backwards) | (column.equal(value) & beyond)
        return beyond

    @property
    def _ids_descend(self) -> bool:
        return self.order[-1].descending != self.backwards

    def _nearest(self, columns: Sequence["_Column"], rows: pl.Series, limit: int) -> pl.Series:
        """The first of these rows, without sorting all: of those that the first key ties, the others decide."""
        if limit <= 0 or len(rows) <= limit:
            return rows.head(max(limit, 0))
        if not columns:
            return rows.tail(limit) if self._ids_descend else rows.head(limit)
        values = columns[0].values.gather(rows)
        missing, known = rows.filter(values.is_null()), rows.filter(values.is_not_null())
        if self.backwards:
            chosen = self._nearest(columns[1:], missing, limit)
            return pl.concat([chosen, self._smallest(columns, known, limit - len(chosen))])
        chosen = self._smallest(columns, known, limit)
        return pl.concat([chosen, self._nearest(columns[1:], missing, limit - len(chosen))])

    def _smallest(self, columns: Sequence["_Column"], rows: pl.Series, limit: int) -> pl.Series:
        """The same among rows that all have a value for the first key."""
        if limit <= 0 or len(rows) <= limit:
            return rows.head(max(limit, 0))
        values = columns[0].values.gather(rows)
        if columns[0].descending:
            last = values.top_k(limit).min()
            nearer = rows.filter(values > last)
        else:
            last = values.bottom_k(limit).max()
            nearer = rows.filter(values < last)
        equal = rows.filter(values == last)
        return pl.concat([nearer, self._nearest(columns[1:], equal, limit - len(nearer))])


@dataclass(frozen=True)
class _Column:
    """What one key sorts by in one layer: the values, or where these are held as an Enum its codes."""

    values: pl.Series
    descending: bool
    categories: pl.Series | None = None

    @classmethod
    def of(cls, column: pl.Series, descending: bool) -> "_Column":
        if isinstance(column.dtype, pl.Enum):
            # Its categories are sorted, so codes are in the order of the texts that they stand for.
            return cls(column.to_physical(), descending, column.dtype.categories)
        return cls(column.cast(pl.UInt8) if column.dtype == pl.Boolean else column, descending)

    def equal(self, value: Value) -> pl.Series:
        if value is None:
            return self.values.is_null()
        equal: pl.Series = self.values == self._held(value)
        return equal.fill_null(False)

    def beyond(self, value: Value, missing_first: bool) -> pl.Series:
        """Whose value is behind this one."""
        if value is None:
            return self.values.is_not_null() if missing_first else pl.repeat(False, len(self.values), eager=True)
        held = self._held(value)
        behind: pl.Series = self.values < held if self.descending else self.values > held
        return behind.fill_null(not missing_first)

    def _held(self, value: Value) -> Any:
        """The value as this column has it; between two codes where the layer has no such text."""
        if self.categories is None:
            return int(value) if isinstance(value, bool) else value
        code = self.categories.search_sorted(value)
        there = code < len(self.categories) and self.categories[code] == value
        return float(code) if there else code - 0.5
