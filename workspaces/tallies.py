"""Count what somebody does in a span of time, by all serving processes and hosts together, with few writes.

Each process counts by itself and adds to the table when it has a hundredth of what is allowed; so a limit is exceeded
by a hundredth for each process at most, and one under 200 by nothing.
"""

import time
from dataclasses import dataclass
from threading import Lock

from django.db import connection

MOST_REMEMBERED = 10_000
SHARE = 100


@dataclass
class _Local:
    """What this process knows of a count."""

    until: float  # by time.monotonic(); then a new span begins
    known: int = 0
    pending: int = 0  # counted here and not yet in the table


class Limiter:
    def __init__(self) -> None:
        self._counts: dict[str, _Local] = {}
        self._lock = Lock()

    def take(self, name: str, limit: int, seconds: int) -> float:
        """Count one, unless `limit` are counted already in this span of `seconds`: then how long it lasts, else 0."""
        with self._lock:
            now = time.monotonic()
            count = self._counts.get(name)
            if is_new := count is None or count.until <= now:
                self._make_room(now)
                self._counts[name] = count = _Local(now + seconds)
            assert count is not None
            if count.known + count.pending >= limit:
                return count.until - now
            count.pending += 1
            if count.pending < limit // SHARE and not is_new:
                return 0
            added, count.pending = count.pending, 0
            count.known += added
        total, left = _add(name, added, seconds)
        with self._lock:
            # What the table says counts, also where it is less: somebody has proved elsewhere to be who they are.
            count.known, count.until = total, time.monotonic() + left
        return left if total > limit else 0

    def give_back(self, name: str) -> None:
        """One that was taken does not count after all."""
        self._change("UPDATE workspaces_tally SET count = count - 1 WHERE name = %s AND count > 0", name)

    def forget(self, name: str) -> None:
        self._change("DELETE FROM workspaces_tally WHERE name = %s", name)

    def _change(self, statement: str, name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [name])
        with self._lock:
            self._counts.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def _make_room(self, now: float) -> None:
        if len(self._counts) >= MOST_REMEMBERED:
            self._counts = {name: count for name, count in self._counts.items() if count.until > now}
        if len(self._counts) >= MOST_REMEMBERED:
            self._counts.clear()  # the table knows


limiter = Limiter()

_ADD = """
INSERT INTO workspaces_tally AS held (name, count, ends_at)
VALUES (%(name)s, %(count)s, statement_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET
    count = CASE WHEN held.ends_at > statement_timestamp() THEN held.count + excluded.count ELSE excluded.count END,
    ends_at = CASE WHEN held.ends_at > statement_timestamp() THEN held.ends_at ELSE excluded.ends_at END
RETURNING count, extract(epoch FROM ends_at - statement_timestamp())::float
"""

# Those locked are somebody else's just now; waiting for several in some order could be waiting in a circle.
_TIDY = """
DELETE FROM workspaces_tally WHERE name IN (
    SELECT name FROM workspaces_tally WHERE ends_at < statement_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
)
"""


def _add(name: str, count: int, seconds: int) -> tuple[int, float]:
    """What is counted now, and how many seconds the span still lasts."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"name": name, "count": count, "seconds": seconds})
        total, left = cursor.fetchall()[0]
    return total, left


def tidy() -> None:
    """Take away what no longer counts."""
    with connection.cursor() as cursor:
        cursor.execute(_TIDY)
