"""Turn stored JSON values into typed columns, and columns into bytes and back."""

import hashlib
import io
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Any

import orjson
import polars as pl

from contacts.values import LARGEST_INTEGER, Kind, Refused, as_text, fold, is_missing, span

FEW_VALUES = 10_000  # a column of texts or lists with no more distinct values is held as an Enum of them
SEPARATOR = "\x1e"  # between texts that come from PostgreSQL in one
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


# The texts of a column on their way from PostgreSQL: in one, SEPARATOR between them, or where one holds it, in a list.
Texts = str | Sequence[str | None]


def typed(name: str, texts: Texts, kind: Kind, zone: tzinfo) -> list[pl.Series]:
    """Stored values, as the texts that PostgreSQL's ->> gives ("" is missing), to the column of their kind, one a text.

    Rule 8 of the snapshot: never raises. What does not fit the kind (raw SQL can put anything there) is missing.
    Where there is any of that, a second column is true for those contacts and null for all others.
    """
    if isinstance(texts, str) and not texts.strip(SEPARATOR):
        return [nothing(kind, len(texts) + 1).alias(name)]
    if kind is Kind.TEXT:
        return [_apart(_folded(texts)).alias(name)]
    stored = _apart(texts)
    stored = stored.set(stored == "[]", None)
    values = _TYPED[kind](stored, zone).alias(name)
    if values.null_count() == stored.null_count():
        return [values]
    fits = stored.is_null() | values.is_not_null()
    return [values, (~fits).set(fits, None).alias(misfits(name))]


def misfits(column: str) -> str:
    """The name of the column that says whose stored value does not fit."""
    return column + "!"


def _folded(texts: Texts) -> Texts:
    # Neither case nor accents reach across a control character: all can be folded in one go.
    return fold(texts) if isinstance(texts, str) else [fold(text or "") for text in texts]


def _apart(texts: Texts) -> pl.Series:
    """One by one; an empty text is missing."""
    apart = pl.Series(texts.split(SEPARATOR) if isinstance(texts, str) else texts, dtype=pl.String)
    return apart.set(apart == "", None)


def _number(texts: pl.Series, zone: tzinfo) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    return numbers.set(numbers.abs() > LARGEST_INTEGER, None)  # infinity is, and to the engine NaN is too


def _boolean(texts: pl.Series, zone: tzinfo) -> pl.Series:
    return (texts == "true").set(~texts.is_in(["true", "false"]), None)


def _date(texts: pl.Series, zone: tzinfo) -> pl.Series:
    dates = nothing(Kind.DATE, len(texts))
    for ending, between in _TIMES:
        ends = texts.str.ends_with(ending)
        if ends.any():
            dates = dates.zip_with(~ends, instants(texts.set(~ends, None).str.strip_suffix(ending), between))
    rest = texts.set(dates.is_not_null(), None)
    if rest.null_count() == len(rest):
        return dates
    return dates.zip_with(dates.is_not_null(), _by_value(rest, lambda text: _start(text, zone), pl.Int64()))


# How times are stored, by our JSON and by timestamptz: what they end with, and what stands between day and time.
# Everything else goes through Python.
_TIMES = ("Z", "T"), ("+00", " ")


def instants(texts: pl.Series, between: str) -> pl.Series:
    """The milliseconds of times without a zone, taken as UTC; null for what is not quite like one."""
    # The engine alone would take blanks, signs, the year 0 and the second 60.
    exact = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{between}[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\.[0-9]{{1,6}})?$"
    texts = texts.set(~texts.str.contains(exact) | (texts < "0001"), None)
    whole = texts.str.len_bytes() == len("2024-06-01T10:00:00")
    full = texts.zip_with(~whole, texts + ".").str.pad_end(26, "0")
    moments = full.str.to_datetime(f"%Y-%m-%d{between}%H:%M:%S.%6f", time_unit="us", strict=False, cache=False)
    return moments.cast(pl.Int64) // 1000


@lru_cache(maxsize=16_384)
def _start(text: str, zone: tzinfo) -> int:
    return span(text, zone)[0]


def _list(texts: pl.Series, zone: tzinfo) -> pl.Series:
    return _by_value(texts, _folded_list, pl.List(pl.String()))


def _folded_list(text: str) -> list[str] | None:
    items = orjson.loads(text)
    if not isinstance(items, list):
        return None
    return [fold(as_text(item)) for item in items if not is_missing(item)] or None


def _opaque(texts: pl.Series, zone: tzinfo) -> pl.Series:
    return texts.is_not_null().set(texts.is_null(), None)


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
    """A column, of any length and type, as the bytes in which it is stored: a Parquet file of it alone."""
    buffer = io.BytesIO()
    column.alias("v").to_frame().write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    return buffer.getvalue()


def unpack(data: bytes) -> pl.Series:
    """The column that these bytes hold, of the same length, order and type; its name is not kept."""
    return pl.read_parquet(io.BytesIO(data))["v"]


def digest(data: bytes) -> bytes:
    """BLAKE2b-96: the name of some bytes, for as long as anybody may remember them."""
    return hashlib.blake2b(data, digest_size=12).digest()


def searchable(column: pl.Series) -> pl.Series:
    """The column as rules scan it: one of texts or lists with few distinct values becomes an Enum of them.

    A list is spelled as its items joined by BETWEEN; `values` gives the lists back.
    """
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return column.rechunk()
    spelled = column
    if column.dtype != pl.String:
        if column.explode().unique().str.contains(BETWEEN, literal=True).any():
            return column.rechunk()
        spelled = column.list.join(BETWEEN)
    if spelled.head(2 * FEW_VALUES).n_unique() > FEW_VALUES + 1:  # one of them may be null
        return column.rechunk()  # seen from the first rows: to count them all takes a quarter of a second a million
    distinct = spelled.drop_nulls().unique()
    few = len(distinct) <= FEW_VALUES
    return (spelled.cast(pl.Enum(distinct.sort())) if few else column).rechunk()


def values(categories: pl.Series, kind: Kind) -> pl.Series:
    """What the categories of a searchable column stand for."""
    return categories.str.split(BETWEEN) if kind is Kind.LIST else categories
