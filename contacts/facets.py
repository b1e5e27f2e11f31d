"""Count what values a property has among some people: the most frequent ones, or how many fall into each interval."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import orjson
import polars as pl

from contacts import columns, extract
from contacts.columns import ID
from contacts.schema import PropertyType
from contacts.snapshot import Layer
from contacts.values import Kind, as_text, day_start, fold, is_day, is_missing, iso, local_day, milliseconds, span

# Layers of a reading, each with the mask of those of its people who are meant; of hidden rows it may say anything.
People = Sequence[tuple[Layer, pl.Series]]

EXAMPLES = 3  # people asked how they spell a value


@dataclass(frozen=True)
class Value:
    """A value as people write it (of a list, one of its items), and how many have it."""

    value: str | float | bool
    count: int


@dataclass(frozen=True)
class Facets:
    """`values`: the most frequent ones; `distinct`: how many there are in all; `known` + `missing`: everybody."""

    values: list[Value]
    distinct: int
    known: int
    missing: int


def facets(
    workspace_id: str, people: People, type_: PropertyType, zone: tzinfo, limit: int = 20, containing: str = ""
) -> Facets:
    """The most frequent values, most frequent first; with `containing` only those in which that text occurs.

    The layers must hold the property's column.
    """
    counted = _counted(people, type_)
    distinct = len(counted)
    if containing:
        counted = counted.filter(pl.col("value").cast(pl.String).str.contains(fold(containing), literal=True))
    top = counted.sort(["count", "value"], descending=[True, False]).head(limit)
    spelled = _spelled(workspace_id, type_, zone, dict(zip(top["value"], top["ids"].to_list(), strict=True)))
    values = [Value(spelled[value], count) for value, count in zip(top["value"], top["count"], strict=True)]
    return Facets(values, distinct, *known_and_missing(people, type_))


def known_and_missing(people: People, type_: PropertyType) -> tuple[int, int]:
    """How many have a value, and how many have none."""
    masks = [(layer, visible(layer, mask)) for layer, mask in people]
    known = sum(int((mask & layer.frame[type_.reference].is_not_null()).sum()) for layer, mask in masks)
    return known, sum(int(mask.sum()) for _, mask in masks) - known


def visible(layer: Layer, mask: pl.Series) -> pl.Series:
    """The mask without the layer's hidden rows."""
    return mask.scatter(layer.hidden, False) if len(layer.hidden) else mask


def _counted(people: People, type_: PropertyType) -> pl.DataFrame:
    """Each value, how many people have it (`count`), and the ids of some of them (`ids`)."""
    nobody = pl.DataFrame(schema={"value": _dtype(type_.kind), "count": pl.UInt32, "ids": pl.List(pl.Int64)})
    parts = (_counted_in(layer, mask, type_) for layer, mask in people)
    together = pl.concat([nobody, *parts]).group_by("value")
    return together.agg(pl.col("count").sum(), pl.col("ids").list.explode().head(EXAMPLES))


def _dtype(kind: Kind) -> pl.DataType:
    return pl.String() if kind is Kind.LIST else columns.DTYPES[kind]


def _counted_in(layer: Layer, mask: pl.Series, type_: PropertyType) -> pl.DataFrame:
    column = layer.frame[type_.reference].alias("value")
    held = pl.DataFrame([layer.frame[ID], column]).filter(visible(layer, mask)).drop_nulls("value")
    held = _items(held) if isinstance(column.dtype, pl.List) else held
    counted = held.group_by("value").agg(pl.len().alias("count"), pl.col(ID).head(EXAMPLES).alias("ids"))
    if isinstance(column.dtype, pl.Enum):
        counted = counted.with_columns(columns.values(counted["value"].cast(pl.String), type_.kind).alias("value"))
        counted = _items(counted) if type_.kind is Kind.LIST else counted
    return counted


