"""Say what a run measured: tables that fit into 110 columns, or one JSON document."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from segmenter.benchmark.goals import Goal, goals, ratio
from segmenter.benchmark.measure import Spread, geometric_mean
from segmenter.benchmark.run import Counted, Result, Timing


def as_json(result: Result) -> str:
    return document(result, goals(result))


def as_text(result: Result) -> str:
    parts = [_heading(result), _rules(result.rules), _timings(result), _memory(result), _goals(goals(result))]
    return "\n\n".join("\n".join(part) for part in parts) + "\n\n" + summary(result)


def document(result: Any, judged: Sequence[Goal]) -> str:
    """The JSON of any part's result."""
    marked = [{**dataclasses.asdict(goal), "met": goal.met} for goal in judged]
    return json.dumps({**dataclasses.asdict(result), "goals": marked}, indent=2)


def page(lines: Iterable[str], judged: Sequence[Goal], of_what: str) -> str:
    """What was measured, the goals, and one line for both."""
    return "\n".join([*lines, "", *_goals(judged), "", f"{of_what}: {_met(judged)}"])


def summary(result: Result) -> str:
    """One line."""
    ratios = [ratio(rule) for rule in result.rules]
    return (
        f"{result.contacts:,} contacts, {len(ratios)} rules: {geometric_mean(ratios):.1f} times as fast as SQL"
        f" ({min(ratios):.2g} to {max(ratios):.0f}); {_met(goals(result))}"
    )


def _heading(result: Result) -> Iterator[str]:
    yield (
        f"{result.contacts:,} contacts with {result.properties} properties, inserted in {result.insert_seconds:.0f} s;"
        f" catalogue in {result.catalogue_seconds:.1f} s;"
    )
    yield f"snapshot of {result.snapshot_megabytes:.0f} MB with {result.delta:,} contacts in its delta"
    yield ", ".join(f"{name} {value}" for name, value in result.machine.items())


def _rules(rules: Sequence[Counted]) -> Iterator[str]:
    yield "Counting, in milliseconds: median [lowest-highest]; x: how many times faster than SQL the engine is"
    yield f"{'rule':<24} {'people':>10} {'SQL':>16} {'Polars':>14} {'engine':>14} {'HTTP':>12} {'x':>5}"
    for rule in rules:
        times = f"{spread(rule.sql):>16} {spread(rule.polars):>14} {spread(rule.engine):>14} {spread(rule.http):>12}"
        yield f"{rule.name:<24} {rule.people:>10,} {times} {_number(ratio(rule)):>5}"


def _timings(result: Result) -> Iterator[str]:
    yield "Other work, in milliseconds: median [lowest-highest]"
    built = [Timing("building the snapshot", result.build)]
    for timing in [*built, *result.refreshes, *result.marks, *result.answers]:
        yield f"{timing.name:<60} {spread(timing.times):>22}"
    yield from map(timing_line, result.pages)


def timing_line(timing: Timing) -> str:
    return f"{timing.name:<60} {spread(timing.times):>22}   p95 {_number(timing.times.p95)}"


def _memory(result: Result) -> Iterable[str]:
    yield "Memory, in megabytes"
    for process, held in result.memory.items():
        yield f"{process:<60} {held:>22,}"


def _met(judged: Sequence[Goal]) -> str:
    return f"{sum(goal.met for goal in judged)} of {len(judged)} goals met"


def _goals(judged: Sequence[Goal]) -> Iterator[str]:
    yield "Goals"
    for goal in judged:
        wanted = f"{'at least' if goal.at_least else 'at most'} {goal.limit:,g} {goal.unit}"
        verdict = "met" if goal.met else "MISSED"
        yield f"{goal.what:<46} {goal.figure:>9,.1f} {goal.unit:<2} {wanted:>17}  {verdict:<6} {goal.where}".rstrip()


def spread(times: Spread) -> str:
    return f"{_number(times.median)} [{_number(times.lowest)}-{_number(times.highest)}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"
