"""Turn the cells of a file into values, normalised and checked.

Nearly all cells say what they mean as they stand. Those are told apart by a few looks at the whole column, the others
are read one by one, each distinct one once; tests/contacts/importing/test_cells.py holds that both ways give the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from contacts import addresses
from contacts.builtin import BUILTIN
from contacts.importing import datepatterns
from contacts.importing.csvfile import Batch, Skipped
from contacts.importing.guesses import date_of, exact_moments, exact_numbers
from contacts.importing.mapping import Column, Plan
from contacts.importing.ndjson import STRUCTURE
from contacts.values import LONGEST_TEXT, Kind, Refused, clean, stored
from contacts.writing.upserts import LONGEST_KEY

_SEPARATORS = re.compile("[,;]")


def external_id(text: str) -> str:
    """An external id as it is kept. Raises Refused."""
    text = clean(text)
    if len(text.encode()) > LONGEST_KEY:
        raise Refused(f"is longer than {LONGEST_KEY:,} bytes")
    return text


_BUILTIN_CELLS: dict[str, Callable[[str], str]] = {
    "email": addresses.email,
    "phone": addresses.phone,
    "externalId": external_id,
}


def unguarded(text: str) -> str:
    """A text without the apostrophes that an export puts before what looks like a formula and around outer blanks."""
    core = text.strip("'")
    if core != core.strip() and text[0] == text[-1] == "'":
        return text[1:-1]
    return text[1:] if _GUARDED.match(text) else text


_GUARDED = re.compile("'+[-=+@]")


def _items(text: str) -> list[Any]:
    """A list as JSON, as an export writes it where an item holds a separator, or its items side by side."""
    parsed = _json(text)
    return parsed if isinstance(parsed, list) else [item.strip() for item in _SEPARATORS.split(text)]


def _json(text: str) -> Any:
    """JSON, or the text itself where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _value(column: Column, text: str, zone: tzinfo) -> Any:
    """What a stripped cell says, in the form in which it is kept. Raises Refused."""
    if text.startswith(STRUCTURE):
        value = orjson.loads(text.removeprefix(STRUCTURE))
        own = _BUILTIN_CELLS.get(column.reference)
        return own(value.strip()) if own and isinstance(value, str) else stored(column.kind, value, zone)
    if column.kind is Kind.TEXT:
        text = unguarded(text)
    if column.reference in _BUILTIN_CELLS:
        return _BUILTIN_CELLS[column.reference](text)
    if column.kind is Kind.DATE:
        return datepatterns.read(text, column.pattern, zone) if column.pattern else date_of(text, zone)
    return stored(column.kind, _READ.get(column.kind, str)(text), zone)


_READ: dict[Kind, Callable[[str], Any]] = {Kind.LIST: _items, Kind.OPAQUE: _json}


# --- whole columns -------------------------------------------------------------------------------------------------

# Letters that are in NFC whatever stands beside them: Latin, Greek, Cyrillic, kana, Chinese, Korean.
PLAIN_LETTERS = "¡-ɏΑ-ΡΣ-ώЀ-҂ぁ-ゖァ-ヺ一-鿿가-힣"
_PLAIN = rf"^[!-&(-~{PLAIN_LETTERS}](?:[ -~{PLAIN_LETTERS}]*[!-~{PLAIN_LETTERS}])?$"


def _plain_texts(cells: pl.Series, longest: int = LONGEST_TEXT) -> pl.Series:
    return cells.str.contains(_PLAIN) & (cells.str.len_bytes() <= longest)


def _plain_addresses(cells: pl.Series) -> pl.Series:
    simple = cells.str.contains(r"^[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@[a-z0-9.-]+$") & (cells.str.len_bytes() <= 65)
    domains = cells.set(~simple, None).str.extract("@(.*)$")
    good = [domain for domain in domains.drop_nulls().unique() if addresses.is_domain(domain)]
    return simple & domains.is_in(good).fill_null(False)


def _plain_numbers(cells: pl.Series) -> pl.Series:
    """International numbers of countries whose people cannot have put the prefix of calls inside before the rest."""
    international = cells.str.contains(r"^\+[1-9][0-9]{6,14}$")
    starts = cells.set(~international, None).str.head(4)
    good = [start for start in starts.drop_nulls().unique() if addresses.is_without_prefix(start)]
    return international & starts.is_in(good).fill_null(False)


_SURE: dict[str | Kind, Callable[[pl.Series], pl.Series]] = {
    "email": _plain_addresses,
    "phone": _plain_numbers,
    "externalId": lambda cells: _plain_texts(cells, LONGEST_KEY),
    Kind.TEXT: _plain_texts,
    Kind.NUMBER: exact_numbers,
    Kind.BOOLEAN: lambda cells: cells.is_in(["true", "false"]),
    Kind.DATE: exact_moments,
}


