"""Run all parts of the benchmark one after the other, each in the state that the one before it left."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl
from django.conf import settings

from contacts.columnar import catalogue, snapshot
from contacts.columnar.refresh import refresh
from segmenter.benchmark import bare, data, rules, segments
from segmenter.benchmark.database import execute
from segmenter.benchmark.measure import Disagreement, Spread, agreeing, alone, in_turn, megabytes, timed
from segmenter.benchmark.rules import Twins
from segmenter.benchmark.server import Client, serving
from segments.answers.explanations import explain
from segments.engine import audience
from segments.engine.audience import Audience
from segments.engine.cursors import Cursor
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.tree import Rule, conditions
from workspaces.models import ApiKey, Scope, Workspace

BUILDS, MERGES = 3, 2  # times; they take long
CHANGES = (1_000, 10_000, 10_000, 30_000)  # refreshed one after the other: with the last the delta is merged
MARKS = (0, 100, 1_000, 5_000)
WORKER_CONNECTIONS = 12  # enough for each of a few workers to get one
SUBSTRING = {"contains", "starts_with", "ends_with"}

BROAD, NESTED = "seats at most 90", "and, or, not"
PAGED = (BROAD, NESTED, "e-mail starts with")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Timing:
    name: str
    times: Spread


@dataclass(frozen=True)
class Counted:
    """One rule, counted in four ways that agree."""

    name: str
    people: int
    substring: bool
    sql: Spread
    polars: Spread
    engine: Spread
    http: Spread


@dataclass(frozen=True)
class Result:
    machine: Mapping[str, Any]
    contacts: int
    properties: int
    segments: int
    rounds: int
    insert_seconds: float
    catalogue_seconds: float
    snapshot_megabytes: float
    delta: int  # contacts in it while rules were counted
    build: Spread
    refreshes: list[Timing]
    marks: list[Timing]
    answers: list[Timing]
    rules: list[Counted]
    pages: list[Timing]
    memory: Mapping[str, int]  # megabytes, by process


def run(contacts: int, segment_count: int, rounds: int, say: Say) -> Result:
    load = os.getloadavg()[0]
    say(f"making {contacts:,} contacts ...")
    inserted, workspace = timed(lambda: data.workspace_with(contacts))
    say(f"made in {inserted:.0f} s; building the snapshot ...")
    build = _built(workspace, min(rounds, BUILDS))
    memory = {"this process, after building": megabytes("self", "VmHWM")}
    say("adding indexes for SQL ...")
    data.add_indexes()
    say("refreshing and counting while somebody writes ...")
    writer = data.Writer(workspace)
    refreshes = _refreshes(workspace, writer, contacts, min(rounds, MERGES))
    marks = _marks(workspace, writer, contacts, rounds)
    execute("VACUUM (ANALYZE)")
    say(f"evaluating {segment_count:,} segments in one pass, and other answers ...")
    answers = _answers(workspace, segments.create(workspace, segment_count), rounds)
    memory["this process, engine alone"] = megabytes("self", "VmHWM")
    say("bringing the catalogue up to date ...")
    catalogue_seconds, _ = timed(lambda: catalogue.keep(workspace))
    say("reading all contacts into a plain Polars frame ...")
    frame = bare.frame(workspace)
    saved = segments.save(workspace, [(each.name, each.rule) for each in rules.table(datetime.now(UTC))])
    _, key = ApiKey.objects.issue(workspace, "Benchmark", Scope.READ)
    with serving(key) as server:
        counted = _rules(workspace, frame, server.client(), saved, rounds, say)
        say("paging over HTTP ...")
        pages = _pages(server.client(), {each.name: each for each in saved}, rounds)
        for _ in range(WORKER_CONNECTIONS):
            _count_all(server.client(), saved)
        memory |= {f"serving process {place}": held for place, held in enumerate(server.megabytes())}
    memory["this process, with all the rest"] = megabytes("self", "VmHWM")
    return Result(
        machine=_machine(load),
        contacts=contacts,
        properties=len(segments.KINDS),
        segments=segment_count,
        rounds=rounds,
        insert_seconds=inserted,
        catalogue_seconds=catalogue_seconds,
        snapshot_megabytes=float(execute("SELECT sum(length(data)) FROM contacts_snapshotcolumn")[0][0]) / 1e6,
        delta=_delta(),
        build=build,
        refreshes=refreshes,
        marks=marks,
        answers=answers,
        rules=counted,
        pages=pages,
        memory=memory,
    )


def _machine(load: float) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load before": round(load, 2),
        "load after": round(os.getloadavg()[0], 2),
        "PostgreSQL": execute("SHOW server_version")[0][0],
        "Python": platform.python_version(),
        "Polars": pl.__version__,
        "cache megabytes": settings.SNAPSHOT_CACHE_BYTES // 2**20,
    }


def _delta() -> int:
    found = execute("SELECT sum(rows) FROM contacts_snapshotcolumn WHERE first_id <= 0 AND \"column\" = 'id'")
    return int(found[0][0] or 0)


def _built(workspace: Workspace, times: int) -> Spread:
    """From nothing, each time."""
    seconds = []
    for _ in range(times):
        execute("TRUNCATE contacts_snapshotcolumn, contacts_contactmark")
        execute(
            "INSERT INTO contacts_contactmark (workspace_id, contact_id) SELECT workspace_id, id FROM contacts_contact"
        )
        seconds.append(timed(lambda: refresh(workspace))[0])
    return Spread.of(seconds)


def _refreshes(workspace: Workspace, writer: data.Writer, contacts: int, times: int) -> list[Timing]:
    seconds: dict[str, list[float]] = {}
    for _ in range(times):
        for wanted in CHANGES:
            changes = min(wanted, contacts // 2)
            writer.change(changes)
            took, done = timed(lambda: refresh(workspace))
            name = f"refresh after {changes:,} changes" + (", merging all changes" if done.merged else "")
            seconds.setdefault(name, []).append(took)
    return [Timing(name, Spread.of(each)) for name, each in seconds.items()]


def _marks(workspace: Workspace, writer: data.Writer, contacts: int, rounds: int) -> list[Timing]:
    rule = _rule(NESTED)
    timings = []
    for marks in dict.fromkeys(min(wanted, contacts // 2) for wanted in MARKS):
        refresh(workspace)
        writer.change(marks)
        timings.append(Timing(f"count with {marks:,} marks", alone(partial(_count, workspace, rule), rounds)))
    refresh(workspace)
    return timings


def _count(workspace: Workspace, rule: Rule) -> int:
    return audience.matching(workspace, rule).count


def _rule(name: str) -> Rule:
    return next(each.rule for each in rules.table(datetime.now(UTC)) if each.name == name)


def _answers(workspace: Workspace, many: Sequence[Segment], rounds: int) -> list[Timing]:
    rule, nested = _rule(BROAD), _rule(NESTED)

    def found(*also: str) -> Audience:
        return audience.matching(workspace, rule, also=also)

    def first() -> int:
        snapshot.cache.clear()
        return _count(workspace, nested)

    def counts(wanted: Sequence[Segment]) -> list[int]:
        together = audience.several(workspace, [RuleWithPins(each.tree, each) for each in wanted])
        return [each.count for each in together]

    def funnel() -> Any:
        parts = audience.several(workspace, [RuleWithPins(step) for step in audience.steps(nested)])
        return audience.funnel(nested, parts)

    def overlap() -> Any:
        return audience.overlap(audience.several(workspace, [RuleWithPins(each.tree, each) for each in many[:10]]))

    def change() -> tuple[int, int]:
        change = audience.change(many[0], nested)
        return change.added.count, change.removed.count

    ids = found().ids()
    middle, last = ids[len(ids) // 2], ids[len(ids) - 1]
    plan, code, fee = (f"customProperties.{name}" for name in ("plan", "code", "monthlyFee"))
    works: dict[str, Callable[[], Any]] = {
        "count": lambda: found().count,
        "all ids": lambda: found().ids(),
        "page of 100, start": lambda: found().page(100),
        "page of 100, middle": lambda: found().page(100, middle),
        "page of 100, end": lambda: found().page(100, before=last + 1),
        "sample of 10": lambda: found().sample(10),
        "facets of plan (5 values)": lambda: found(plan).facets(plan),
        "facets of code (all different)": lambda: found(code).facets(code),
        "histogram of fee": lambda: found(fee).histogram(fee),
        "funnel of 3 steps": funnel,
        "overlap of 10 segments": overlap,
        "change of a rule": change,
        "explanation of one person": lambda: explain(workspace, RuleWithPins(nested), middle),
    }
    done = in_turn(works, rounds)
    return [
        Timing("first count, nothing cached", alone(first, rounds)),
        Timing(f"{len(many):,} segments in one pass", alone(lambda: counts(many), rounds)),
        *(Timing(name, done.spread(name)) for name in works),
    ]


def _rules(
    workspace: Workspace, frame: pl.DataFrame, client: Client, saved: Sequence[Segment], rounds: int, say: Say
) -> list[Counted]:
    counted = []
    for place, segment in enumerate(saved):
        # Its dates made just now: a run may go on past midnight.
        twins = rules.table(datetime.now(UTC))[place]
        say(f"rule {place + 1} of {len(saved)}: {twins.name} ...")
        ways: dict[str, Callable[[], int]] = {
            "SQL": _sql(workspace, twins),
            "Polars": partial(bare.count, frame, twins),
            "the engine": partial(_count, workspace, twins.rule),
            "HTTP": partial(client.count, segment.pk),
        }
        done = agreeing(twins.name, ways, rounds)
        substring = any(condition.operator in SUBSTRING for condition in conditions(twins.rule))
        counted.append(Counted(twins.name, done.gave["SQL"], substring, *(done.spread(way) for way in ways)))
    return counted


def _sql(workspace: Workspace, twins: Twins) -> Callable[[], int]:
    query = (
        "SELECT count(*) FROM contacts_contact"
        f" WHERE workspace_id = '{workspace.pk}' AND lifecycle <> 'trashed' AND ({twins.sql})"
    )
    return lambda: int(execute(query)[0][0])


def _pages(client: Client, saved: Mapping[str, Segment], rounds: int) -> list[Timing]:
    """Over several rules and lengths of page, by where in the audience the page lies."""
    works: dict[str, Callable[[], Any]] = {}
    by_depth: dict[str, list[str]] = {}
    for name in PAGED:
        found = audience.of(saved[name])
        ids = found.ids()
        for limit in (10, 100):
            for depth, query in _cursors(ids, found.now, limit).items():
                path = f"/api/segments/{saved[name].pk}/contacts?limit={limit}{query}"
                works[path] = partial(client.get, path)
                by_depth.setdefault(depth, []).append(path)
    done = in_turn(works, 3 * rounds)
    if empty := [path for path, page in done.gave.items() if not page["contacts"]]:
        raise Disagreement(f"nobody on {empty[0]}")
    return [Timing(f"page over HTTP, {depth}", done.spread(*paths)) for depth, paths in by_depth.items()]


def _cursors(ids: Any, now: int, limit: int) -> dict[str, str]:
    def at(place: int) -> str:
        return Cursor(ids[max(place, 0)], now).write()

    return {
        "start": "",
        "middle": f"&searchAfter={at(len(ids) // 2)}",
        "end": f"&searchAfter={at(len(ids) - 1 - limit)}",
        "backwards from the end": f"&searchBefore={at(len(ids) - 1)}",
    }


def _count_all(client: Client, saved: Sequence[Segment]) -> None:
    """Whichever worker has this connection gets to know all columns."""
    for segment in saved:
        client.count(segment.pk)
    client.close()
