"""Find the rows of a file that have the same key."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_DIGEST = 16  # bytes; at 128 bits no two keys of any file ever meet


class Repeats:
    """Which rows have the same key, so that the last good one can stand for all. 24 bytes a row."""

    def __init__(self) -> None:
        self._digests = bytearray()
        self._lines: list[NDArray[np.int64]] = []
        self.lines = self.groups = self.last = np.array([], dtype=np.int64)

    def add(self, lines: Sequence[int], keys: Iterable[str]) -> None:
        self._lines.append(np.array(lines, dtype=np.int64))
        for key in keys:
            self._digests += blake2b(key.encode(), digest_size=_DIGEST).digest()

    def settle(self) -> None:
        """Keep the lines whose key came up more than once, in groups by key."""
        if not self._lines:
            return
        digests = np.frombuffer(self._digests, dtype=f"S{_DIGEST}")
        _, groups, counts = np.unique(digests, return_inverse=True, return_counts=True)
        repeated = counts[groups] > 1
        self.lines, self.groups = np.concatenate(self._lines)[repeated], groups[repeated]
        self.last = np.zeros(len(counts) if len(self.lines) else 0, dtype=np.int64)
        self._digests, self._lines = bytearray(), []

    def __bool__(self) -> bool:
        return bool(len(self.lines))

    def among(self, lines: Sequence[int]) -> NDArray[np.bool_]:
        return np.isin(np.array(lines, dtype=np.int64), self.lines)

    def note_good(self, lines: Sequence[int]) -> None:
        """These rows can be written; a later one counts before an earlier one."""
        self.last[self._groups_of(lines)] = lines

    def replaced(self, lines: Sequence[int]) -> dict[int, int]:
        """Those of these good rows for which a later row stands, and its line."""
        if not self:
            return {}
        repeated = np.array(lines, dtype=np.int64)[self.among(lines)]
        last = self.last[self._groups_of(repeated)]
        return {int(line): int(by) for line, by in zip(repeated, last, strict=True) if by > line}

    def _groups_of(self, lines: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        return self.groups[np.searchsorted(self.lines, lines)]
