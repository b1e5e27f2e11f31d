"""Time pieces of work, several in turn, so that whatever slows the machine slows them all."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENOUGH, LONG = 3, 60.0  # rounds; no more than these once that many seconds have gone by


@dataclass(frozen=True)
class Spread:
    """Times in milliseconds."""

    median: float
    lowest: float
    highest: float
    p95: float
    times: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        sorted_ = sorted(each * 1000 for each in seconds)
        # The value that 95 in a hundred do not exceed; of few values that is the highest.
        p95 = sorted_[-(-len(sorted_) * 95 // 100) - 1]
        return cls(statistics.median(sorted_), sorted_[0], sorted_[-1], p95, len(sorted_))


class Disagreement(Exception):
    """Two ways to count gave different numbers: whatever the times are, something is wrong."""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


@dataclass(frozen=True)
class Timed:
    """What several works took, in seconds, and what each gave last."""

    seconds: Mapping[str, Sequence[float]]
    gave: Mapping[str, Any]

    def spread(self, *names: str) -> Spread:
        return Spread.of([each for name in names for each in self.seconds[name]])


def in_turn(works: Mapping[str, Callable[[], Any]], rounds: int) -> Timed:
    """Each work once a round. The first round warms everything up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    gave: dict[str, Any] = {}
    began = time.perf_counter()
    for number in range(rounds + 1):
        for name, work in works.items():
            took, gave[name] = timed(work)
            if number:
                seconds[name].append(took)
        if number >= ENOUGH and time.perf_counter() - began > LONG:
            break
    return Timed(seconds, gave)


def alone(work: Callable[[], Any], rounds: int) -> Spread:
    return in_turn({"": work}, rounds).spread("")


def agreeing(name: str, ways: Mapping[str, Callable[[], int]], rounds: int) -> Timed:
    """As `in_turn`, for ways that must give the same number. Raises Disagreement."""
    done = in_turn(ways, rounds)
    if len(set(done.gave.values())) > 1:
        raise Disagreement(f"{name}: {', '.join(f'{way} counts {count:,}' for way, count in done.gave.items())}")
    return done


def geometric_mean(values: Sequence[float]) -> float:
    return statistics.geometric_mean(values) if values else 0.0


def megabytes(process: int | str, field: str) -> int:
    """Memory of a process: VmRSS what it holds now, VmHWM the most it ever held; 0 where there is no /proc."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(f"{field}:")), 0)


def children(process: int) -> list[int]:
    """The processes that a process started and that still run."""
    listed = Path(f"/proc/{process}/task").glob("*/children")
    return [int(pid) for path in listed for pid in path.read_text().split()]
