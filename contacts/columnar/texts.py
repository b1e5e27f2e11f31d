"""Search and count a column of many distinct texts by keys worked out once instead of comparing all texts each time."""

import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contacts.columnar.cache import ColumnCache

FEWEST = 65_536  # texts for which keys are worth their making; a delta's column changes too often and is too short

_WORTH_SCANNING = 5  # where one text in so many has to be compared, comparing all is faster
_STRIDE = 65_536  # texts of which signatures are worked out at once

_WIDTH = 8  # bytes of a key
_MOST_KEYS = 4  # for each end of a text; what is sought beyond them is compared
_PADDING = "\0" * (_MOST_KEYS * _WIDTH)  # PostgreSQL's texts hold no NUL, so that no comparison comes out differently
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Texts:
    """A column of folded texts; `key` names its bytes in the cache, where the keys made from them are kept.

    Searches answer with a boolean for each text of the column, in its order, false where the text is null.
    """

    column: pl.Series
    key: Hashable
    cache: ColumnCache

    def found(self, operator: str, texts: Sequence[str]) -> pl.Series | None:
        """Who meets an operator for any of these texts, false where nothing is known; None for one not known here."""
        search = _SEARCHES.get(operator)
        return None if search is None else search(self, texts)

    def are(self, texts: Sequence[str]) -> pl.Series:
        """Which are one of these, by hashes in order."""
        hashes, order = self._hashes()
        wanted = pl.Series(texts, dtype=pl.String)
        sought = wanted.hash().to_numpy()
        firsts, ends = (np.searchsorted(hashes, sought, side=side) for side in ("left", "right"))
        rows = np.concatenate([order[first:end] for first, end in zip(firsts, ends, strict=True)])
        return self._where(rows, lambda alike: alike.is_in(wanted.implode()))

    def start_with(self, text: str) -> pl.Series:
        """Which begin with this text: by their first 32 bytes, and what is sought beyond them by comparing."""
        return self._at_an_end("heads", text, text.encode(), lambda alike: alike.str.starts_with(text))

    def end_with(self, text: str) -> pl.Series:
        """Which end with this text: the same from the back."""
        return self._at_an_end("tails", text, text.encode()[::-1], lambda alike: alike.str.ends_with(text))

    def contain(self, text: str) -> pl.Series:
        """Which hold this text: only those are compared whose signature has the bits of all its threes of bytes."""
        wanted = _bits(np.frombuffer(text.encode(), dtype=np.uint8))
        if len(wanted):
            (signatures,) = self._kept(["signatures"], lambda: [_signatures(self.column)])
            every = np.bitwise_or.reduce(wanted)
            rows = np.flatnonzero((signatures.to_numpy() & every) == every)
            if len(rows) * _WORTH_SCANNING < len(self.column):
                return self._where(rows, lambda alike: alike.str.contains(text, literal=True))
        return self._scanned(text)

    def _scanned(self, text: str) -> pl.Series:
        # Polars scans one column with one core.
        size = -(-len(self.column) // pl.thread_pool_size())
        cut = (self.column[start : start + size].to_frame().lazy() for start in range(0, len(self.column), size))
        found = pl.collect_all([part.select(pl.all().str.contains(text, literal=True)) for part in cut])
        return pl.concat(found).to_series().fill_null(False)

    def compare(self, symbol: str, text: str) -> pl.Series:
        """Whether texts are < or <= or > or >= this one, by code points, which is by the bytes of UTF-8."""
        keys, key = self._keys("heads", 0), _number(text.encode()[:_WIDTH], b"\0")
        mask = (keys < key) & (keys > 0) if symbol[0] == "<" else keys > key
        alike = np.flatnonzero(keys == key)
        mask[alike] = _COMPARISONS[symbol](self.column.gather(alike), text).fill_null(False).to_numpy()
        return pl.Series(mask)

    def counted(self, among: pl.Series) -> pl.DataFrame:
        """Each text that some of these rows hold (`value`, ascending), and how many of them hold it (`count`)."""
        order, starts = self._groups()
        if not len(starts):
            return pl.DataFrame(schema={"value": pl.String, "count": pl.UInt32})
        counts = np.add.reduceat(among.to_numpy()[order].view(np.uint8), starts, dtype=np.uint32)
        held = np.flatnonzero(counts)
        values = self.column.gather(order[starts[held]]).set_sorted()
        return pl.DataFrame({"value": values, "count": counts[held]})

    def _at_an_end(self, name: str, text: str, end: bytes, check: Callable[[pl.Series], pl.Series]) -> pl.Series:
        places = range(0, min(len(end), _MOST_KEYS * _WIDTH), _WIDTH)
        found = (self._has(name, place, end[place : place + _WIDTH]) for place in places)
        mask = functools.reduce(operator.and_, found)
        return pl.Series(mask) if len(end) <= _MOST_KEYS * _WIDTH else self._where(np.flatnonzero(mask), check)

    def _has(self, name: str, place: int, part: bytes) -> NDArray[np.bool_]:
        keys, low, high = self._keys(name, place), _number(part, b"\0"), _number(part, b"\xff")
        return keys == low if low == high else (keys >= low) & (keys <= high)

    def _where(self, rows: NDArray[Any], check: Callable[[pl.Series], pl.Series]) -> pl.Series:
        """True for those of these rows whose text passes the check."""
        rows = rows[check(self.column.gather(rows)).fill_null(False).to_numpy()]
        return pl.repeat(False, len(self.column), eager=True).scatter(rows, True)

    def _keys(self, name: str, place: int) -> Keys:
        """Eight bytes of every text from a place on, of "tails" back to front, as a number; 0 where there are none."""
        (keys,) = self._kept([f"{name} {place}"], lambda: [_KEYS[name](self.column, place)])
        return keys.to_numpy()

    def _hashes(self) -> tuple[Keys, NDArray[np.uint32]]:
        """The hashes of the texts, ascending, and the row of each."""

        def make() -> list[pl.Series]:
            unordered = self.column.hash()
            order = unordered.arg_sort()
            return [unordered.gather(order), order]

        hashes, order = self._kept(["hashes", "order"], make)
        return hashes.to_numpy(), order.to_numpy()

    def _groups(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The rows that hold a text, in order of the texts, and where in that order each different one begins."""

        def make() -> list[pl.Series]:
            order = self.column.arg_sort(nulls_last=True).head(len(self.column) - self.column.null_count())
            ordered = self.column.gather(order)
            return [order, (ordered != ordered.shift()).fill_null(True).arg_true()]

        order, starts = self._kept(["order of texts", "starts"], make)
        return order.to_numpy(), starts.to_numpy()

    def _kept(self, names: Sequence[str], make: Callable[[], Iterable[pl.Series]]) -> list[pl.Series]:
        kept = [self.cache.get((name, self.key)) for name in names]
        found = [part for part in kept if part is not None]
        if len(found) < len(names):
            found = list(make())
            for name, part in zip(names, found, strict=True):
                self.cache.put((name, self.key), part)
        return found


def _any(search: Callable[[Texts, str], pl.Series]) -> Callable[[Texts, Sequence[str]], pl.Series]:
    return lambda column, texts: functools.reduce(operator.or_, (search(column, text) for text in texts))


# By the names of rules' operators.
_SEARCHES: dict[str, Callable[[Texts, Sequence[str]], pl.Series]] = {
    "is": Texts.are,
    "starts_with": _any(Texts.start_with),
    "ends_with": _any(Texts.end_with),
    "contains": _any(Texts.contain),
    "greater_than": lambda column, texts: column.compare(">", texts[0]),
    "at_least": lambda column, texts: column.compare(">=", texts[0]),
    "less_than": lambda column, texts: column.compare("<", texts[0]),
    "at_most": lambda column, texts: column.compare("<=", texts[0]),
}

_COMPARISONS: dict[str, Callable[[pl.Series, str], pl.Series]] = {
    ">": lambda texts, text: texts > text,
    ">=": lambda texts, text: texts >= text,
    "<": lambda texts, text: texts < text,
    "<=": lambda texts, text: texts <= text,
}


def _number(part: bytes, filler: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(part.ljust(_WIDTH, filler), "big"))


def _heads(texts: pl.Series, place: int) -> pl.Series:
    """Of each text its eight bytes from a place on, as a number in the order of the bytes; 0 where it is null."""
    return _numbers((texts + _PADDING).cast(pl.Binary).bin.slice(place, _WIDTH), "big")


def _tails(texts: pl.Series, place: int) -> pl.Series:
    """The same back to front, from the end on."""
    return _numbers((_PADDING + texts).cast(pl.Binary).bin.slice(-_WIDTH - place, _WIDTH), "little")


def _numbers(parts: pl.Series, order: Literal["little", "big"]) -> pl.Series:
    return parts.bin.reinterpret(dtype=pl.UInt64, endianness=order).fill_null(0).rechunk()


def _signatures(texts: pl.Series) -> pl.Series:
    """For every text a bit for each three bytes that follow one another in it.

    Those that reach into the next text set bits too: somebody is compared for nothing then, and nobody is missed.
    """
    parts = (texts[start : start + _STRIDE].fill_null("") for start in range(0, len(texts), _STRIDE))
    return pl.Series(np.concatenate([*map(_signatures_of, parts)]))


def _signatures_of(texts: pl.Series) -> Keys:
    """One a text; none of them null."""
    data = np.frombuffer(texts.str.join("").item().encode() + b"\0\0\0", dtype=np.uint8)
    ends = texts.str.len_bytes().cum_sum().to_numpy()
    found: Keys = np.bitwise_or.reduceat(_bits(data), np.append(0, ends[:-1]))
    return found


def _bits(data: NDArray[np.uint8]) -> Keys:
    """One of 64 bits for each three bytes."""
    wide = data.astype(np.uint32)
    threes = (wide[:-2] << 16) | (wide[1:-1] << 8) | wide[2:]
    spread = (threes * np.uint32(0x9E3779B1)) >> np.uint32(26)  # the upper bits of a product depend on all bytes
    return np.left_shift(np.uint64(1), spread.astype(np.uint64))


_KEYS = {"heads": _heads, "tails": _tails}
