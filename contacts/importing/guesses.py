"""Find the type of a new property from all its cells."""

import functools
import re
from collections import Counter
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contacts.columnar import columns
from contacts.values import Kind, Refused, as_date

_LOOKS = re.compile(
    r"(?P<number>-?((0|[1-9]\d*)(\.\d+)?|\.\d+))|(?P<boolean>true|false)|(?P<date>\d{4}-\d\d-\d\d.*)",
    re.ASCII | re.IGNORECASE,
)
_SAFE_DIGITS = 15  # every number of so many digits is a different float


def looks_like(text: str, zone: tzinfo) -> Kind:
    """The kind of a stripped cell. Whatever would not come out as it went in is a text: 007, card numbers, 1e5."""
    match = _LOOKS.fullmatch(text)
    if match is None:
        return Kind.TEXT
    if match["number"]:
        # Programs write fractions with up to 17 digits; those of them that a float spells just so are exact.
        exact = len(text.lstrip("-").replace(".", "")) <= _SAFE_DIGITS or ("." in text and _is_as_floats_are(text))
        return Kind.NUMBER if exact else Kind.TEXT
    if match["date"]:
        try:
            date_of(text, zone)
        except Refused:
            return Kind.TEXT
        return Kind.DATE
    return Kind.BOOLEAN


def _is_as_floats_are(text: str) -> bool:
    return Decimal(repr(float(text))).as_tuple() == Decimal(text).as_tuple()


date_of = functools.lru_cache(20_000)(as_date)  # files have few different days


# --- many at once, exactly as looks_like and as_date would have it -------------------------------------------------

_WHOLE = r"^(?:0|-?[1-9][0-9]{0,14})$"
_SHORT = r"^-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]$"
_UNSURE = r"(?i)^(?:-?[0-9.]+|true|false|[0-9]{4}-[0-9]{2}-[0-9]{2}(?s:.*))$"


def exact_numbers(cells: pl.Series) -> pl.Series:
    """Which cells are surely numbers that JSON spells just as they are; others may be numbers as well."""
    short = cells.str.contains(_SHORT) & (cells.str.len_bytes() <= _SAFE_DIGITS + 1)
    long = cells.str.contains(_SHORT) & ~short
    if long.any():
        short |= long & (cells.set(~long, None).cast(pl.Float64, strict=False).cast(pl.String) == cells).fill_null(
            False
        )
    return cells.str.contains(_WHOLE) | short


def exact_moments(cells: pl.Series) -> pl.Series:
    """Which cells are surely moments in the form in which they are kept."""
    shaped = cells.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$").fill_null(False)
    if not shaped.any():
        return shaped
    return shaped & columns.instants(cells.set(~shaped, None).str.strip_suffix("Z"), "T").is_not_null()


def _certain(cells: pl.Series) -> list[tuple[Kind, pl.Series]]:
    """Which cells are of a kind without doubt."""
    unsure = cells.str.contains(_UNSURE)
    certain = [(Kind.TEXT, ~unsure)]
    if unsure.any():
        certain += [(Kind.NUMBER, exact_numbers(cells)), (Kind.DATE, exact_moments(cells))]
    return certain


@dataclass(frozen=True)
class Doubt:
    """A column that became text because of few cells: the first of them, and how many others looked alike."""

    header: str
    line: int
    cell: str
    kind: Kind
    alike: int
    known: int

    def __str__(self) -> str:
        cell = self.cell if len(self.cell) <= 40 else f"{self.cell[:39]}…"
        most = f"{self.alike:,} of {self.known:,} look like a {self.kind}"
        return f"{self.header} became text: line {self.line} holds {cell!r}, though {most}"


@dataclass(frozen=True)
class Undated:
    """A column of days that are not written as ISO days, with the ways of writing them that fit all of its cells."""

    header: str
    line: int
    cell: str
    patterns: tuple[str, ...]

    def __str__(self) -> str:
        which = f"as {self.patterns[0]}" if len(self.patterns) == 1 else f"but as {' or '.join(self.patterns)}?"
        return (
            f"{self.header} became text: its cells look like days, {which}, as line {self.line} {self.cell!r}; to make"
            f" it a date say that its days are written as {self.patterns[0]}"
        )


_ORDERS = {"dd{0}MM{0}yyyy": (0, 1), "MM{0}dd{0}yyyy": (1, 0)}  # where day and month stand
_MONTHS = 12
_DAYS = r"^([0-9]{1,2})([/.-])([0-9]{1,2})[/.-]([0-9]{4})$"


class Guess:
    """What the cells of one column have looked like so far."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.first: dict[Kind, tuple[int, str]] = {}
        self.highest = (0, 0)  # of both numbers before the year, while all cells look like days
        self.telling: tuple[int, str] | None = None  # the first cell that tells which of the two is the day
        self.between = ""
        self.daily = True

    def take(self, lines: NDArray[np.int64], cells: pl.Series, zone: tzinfo) -> None:
        lines, cells = lines[cells.is_not_null().to_numpy()], cells.drop_nulls()
        left = pl.Series([True], dtype=pl.Boolean).new_from_index(0, len(cells))
        for kind, which in _certain(cells):
            self._note(kind, which, lines, cells)
            left &= ~which
        rest = cells.filter(left)
        kinds = {text: looks_like(text, zone) for text in rest.unique()}
        for kind in set(kinds.values()):
            alike = [text for text, each in kinds.items() if each is kind]
            self._note(kind, left & cells.is_in(alike), lines, cells)
        self.daily = self.daily and self._take_days(lines, cells)

    def _note(self, kind: Kind, which: pl.Series, lines: NDArray[np.int64], cells: pl.Series) -> None:
        if times := int(which.sum()):
            self.counts[kind] += times
            place = which.arg_max()
            assert place is not None
            if kind not in self.first or lines[place] < self.first[kind][0]:
                self.first[kind] = int(lines[place]), cells[place]

    def _take_days(self, lines: NDArray[np.int64], cells: pl.Series) -> bool:
        if not len(cells) or not cells.head(1).str.contains(_DAYS).all():
            return not len(cells)
        if not cells.str.contains(_DAYS).all():
            return False
        numbers = [cells.str.extract(_DAYS, group).cast(pl.Int64) for group in (1, 3)]
        highest = (int(str(each.max())) for each in numbers)
        self.highest = tuple(max(pair) for pair in zip(self.highest, highest, strict=True))  # type: ignore[assignment]
        place = ((numbers[0] > _MONTHS) | (numbers[1] > _MONTHS)).arg_max()
        if self.telling is None and place is not None and max(each[place] for each in numbers) > _MONTHS:
            self.telling = int(lines[place]), cells[place]
        self.between = str(cells.str.extract(_DAYS, 2)[0])
        return True

    def kind(self) -> Kind:
        return next(iter(self.counts)) if len(self.counts) == 1 else Kind.TEXT

    def doubt(self, header: str) -> Doubt | Undated | None:
        if self.daily and self.between:
            return self._undated(header)
        (kind, alike), *others = self.counts.most_common() or [(Kind.TEXT, 0)]
        if kind is Kind.TEXT or not others or 2 * alike <= self.counts.total():
            return None
        line, cell = min(place for other, place in self.first.items() if other is not kind)
        return Doubt(header, line, cell, kind, alike, self.counts.total())

    def _undated(self, header: str) -> Undated | None:
        fitting = tuple(
            pattern.format(self.between)
            for pattern, (day, month) in _ORDERS.items()
            if self.highest[day] <= 31 and self.highest[month] <= _MONTHS
        )
        return Undated(header, *(self.telling or self.first[Kind.TEXT]), fitting) if fitting else None
