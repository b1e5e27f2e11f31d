"""Keep decoded columns in this process, the most recently used ones, up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

import polars as pl


class ColumnCache:
    """Columns by a key made of digests alone, so that an entry can be unused but never wrong."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._columns: OrderedDict[Hashable, pl.Series] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> pl.Series | None:
        with self._lock:
            column = self._columns.get(key)
            if column is not None:
                self._columns.move_to_end(key)
            return column

    def put(self, key: Hashable, column: pl.Series) -> None:
        with self._lock:
            if key in self._columns:
                return
            self._columns[key] = column
            self.bytes += int(column.estimated_size())
            while self.bytes > self.most_bytes and len(self._columns) > 1:
                _, dropped = self._columns.popitem(last=False)
                self.bytes -= int(dropped.estimated_size())

    def clear(self) -> None:
        with self._lock:
            self._columns.clear()
            self.bytes = 0