def _items(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each item of a list, where one that stands in it twice counts once."""
    return frame.with_columns(pl.col("value").list.unique()).explode("value")


# --- spelling ------------------------------------------------------------------------------------------------------


def _spelled(
    workspace_id: str, type_: PropertyType, zone: tzinfo, holders: dict[Any, list[int]]
) -> dict[Any, str | float | bool]:
    """Each value as most of the people given for it write it: columns hold texts folded and days as instants."""
    if type_.kind not in _SPELLINGS:
        return {value: _plain(type_.kind, value) for value in holders}
    texts = extract.texts(workspace_id, type_, [id_ for ids in holders.values() for id_ in ids])
    written: dict[Any, Counter[str]] = {value: Counter() for value in holders}
    for value, ids in holders.items():
        for text in (texts[id_] for id_ in ids if id_ in texts):
            written[value].update(spelling for held, spelling in _SPELLINGS[type_.kind](text, zone) if held == value)
    return {
        value: spellings.most_common(1)[0][0] if spellings else _plain(type_.kind, value)
        for value, spellings in written.items()
    }


def _plain(kind: Kind, value: Any) -> str | float | bool:
    if kind is Kind.DATE:
        return iso(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(text: str, zone: tzinfo) -> list[tuple[Any, str]]:
    return [(fold(text), text)]


def _list(text: str, zone: tzinfo) -> list[tuple[Any, str]]:
    items = [as_text(item) for item in orjson.loads(text) if not is_missing(item)]
    return [(fold(item), item) for item in items]


def _day(text: str, zone: tzinfo) -> list[tuple[Any, str]]:
    return [(span(text, zone)[0], text)] if is_day(text) else []


# From a stored value to what columns hold for it, and how it is written.
_SPELLINGS: dict[Kind, Callable[[str, tzinfo], list[tuple[Any, str]]]] = {
    Kind.TEXT: _text,
    Kind.LIST: _list,
    Kind.DATE: _day,
}


# --- intervals -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bin:
    """How many values lie from `start` to just before `end`: numbers, or for dates milliseconds UTC."""

    start: float
    end: float
    count: int


@dataclass(frozen=True)
class Histogram:
    """Bins side by side from the lowest value to the highest. `step`: how wide each is, like 25, "day", "5 years"."""

    bins: list[Bin]
    step: float | str
    known: int
    missing: int


def histogram(people: People, type_: PropertyType, zone: tzinfo, most_bins: int = 20) -> Histogram:
    """How the values of a number or date property are spread; bins begin at round numbers, or with local days.

    The layers must hold the property's column.
    """
    parts = [layer.frame[type_.reference].filter(visible(layer, mask)).drop_nulls() for layer, mask in people]
    values = np.concatenate([np.empty(0), *(part.to_numpy() for part in parts)])
    known, missing = known_and_missing(people, type_)
    if not known:
        return Histogram([], 0, known, missing)
    edges_of = _date_edges if type_.kind is Kind.DATE else _number_edges
    edges, step = edges_of(float(values.min()), float(values.max()), most_bins, zone)
    counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(edges) - 1)
    bins = [Bin(*ends, int(count)) for ends, count in zip(itertools.pairwise(edges), counts, strict=True)]
    return Histogram(bins, step, known, missing)


_ROUND = (1, 2, 2.5, 5, 10)


def _number_edges(low: float, high: float, most_bins: int, zone: tzinfo) -> tuple[list[float], float]:
    """Ascending from at most `low` to more than `high`, at most two more than asked for."""
    width = high / most_bins - low / most_bins
    if not width or low + width == low or high + width == high:
        return [low, math.nextafter(high, math.inf)], 0  # the values are too close together to be cut
    magnitude = 10.0 ** math.floor(math.log10(width))
    step = next(each * magnitude for each in _ROUND if each * magnitude >= width or each == 10)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = [float(f"{place * step:.12g}") for place in range(first, last + 1)]
    # Rounding must not put the lowest or the highest value outside.
    return [min(edges[0], low), *edges[1:-1], max(edges[-1], math.nextafter(high, math.inf))], step


_EARLIEST, _LATEST = milliseconds(datetime(1, 1, 3, tzinfo=UTC)), milliseconds(datetime(9999, 12, 29, tzinfo=UTC))


def _date_edges(low: float, high: float, most_bins: int, zone: tzinfo) -> tuple[list[float], str]:
    first, last = (local_day(int(min(max(end, _EARLIEST), _LATEST)), zone) for end in (low, high))
    for row in _CALENDAR:
        step, start, after = row
        days = [start(first)]
        while days[-1] <= last and (len(days) <= most_bins or row is _CALENDAR[-1]):
            days.append(after(days[-1]))
        if days[-1] > last:
            break
    edges = [float(day_start(day, zone)) for day in days]
    return [min(edges[0], low), *edges[1:-1], max(edges[-1], high + 1)], step


def _months(count: int) -> tuple[Callable[[date], date], Callable[[date], date]]:
    """The start of the period of so many months that a day lies in, and the start of the next period."""

    def month(number: int) -> date:
        return date(number // 12, number % 12 + 1, 1) if number // 12 <= date.max.year else date.max

    def start(day: date) -> date:
        number = day.year * 12 + day.month - 1
        return month(max(number - number % count, 12))

    return start, lambda day: month((day.year * 12 + day.month - 1) // count * count + count)


_CALENDAR: list[tuple[str, Callable[[date], date], Callable[[date], date]]] = [
    ("day", lambda day: day, lambda day: _later(day, 1)),
    ("week", lambda day: day - timedelta(min(day.weekday(), day.toordinal() - 1)), lambda day: _later(day, 7)),
    ("month", *_months(1)),
    ("quarter", *_months(3)),
    ("year", *_months(12)),
    ("5 years", *_months(60)),
    ("20 years", *_months(240)),
    ("100 years", *_months(1200)),
    ("1000 years", *_months(12000)),
]


def _later(day: date, days: int) -> date:
    return day + timedelta(min(days, (date.max - day).days))
