"""Measure this build against another commit: both run the benchmark in turn, and every figure is compared."""

import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from segmenter.benchmark import report
from segmenter.benchmark.database import conninfo
from segmenter.benchmark.goals import Goal
from segmenter.benchmark.measure import Spread, geometric_mean

SPREAD = {field.name for field in dataclasses.fields(Spread)}  # how one is known in a benchmark's JSON
SLACK = 1.03  # in the geometric mean; so much may be chance

Name = tuple[str, ...]  # of a figure: where it stands in the JSON, with the names of rules and works on the way
Run = Mapping[Name, Spread]  # milliseconds, or megabytes
Say = Callable[[str], None]


class NoSuchBuild(Exception):
    """The other commit cannot be had or cannot be run."""


@dataclass(frozen=True)
class Compared:
    """One figure of both builds, from the lowest to the highest in any run. More is worse."""

    name: Name
    ours: Spread
    theirs: Spread

    @property
    def ratio(self) -> float:
        """How many times ours takes what theirs took."""
        return self.ours.median / self.theirs.median

    @property
    def is_slower(self) -> bool:
        """Its best is slower than their worst. (Of medians alone one figure in twenty would be so by chance.)"""
        return self.ours.lowest > self.theirs.highest

    @property
    def is_control(self) -> bool:
        """Work that is none of ours: how alike the machine was for both."""
        return self.name[-1] in ("sql", "polars") or self.name[-1].startswith("bare_")


@dataclass(frozen=True)
class Result:
    revision: str
    runs: int  # of each build
    compared: Sequence[Compared]
    only_here: Sequence[Name]
    only_there: Sequence[Name]


def run(revision: str, words: Sequence[str], runs: int, say: Say) -> Result:
    """`words`: what `manage.py benchmark` is given beside. Raises NoSuchBuild."""
    ours: list[Run] = []
    theirs: list[Run] = []
    with _build_of(revision) as (commit, command):
        here = [sys.executable, "manage.py"], settings.BASE_DIR
        for number in range(runs):
            turns = [("this build", *here, ours), (revision, *command, theirs)]
            for who, program, folder, kept in turns if number % 2 == 0 else reversed(turns):
                say(f"{who}, run {number + 1} of {runs}")
                kept.append(_figures(program, folder, words))
    return compare(f"{revision} ({commit[:10]})", ours, theirs)


def compare(revision: str, ours: Sequence[Run], theirs: Sequence[Run]) -> Result:
    """Each figure that all runs of both builds have; one that is 0 anywhere cannot be compared and is left out."""
    here, there = (set.intersection(*(set(run) for run in runs)) for runs in (ours, theirs))
    names = [name for name in ours[0] if name in here & there and all(run[name].lowest > 0 for run in (*ours, *theirs))]
    compared = [Compared(name, _spread(ours, name), _spread(theirs, name)) for name in names]
    return Result(revision, len(ours), compared, sorted(here - there), sorted(there - here))


def _spread(runs: Sequence[Run], name: Name) -> Spread:
    """The median of the runs' medians, and the extremes of all."""
    each = [run[name] for run in runs]
    lowest, highest = min(one.lowest for one in each), max(one.highest for one in each)
    medians, p95, times = [one.median for one in each], max(one.p95 for one in each), sum(one.times for one in each)
    return Spread(statistics.median(medians), lowest, highest, p95, times)


def figures(document: Mapping[str, Any]) -> dict[Name, Spread]:
    """Every spread, and what processes hold in memory, of what `manage.py benchmark --json` printed."""
    found = dict(_spreads((), document))
    return found | {("memory", name): Spread.of([held / 1000]) for name, held in document.get("memory", {}).items()}


def _spreads(name: Name, part: Any) -> Iterator[tuple[Name, Spread]]:
    match part:
        case dict() if part.keys() == SPREAD:
            yield name, Spread(**part)
        case dict():
            called = (*name, part["name"]) if isinstance(part.get("name"), str) else name
            for key, value in part.items():
                yield from _spreads((*called, key), value)
        case list():
            for value in part:
                yield from _spreads(name, value)


def _figures(program: Sequence[str], folder: Path, words: Sequence[str]) -> Run:
    done = subprocess.run(
        [*program, "benchmark", "--json", *words],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": conninfo()},  # one server for both
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise NoSuchBuild(f"its benchmark ended with {done.returncode}; what it said stands above")
    return figures(json.loads(done.stdout))


@contextmanager
def _build_of(revision: str) -> Iterator[tuple[str, tuple[list[str], Path]]]:
    """The commit's full name; how to run its manage.py, and where. A clone that is gone afterwards."""
    here = settings.BASE_DIR
    commit = _git(here, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="segmenter-against-") as temporary:
        clone = Path(temporary) / "clone"
        _git(here, "clone", "--quiet", "--shared", "--no-checkout", str(here), str(clone))
        _git(clone, "checkout", "--quiet", "--detach", commit)
        yield commit, (_python_of(clone), clone)


def _python_of(clone: Path) -> list[str]:
    """The interpreter of today, where both builds use the same packages; else one with the packages of that commit."""
    if (clone / "uv.lock").read_bytes() == (settings.BASE_DIR / "uv.lock").read_bytes():
        return [sys.executable, "manage.py"]
    if shutil.which("uv") is None:
        raise NoSuchBuild("it needs other packages than this build, and uv, which installs them, is not here")
    return ["uv", "run", "--quiet", "--frozen", "manage.py"]


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NoSuchBuild(done.stderr.strip() or "git knows no such commit here")
    return done.stdout.strip()


# --- what is printed -----------------------------------------------------------------------------------------------


def goals(result: Result) -> list[Goal]:
    work = [each for each in result.compared if not each.is_control]
    slower = [each for each in work if each.is_slower]
    mean = geometric_mean([each.ratio for each in work])
    where = ", ".join(" ".join(each.name) for each in slower[:3])
    return [
        Goal(f"time of the other build, {len(work)} figures", mean * 100, SLACK * 100, "%"),
        Goal("figures slower, their ranges apart", len(slower), 0, "", where=where),
    ]


def as_json(result: Result) -> str:
    return report.document(result, goals(result))


def as_text(result: Result) -> str:
    return report.page(_lines(result), goals(result), f"this build against {result.revision}, {result.runs} runs each")


def _lines(result: Result) -> Iterator[str]:
    yield f"Medians of {result.runs} runs of each build in turn [lowest-highest of all], milliseconds or megabytes"
    yield f"{'figure':<70} {'this build':>24} {'the other':>24} {'ratio':>6}"
    for each in result.compared:
        mark = "  slower" if each.is_slower and not each.is_control else ""
        spreads = f"{report.spread(each.ours):>24} {report.spread(each.theirs):>24}"
        yield f"{': '.join(each.name):<70} {spreads} {each.ratio:>6.2f}{mark}"
    if controls := [each.ratio for each in result.compared if each.is_control]:
        yield f"Work of others in the same runs, {len(controls)} figures: {geometric_mean(controls):.3f}"
    for whose, names in (("this build", result.only_here), (result.revision, result.only_there)):
        if names:
            yield f"Only in {whose}: {'; '.join(': '.join(name) for name in names)}"
