"""Turn stored JSON values into typed columns, and columns into bytes and back."""

import hashlib
import io
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import orjson
import polars as pl

from contacts.values import LARGEST_INTEGER, Kind, Refused, as_text, fold, is_missing, span

FEW_VALUES = 10_000  # a column of texts or lists with no more distinct values is held as an Enum of them
BETWEEN = "\x1f"  # the items of a list that is a category
ID, GONE = "id", "gone"  # columns of the snapshot beside those of properties

DTYPES: dict[Kind, pl.DataType] = {
    Kind.TEXT: pl.String(),  # folded
    Kind.NUMBER: pl.Float64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.DATE: pl.Int64(),  # milliseconds UTC; no engine's idea of a time zone can get in between
    Kind.LIST: pl.List(pl.String()),  # folded
    Kind.OPAQUE: pl.Boolean(),  # true where something is stored
}


def typed(texts: pl.Series, kind: Kind, zone: tzinfo) -> pl.Series:
    """Stored values, as the texts that PostgreSQL's ->> gives, to the column of their kind.

    Rule 8 of the snapshot: never raises. What does not fit the kind (raw SQL can put anything there) is missing.
    """
    if texts.null_count() == len(texts):
        return nothing(kind, len(texts)).alias(texts.name)
    return _TYPED[kind](texts, zone).alias(texts.name)


def _text(texts: pl.Series, zone: tzinfo) -> pl.Series:
    # For ASCII the engine's lower-casing and Python's folding are the same; all other texts go through Python.
    folded = texts.str.to_lowercase()
    other = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(False)
    if other.any():
        folded = folded.zip_with(~other, _by_value(texts.set(~other, None), fold, pl.String()))
    return folded.set((folded == "").fill_null(False), None)


def _number(texts: pl.Series, zone: tzinfo) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    inexact = (numbers.abs() > LARGEST_INTEGER) & (numbers == numbers.floor())
    return numbers.set((~numbers.is_finite() | inexact).fill_null(False), None)


def _boolean(texts: pl.Series, zone: tzinfo) -> pl.Series:
    return (texts == "true").set(~texts.is_in(["true", "false"]).fill_null(False), None)


# The two forms in which times are stored, our JSON's and timestamptz's; everything else goes through Python.
_JSON_TIME = (24, "Z", "%Y-%m-%dT%H:%M:%S%.3fZ")
_COLUMN_TIME = (None, "+00", "%Y-%m-%d %H:%M:%S%.f+00")


def _date(texts: pl.Series, zone: tzinfo) -> pl.Series:
    dates = nothing(Kind.DATE, len(texts))
    for length, ending, form in (_JSON_TIME, _COLUMN_TIME):
        fits = texts.str.ends_with(ending) & ~texts.str.starts_with("0000")
        fits = (fits & (texts.str.len_bytes() == length) if length else fits).fill_null(False)
        if fits.any():
            moments = texts.set(~fits, None).str.to_datetime(form, time_unit="ms", strict=False)
            dates = dates.zip_with(~fits, moments.cast(pl.Int64))
    rest = texts.set(dates.is_not_null(), None)
    return dates.zip_with(rest.is_null(), _by_value(rest, lambda text: span(text, zone)[0], pl.Int64()))


def _list(texts: pl.Series, zone: tzinfo) -> pl.Series:
    return _by_value(texts, _folded_list, pl.List(pl.String()))


def _folded_list(text: str) -> list[str] | None:
    items = orjson.loads(text)
    if not isinstance(items, list):
        return None
    return [fold(as_text(item)) for item in items if not is_missing(item)] or None


def _opaque(texts: pl.Series, zone: tzinfo) -> pl.Series:
    missing = texts.is_in(["", "[]"])
    return (~missing).set(missing.fill_null(True), None)


def _by_value(texts: pl.Series, value_of: Callable[[str], Any], dtype: pl.DataType) -> pl.Series:
    """Apply a Python function once to each distinct text; what it refuses is missing."""
    distinct = texts.drop_nulls().unique()
    values = pl.Series("value", [_value_or_none(text, value_of) for text in distinct], dtype=dtype)
    table = pl.DataFrame({"text": distinct, "value": values})
    return texts.to_frame("text").join(table, on="text", how="left", maintain_order="left")["value"]


def _value_or_none(text: str, value_of: Callable[[str], Any]) -> Any:
    try:
        return value_of(text)
    except (Refused, orjson.JSONDecodeError):
        return None


_TYPED: dict[Kind, Callable[[pl.Series, tzinfo], pl.Series]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.LIST: _list,
    Kind.OPAQUE: _opaque,
}


def nothing(kind: Kind | None, length: int) -> pl.Series:
    """A column in which everything is missing; of ids where there is no kind."""
    return pl.Series([None], dtype=DTYPES[kind] if kind else pl.Int64()).new_from_index(0, length)


def pack(column: pl.Series) -> bytes:
    buffer = io.BytesIO()
    column.alias("v").to_frame().write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    return buffer.getvalue()


def unpack(data: bytes) -> pl.Series:
    return pl.read_parquet(io.BytesIO(data))["v"]


def digest(data: bytes) -> bytes:
    """BLAKE2b-96: the name of some bytes, for as long as anybody may remember them."""
    return hashlib.blake2b(data, digest_size=12).digest()


def searchable(column: pl.Series) -> pl.Series:
    """The column as rules scan it: one of texts or lists with few distinct values becomes an Enum of them.

    A list is spelled as its items joined by BETWEEN; `values` gives the lists back.
    """
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column
    spelled = column
    if column.dtype != pl.String:
        if column.explode().str.contains(BETWEEN, literal=True).any():
            return column
        spelled = column.list.join(BETWEEN)
    distinct = spelled.drop_nulls().unique()
    return spelled.cast(pl.Enum(distinct.sort())) if len(distinct) <= FEW_VALUES else column


def values(categories: pl.Series, kind: Kind) -> pl.Series:
    """What the categories of a searchable column stand for."""
    return categories.str.split(BETWEEN) if kind is Kind.LIST else categories
