"""Count what values a property has among some people: the most frequent ones, or how many fall into each interval."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import orjson
import polars as pl

from contacts.columnar import columns, extract
from contacts.columnar.columns import ID
from contacts.columnar.snapshot import Layer, Reading
from contacts.columnar.texts import Texts
from contacts.schema import PropertyType
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
    """`values`: the most frequent ones; `distinct`: how many were to choose from; `known` + `missing`: everybody."""

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
    people = visible(people)
    counted = _counted(people, type_, fold(containing))
    top = _top(counted, limit)
    spelled = _spelled(workspace_id, people, type_, zone, top["value"])
    values = [Value(spelling, count) for spelling, count in zip(spelled, top["count"], strict=True)]
    return Facets(values, len(counted), *_known_and_missing(people, type_))


def _top(counted: pl.DataFrame, limit: int) -> pl.DataFrame:
    """The most frequent ones, of equally frequent ones the first, without sorting a million that occur once."""
    if counted.is_empty():
        return counted
    least = counted["count"].top_k(limit).min()
    more, equal = counted.filter(pl.col("count") > least), counted.filter(pl.col("count") == least)
    if not equal["value"].flags["SORTED_ASC"]:  # else what follows has nothing to do
        equal = equal.bottom_k(limit - len(more), by="value")
    equal = equal.sort("value").head(limit - len(more))
    return pl.concat([more.sort(["count", "value"], descending=[True, False]), equal])


def extremes(people: People, type_: PropertyType) -> tuple[Any, Any]:
    """The lowest and the highest number, or date as an ISO instant; None for other kinds and where nobody has one."""
    if type_.kind not in (Kind.NUMBER, Kind.DATE):
        return None, None
    together = _values(visible(people), type_)
    if together.is_empty():
        return None, None
    return _as_it_is(type_.kind, together.min()), _as_it_is(type_.kind, together.max())


def everybody(reading: Reading) -> People:
    return visible([(layer, pl.repeat(True, len(layer.frame), eager=True)) for layer in reading.layers])


def visible(people: People) -> People:
    """The same people without the hidden rows, of which a mask may say anything. All that follows goes by it."""
    return [(layer, mask.scatter(layer.hidden, False) if len(layer.hidden) else mask) for layer, mask in people]


def known(people: People, type_: PropertyType) -> int:
    """How many have a value of the property. The layers must hold its column."""
    return _known_and_missing(visible(people), type_)[0]


def _known_and_missing(people: People, type_: PropertyType) -> tuple[int, int]:
    """How many have a value, and how many have none."""
    known = sum(int((mask & layer.frame[type_.reference].is_not_null()).sum()) for layer, mask in people)
    return known, sum(int(mask.sum()) for _, mask in people) - known


def _values(people: People, type_: PropertyType) -> pl.Series:
    """All that they have, as columns hold it."""
    parts = (layer.frame[type_.reference].filter(mask).drop_nulls().alias("") for layer, mask in people)
    return pl.concat([columns.nothing(type_.kind, 0), *parts])


def _counted(people: People, type_: PropertyType, containing: str) -> pl.DataFrame:
    """Each value in which a text occurs, as columns hold it, and how many people have it (`count`)."""
    nobody = pl.DataFrame(schema={"value": _dtype(type_.kind), "count": pl.UInt32})
    parts = [_counted_in(layer, mask, type_, containing) for layer, mask in people] or [nobody]
    if type_.kind is Kind.LIST:
        return _summed(pl.concat(parts))
    most, *others = sorted(parts, key=len, reverse=True)
    if not others:
        return most
    # The layers behind the first are small: a million values of one of them are not grouped for a few of another.
    fewer = pl.concat(others)
    twice = most["value"].is_in(fewer["value"].implode())
    return pl.concat([most.filter(~twice), _summed(pl.concat([most.filter(twice), fewer]))])


def _summed(counted: pl.DataFrame) -> pl.DataFrame:
    return counted.group_by("value").agg(pl.col("count").sum())


def _dtype(kind: Kind) -> pl.DataType:
    return pl.String() if kind is Kind.LIST else columns.DTYPES[kind]


def _counted_in(layer: Layer, mask: pl.Series, type_: PropertyType, containing: str) -> pl.DataFrame:
    if (texts := _texts(layer, type_)) is not None:
        return texts.counted(mask & texts.contain(containing) if containing else mask)
    held = layer.frame[type_.reference].alias("value").filter(mask).drop_nulls()
    # Equal values first, what they stand for after that: a million lists are of a few kinds.
    counted = held.value_counts(name="count")
    found = _items(_plain(counted, type_.kind), type_.kind)
    return found.filter(pl.col("value").cast(pl.String).str.contains(containing, literal=True)) if containing else found


def _texts(layer: Layer, type_: PropertyType) -> Texts | None:
    return layer.texts(type_.reference) if type_.kind is Kind.TEXT else None


def _plain(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Values instead of the categories that stand for them."""
    if not isinstance(frame["value"].dtype, pl.Enum):
        return frame
    return frame.with_columns(columns.values(frame["value"].cast(pl.String), kind).alias("value"))