def _sure(column: Column, cells: pl.Series) -> pl.Series:
    """Which cells surely are the values that they say."""
    builtin = column.reference if column.reference in _BUILTIN_CELLS else column.kind
    if builtin in _SURE and not column.pattern:
        return _SURE[builtin](cells).fill_null(False)
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(cells))


@dataclass
class Cells:
    """One column of a batch: what its cells say, null where that is nothing, and what is wrong with which."""

    column: Column
    raw: pl.Series  # texts, one a row of the batch, as they stand in the file but stripped
    said: pl.Series  # texts, one a row: for a list with a field of its own PostgreSQL's, in an object `"name":value`
    refused: dict[str, str]  # by cell why

    def refusals(self, lines: NDArray[np.int64]) -> Iterator[Skipped]:
        """`lines`: the number of each row's line in the file."""
        if self.refused:
            for place in self.raw.is_in(list(self.refused)).fill_null(False).arg_true():
                cell = self.raw[place]
                shown = cell.removeprefix(STRUCTURE)
                yield Skipped(int(lines[place]), self.column.header, shown, self.refused[cell])


def cells_of(column: Column, raw: pl.Series, zone: tzinfo) -> Cells:
    """Understand one column of a batch. `raw`: its cells, one a row, stripped, null where they are blank.

    Cells that surely say what they seem to are taken all at once; of the others each distinct one is read once.
    """
    name = _json_name(column)
    quoted = bool(name) and column.kind in (Kind.TEXT, Kind.DATE)
    sure = _sure(column, raw)
    if quoted:
        sure &= ~raw.str.contains(r'["\\]').fill_null(False)
    known: dict[str, str | None] = {}
    refused: dict[str, str] = {}
    for cell in raw.filter(~sure).drop_nulls().unique():
        try:
            value = _value(column, cell, zone)
        except Refused as error:
            refused[cell] = str(error)
            continue
        if value is None:
            known[cell] = None
        else:
            known[cell] = name + orjson.dumps(value).decode() if name else _in_column(value)
    quote = '"' if quoted else ""
    said = (pl.lit(name + quote) + pl.col("raw") + pl.lit(quote)) if name else pl.col("raw")
    if known or refused:
        others = list({**known, **dict.fromkeys(refused)}.items())
        mapped = pl.col("raw").replace_strict(
            [cell for cell, _ in others], [value for _, value in others], default=None, return_dtype=pl.String
        )
        said = pl.when("sure").then(said).otherwise(mapped)
    frame = pl.DataFrame({"raw": raw, "sure": sure})
    return Cells(column, raw, frame.select(said.alias("said"))["said"], refused)


def _in_column(value: Any) -> str:
    """In a column of contacts; a list as PostgreSQL writes arrays."""
    if isinstance(value, list):
        escaped = (item.replace("\\", "\\\\").replace('"', '\\"') for item in value)
        return "{" + ",".join(f'"{item}"' for item in escaped) + "}"
    return str(value)


def _json_name(column: Column) -> str:
    """`"name":` for a value that lies in one of a contact's JSON objects, "" where it has a field of its own."""
    builtin = BUILTIN.get(column.reference)
    if builtin and (builtin.column or builtin.name == "fullName"):
        return ""
    return orjson.dumps(builtin.name if builtin else column.reference.partition(".")[2]).decode() + ":"


@dataclass
class Checked:
    """A batch as values, and the rows of it that cannot be taken."""

    lines: NDArray[np.int64]  # of each row, where it begins in the file
    columns: list[Cells]  # of those that go somewhere
    skipped: list[Skipped]

    def good(self) -> NDArray[np.bool_]:
        """Of each row, whether it can be taken."""
        return ~np.isin(self.lines, np.array([row.line for row in self.skipped], dtype=np.int64))


def check(plan: Plan, batch: Batch, zone: tzinfo) -> Checked:
    """Understand every cell of a batch; a row with a bad one is bad as a whole."""
    cells = batch.cells.get_columns()
    columns = [cells_of(column, raw, zone) for column, raw in zip(plan.columns, cells, strict=True) if column.reference]
    skipped = [*batch.misshapen, *_without_key(plan, batch)]
    for each in columns:
        skipped += each.refusals(batch.lines)
    return Checked(batch.lines, columns, sorted(skipped, key=lambda row: row.line))


def _without_key(plan: Plan, batch: Batch) -> Iterable[Skipped]:
    header = plan.key_column.header
    for place in batch.cells.get_columns()[plan.key].is_null().arg_true():
        yield Skipped(int(batch.lines[place]), header, "", "is blank, and it is the key")
