"""Find the type of a new property from all its cells."""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

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
        exact = len(text.lstrip("-").replace(".", "")) <= _SAFE_DIGITS or ("." in text and repr(float(text)) == text)
        return Kind.NUMBER if exact else Kind.TEXT
    if match["date"]:
        try:
            date_of(text, zone)
        except Refused:
            return Kind.TEXT
        return Kind.DATE
    return Kind.BOOLEAN


date_of = functools.lru_cache(20_000)(as_date)  # files have few different days


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


class Guess:
    """What the cells of one column have looked like so far."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.first: dict[Kind, tuple[int, str]] = {}

    def take(self, lines: Sequence[int], cells: Sequence[str], zone: tzinfo) -> None:
        # A Counter keeps the order in which it first met its keys, so the first of a kind is the one furthest up.
        for cell, times in Counter(cells).items():
            if text := cell.strip():
                kind = looks_like(text, zone)
                self.counts[kind] += times
                if kind not in self.first:
                    self.first[kind] = lines[cells.index(cell)], text

    def kind(self) -> Kind:
        return next(iter(self.counts)) if len(self.counts) == 1 else Kind.TEXT

    def doubt(self, header: str) -> Doubt | None:
        (kind, alike), *others = self.counts.most_common() or [(Kind.TEXT, 0)]
        if kind is Kind.TEXT or not others or 2 * alike <= self.counts.total():
            return None
        line, cell = min(place for other, place in self.first.items() if other is not kind)
        return Doubt(header, line, cell, kind, alike, self.counts.total())