def _items(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """A row for each item of a list; one that stands in it twice counts once."""
    return frame.with_columns(pl.col("value").list.unique()).explode("value") if kind is Kind.LIST else frame


# --- spelling ------------------------------------------------------------------------------------------------------


def _spelled(
    workspace_id: str, people: People, type_: PropertyType, zone: tzinfo, values: pl.Series
) -> list[str | float | bool]:
    """Each value as most of a few people who have it write it: columns hold texts folded and days as instants."""
    if type_.kind not in _SPELLINGS or values.is_empty():
        return [_as_it_is(type_.kind, value) for value in values]
    holders = _holders(people, type_, values)
    texts = extract.texts(workspace_id, type_, [id_ for ids in holders.values() for id_ in ids])
    spellings: dict[Any, Counter[str]] = {value: Counter() for value in values}
    for text in texts.values():
        with suppress(ValueError):  # rewritten since the column was read, to something that does not fit
            for value, spelling in _SPELLINGS[type_.kind](text, zone):
                if value in spellings:
                    spellings[value][spelling] += 1
    return [found.most_common(1)[0][0] if found else _as_it_is(type_.kind, value) for value, found in spellings.items()]


def _holders(people: People, type_: PropertyType, values: pl.Series) -> dict[Any, list[int]]:
    """The ids of up to EXAMPLES people for each of these values."""
    found: dict[Any, list[int]] = {value: [] for value in values}
    for layer, mask in people:
        held = layer.frame.select(ID, pl.col(type_.reference).alias("value"))
        if (texts := _texts(layer, type_)) is not None:  # one of many is rare: looked up, it is not scanned for
            held = held.filter(mask & texts.are(values.to_list()))
            mask = pl.repeat(True, len(held), eager=True)
        for start in range(0, len(held), _STRIDE):
            wanted = [value for value, ids in found.items() if len(ids) < EXAMPLES]
            if not wanted:
                return found
            part = held[start : start + _STRIDE].filter(mask[start : start + _STRIDE]).drop_nulls("value")
            part = _items(_plain(part, type_.kind), type_.kind)
            part = part.filter(pl.col("value").is_in(wanted)).group_by("value").agg(pl.col(ID).head(EXAMPLES))
            for value, ids in part.iter_rows():
                found[value] += ids
    return found


_STRIDE = 65_536


def _as_it_is(kind: Kind, value: Any) -> Any:
    if kind is Kind.DATE:
        return iso(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(text: str, zone: tzinfo) -> list[tuple[Any, str]]:
    return [(fold(text), text)]


def _list(text: str, zone: tzinfo) -> list[tuple[Any, str]]:
    items = orjson.loads(text)
    kept = [as_text(item) for item in items if not is_missing(item)] if isinstance(items, list) else []
    return [(fold(item), item) for item in kept]


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
    people = visible(people)
    values = _values(people, type_).to_numpy()
    known, missing = _known_and_missing(people, type_)
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
