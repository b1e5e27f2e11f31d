"""Find the rows of a file that have the same key."""

import secrets
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

PARTS = 64  # of the keys, by their hash; one of them at a time is held in memory
_ROW = np.dtype([("high", np.uint64), ("low", np.uint64), ("line", np.int64)])


class Repeats:
    """Which rows have the same key, so that the last good one can stand for all.

    Keys are told apart by 128 bits of two seeded hashes, which lie in a file, 24 bytes a row, and not in memory.
    """

    def __init__(self) -> None:
        self._seeds = [secrets.randbits(64) for _ in range(2)]
        self._files: list[IO[bytes]] = []
        self.lines = self.groups = self.last = np.array([], dtype=np.int64)

    def add(self, lines: NDArray[np.int64], keys: pl.Series) -> None:
        """Keys that are null are nobody's."""
        rows = np.empty(len(keys), dtype=_ROW)
        rows["high"], rows["low"] = (keys.hash(seed).to_numpy() for seed in self._seeds)
        rows["line"] = lines
        rows = rows[keys.is_not_null().to_numpy()]
        parts = rows["high"] % PARTS
        order = np.argsort(parts, kind="stable")
        ends = np.searchsorted(parts[order], np.arange(PARTS), side="right")
        if not self._files:
            self._files = [tempfile.TemporaryFile(buffering=0) for _ in range(PARTS)]  # noqa: SIM115
        for file, some in zip(self._files, np.split(rows[order], ends[:-1]), strict=True):
            file.write(some.tobytes())

    def settle(self) -> None:
        """Keep the lines whose key came up more than once, in groups by key."""
        found = [np.empty(0, dtype=_ROW), *self._repeated()]
        rows = np.concatenate(found)
        rows = rows[np.argsort(rows["line"])]
        _, groups = np.unique(rows[["high", "low"]], return_inverse=True)
        self.lines, self.groups = rows["line"].copy(), groups.reshape(-1)
        self.last = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.int64)

    def _repeated(self) -> Iterator[NDArray[np.void]]:
        for file in self._files:
            file.seek(0)
            rows = np.frombuffer(file.read(), dtype=_ROW)
            file.close()
            if not len(rows):
                continue
            rows = rows[np.lexsort((rows["low"], rows["high"]))]
            same = (rows["high"][1:] == rows["high"][:-1]) & (rows["low"][1:] == rows["low"][:-1])
            yield rows[np.append(same, False) | np.append(False, same)]
        self._files = []

    def __bool__(self) -> bool:
        return bool(len(self.lines))

    def among(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.isin(lines, self.lines)

    def note_good(self, lines: NDArray[np.int64]) -> None:
        """These rows can be written; a later one counts before an earlier one."""
        self.last[self._groups_of(lines)] = lines

    def replaced(self, lines: NDArray[np.int64]) -> dict[int, int]:
        """Those of these good rows for which a later row stands, and its line."""
        if not self:
            return {}
        repeated = lines[self.among(lines)]
        last = self.last[self._groups_of(repeated)]
        return {int(line): int(by) for line, by in zip(repeated, last, strict=True) if by > line}

    def _groups_of(self, lines: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.groups[np.searchsorted(self.lines, lines)]
