"""What the engine is to reach, and whether a run has reached it."""

from collections.abc import Callable
from dataclasses import dataclass

from segmenter.benchmark.measure import geometric_mean
from segmenter.benchmark.run import Counted, Result, Timing

SLOW = 100.0  # milliseconds, from which on a query is slow


@dataclass(frozen=True)
class Goal:
    """`figure` is to be `limit` at least, or at most."""

    what: str
    figure: float
    limit: float
    unit: str
    at_least: bool = False
    where: str = ""  # the rule that decided it

    @property
    def met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


def goals(result: Result) -> list[Goal]:
    """Those for ten million contacts, or else those for one million, whatever the size of the run."""
    of_size = _TEN_MILLION if result.contacts >= 10_000_000 else _ONE_MILLION
    return [goal(result) for goal in of_size]


def ratio(rule: Counted) -> float:
    """How many times faster than SQL the engine is."""
    return rule.sql.median / rule.engine.median


def _faster(result: Result) -> Goal:
    ratios = [ratio(rule) for rule in result.rules]
    return Goal(
        f"faster than SQL, {len(ratios)} rules (geometric mean)", geometric_mean(ratios), 10, "x", at_least=True
    )


def _faster_where_slow(result: Result) -> Goal:
    ratios = [ratio(rule) for rule in result.rules if rule.sql.median > SLOW]
    what = f"faster where SQL takes over {SLOW:.0f} ms, {len(ratios)} rules"
    return Goal(what, geometric_mean(ratios), 50, "x", at_least=True)


def _worst(what: str, limit: float, excess: Callable[[Counted], float]) -> Callable[[Result], Goal]:
    def goal(result: Result) -> Goal:
        worst = max(result.rules, key=excess)
        return Goal(what, excess(worst), limit, "ms", where=worst.name)

    return goal


def _slowest(what: str, limit: float, substring: bool) -> Callable[[Result], Goal]:
    def goal(result: Result) -> Goal:
        worst = max((rule for rule in result.rules if rule.substring == substring), key=lambda each: each.engine.median)
        return Goal(what, worst.engine.median, limit, "ms", where=worst.name)

    return goal


def _pass(result: Result) -> Goal:
    timing = _last(result.answers, "segments in one pass")
    return Goal(timing.name, timing.times.median, 1_000, "ms")


def _page(result: Result) -> Goal:
    worst = max(result.pages, key=lambda page: page.times.p95)
    return Goal("page over HTTP, 95 in 100 requests", worst.times.p95, 20, "ms", where=worst.name.rpartition(", ")[2])


def _marks(result: Result) -> Goal:
    timing = result.marks[-1]
    return Goal(timing.name, timing.times.median, 45, "ms")


def _refresh(limit: float) -> Callable[[Result], Goal]:
    def goal(result: Result) -> Goal:
        unmerged = [timing for timing in result.refreshes if "merging" not in timing.name]
        return Goal(unmerged[-1].name, unmerged[-1].times.median, limit, "ms")

    return goal


def _build(result: Result) -> Goal:
    return Goal("building the snapshot", result.build.median, 8_000, "ms")


def _memory(limit: float) -> Callable[[Result], Goal]:
    def goal(result: Result) -> Goal:
        serving = {name: held for name, held in result.memory.items() if name.startswith("serving")}
        worst = max(serving, key=lambda name: serving[name])
        return Goal("memory of a serving process", serving[worst], limit, "MB", where=worst)

    return goal


def _last(timings: list[Timing], ending: str) -> Timing:
    return next(timing for timing in timings if timing.name.endswith(ending))


_ONE_MILLION: list[Callable[[Result], Goal]] = [
    _faster,
    _faster_where_slow,
    _worst("slower than SQL on one rule", 5, lambda rule: rule.engine.median - rule.sql.median),
    _worst("over 3 x bare Polars on one rule", 3, lambda rule: rule.engine.median - 3 * rule.polars.median),
    _pass,
    _page,
    _marks,
    _refresh(300),
    _build,
    _memory(500),
]

_TEN_MILLION: list[Callable[[Result], Goal]] = [
    _faster,
    _faster_where_slow,
    _slowest("slowest count without substrings", 100, substring=False),
    _slowest("slowest count of a substring", 250, substring=True),
    _refresh(1_000),
    _memory(4_096),
]
