"""Turn the cells of a file into values, normalised and checked."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import orjson

from contacts.addresses import email, phone
from contacts.builtin import BUILTIN
from contacts.csvfile import Batch, Skipped
from contacts.guesses import date_of
from contacts.mapping import Column, Plan
from contacts.upserts import LONGEST_KEY
from contacts.values import Kind, Refused, clean, stored

_SEPARATORS = re.compile("[,;]")


def external_id(text: str) -> str:
    text = clean(text)
    if len(text.encode()) > LONGEST_KEY:
        raise Refused(f"is longer than {LONGEST_KEY:,} bytes")
    return text


_BUILTIN_CELLS: dict[str, Callable[[str], str]] = {"email": email, "phone": phone, "externalId": external_id}


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
    if column.kind is Kind.TEXT:
        text = unguarded(text)
    if column.reference in _BUILTIN_CELLS:
        return _BUILTIN_CELLS[column.reference](text)
    if column.kind is Kind.DATE:
        return date_of(text, zone)
    return stored(column.kind, _READ.get(column.kind, str)(text), zone)


_READ: dict[Kind, Callable[[str], Any]] = {Kind.LIST: _items, Kind.OPAQUE: _json}


@dataclass
class Cells:
    """One column of a batch: what its cells say, None where that is nothing, and what is wrong with which."""

    column: Column
    raw: Sequence[str]
    values: list[Any]
    refused: dict[str, str]

    def refusals(self, lines: Iterable[int]) -> Iterator[Skipped]:
        if self.refused:
            for line, cell in zip(lines, self.raw, strict=True):
                if cell in self.refused:
                    yield Skipped(line, self.column.header, cell.strip(), self.refused[cell])


def cells_of(column: Column, raw: Sequence[str], zone: tzinfo) -> Cells:
    """Each distinct cell is understood once. What goes into a JSON object is `"name":value` from here on."""
    known: dict[str, Any] = {}
    refused: dict[str, str] = {}
    name = _json_name(column)
    for cell in set(raw):
        try:
            value = _value(column, text, zone) if (text := cell.strip()) else None
        except Refused as error:
            refused[cell] = str(error)
            continue
        known[cell] = name + orjson.dumps(value).decode() if name and value is not None else value
    return Cells(column, raw, list(map(known.get, raw)), refused)


def _json_name(column: Column) -> str:
    """`"name":` for a value that lies in one of a contact's JSON objects, "" where it has a field of its own."""
    builtin = BUILTIN.get(column.reference)
    if builtin and (builtin.column or builtin.name == "fullName"):
        return ""
    return orjson.dumps(builtin.name if builtin else column.reference.partition(".")[2]).decode() + ":"


@dataclass
class Checked:
    """A batch as values, and the rows of it that cannot be taken."""

    lines: list[int]
    columns: list[Cells]  # of those that go somewhere
    skipped: list[Skipped]

    def good(self) -> list[int]:
        bad = {row.line for row in self.skipped}
        return [line for line in self.lines if line not in bad]


def check(plan: Plan, batch: Batch, zone: tzinfo) -> Checked:
    """Understand every cell of a batch; a row with a bad one is bad as a whole."""
    raw: list[Sequence[str]] = list(zip(*batch.rows, strict=True)) or [()] * len(plan.columns)
    pairs = zip(plan.columns, raw, strict=True)
    columns = [cells_of(column, cells, zone) for column, cells in pairs if column.reference]
    width, key = len(plan.columns), plan.key_column.header
    skipped = [Skipped(line, "", "", f"has {cells} cells, not {width}") for line, cells in batch.misshapen]
    for line, cell in zip(batch.lines, raw[plan.key], strict=True):
        if not cell.strip():
            skipped.append(Skipped(line, key, "", "is blank, and it is the key"))
    for cells in columns:
        skipped += cells.refusals(batch.lines)
    return Checked(batch.lines, columns, sorted(skipped, key=lambda row: row.line))
