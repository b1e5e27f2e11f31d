"""The benchmark measures every part, in ways that agree, and leaves nothing behind. How fast it is is not tested."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from segmenter.benchmark import imports
from segmenter.benchmark.against import compare, figures, goals
from segmenter.benchmark.measure import Spread
from segmenter.embedded import server
from tests import ROOT

SMALL = ["--contacts", "3000", "--rounds", "1", "--segments", "5"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data directory of its own, with a running server."""
    path = tmp_path_factory.mktemp("benchmark")
    server.ensure_running(path)
    yield path
    server.stop(path)


def start(data, *words):
    environment = {**os.environ, "SEGMENTER_DATA_DIR": str(data)}
    environment.pop("DATABASE_URL", None)
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", "benchmark", *SMALL, *words],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def left_behind(data):
    """Scratch databases, and processes that were started with this data directory."""
    with psycopg.connect(server.ensure_running(data)) as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE '%benchmark%'").fetchall()
    return databases, [
        process for process in Path("/proc").glob("[0-9]*") if f"SEGMENTER_DATA_DIR={data}" in environment_of(process)
    ]


def environment_of(process):
    try:
        return (process / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # it ended meanwhile
        return []


def test_the_benchmark_measures_all_parts_and_leaves_nothing_behind(data):
    process = start(data, "--json")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    result = json.loads(printed)
    assert (result["contacts"], result["properties"], result["segments"]) == (3000, 17, 5)
    # That the four ways agree is checked by the run itself.
    assert len(result["rules"]) == 40
    assert all(0 < rule["people"] < 3000 for rule in result["rules"])
    assert all(rule[way]["median"] > 0 for rule in result["rules"] for way in ("sql", "polars", "engine", "http"))
    names = [timing["name"] for part in ("refreshes", "marks", "answers", "pages") for timing in result[part]]
    for part in ("refresh after 1,000 changes", "count with 0 marks", "count with 100 marks", "first count",
                 "5 segments in one pass", "all ids", "page of 100, middle", "sample", "facets of plan", "facets of code",
                 "histogram", "funnel", "overlap", "change", "explanation", "page over HTTP, start", "page over HTTP, middle",
                 "page over HTTP, end"):  # fmt: skip
        assert any(part in name for name in names), part
    assert len(result["goals"]) == 10
    assert "rule 40 of 40" in said
    assert left_behind(data) == ([], [])


def test_imports_can_be_measured_alone_by_bare_sql_and_by_ours_in_turn(data):
    process = start(data, "--only", "imports", "--json")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    result = json.loads(printed)
    # That nobody is lost or counted wrongly is checked by the run itself.
    assert all(
        result[way]["median"] > 0
        for way in ("bare_insert", "insert", "bare_update", "update", "counting", "bare_export", "export")
    )
    assert min(result["peak"], result["export_peak"]) > 50
    assert [goal["unit"] for goal in result["goals"]] == ["x", "x", "x", "ms", "MB", "x", "MB"]
    assert left_behind(data) == ([], [])


def test_the_pages_of_the_admin_can_be_measured_alone(data):
    process = start(data, "--only", "admin", "--json")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    result = json.loads(printed)
    assert [page["name"] for page in result["pages"]] == [
        "editor opens", "live panel", "contact list", "contact search", "a contact is suggested for a pin"]  # fmt: skip
    assert [page["times"]["times"] for page in result["pages"]][2:] == [10, 50, 6]
    assert [goal["limit"] for goal in result["goals"]] == [300, 150, 100, 100, 100]
    assert left_behind(data) == ([], [])


@pytest.mark.slow
def test_the_tables_fit_the_screen_and_the_last_line_sums_up(data):
    process = start(data)
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[-1].startswith("3,000 contacts, 40 rules: ")
    assert lines[-1].endswith("of 10 goals met")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", ["making", "counting while", "rule 2 of", "rule 20 of"])
def test_who_stops_it_finds_nothing_left_behind(data, at, stop):
    process = start(data)
    for line in process.stderr:
        if at in line:
            break
    time.sleep(0.05)  # in the midst of it; what comes last is over in less than a fifth of a second
    process.send_signal(stop)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1]) == (130, "CommandError: Stopped. Nothing is left behind.")
    assert left_behind(data) == ([], [])


@pytest.mark.parametrize("words", [["--contacts", "many"], ["--contacts", "10"], ["--rounds", "0"]])
def test_sizes_that_measure_nothing_are_refused(data, words):
    process = start(data, *words)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is not a whole number" in said


@pytest.mark.django_db
def test_the_memory_of_a_process_is_its_own_and_not_that_of_who_started_it():
    held = bytes(400_000_000).replace(b"\0", b"x")
    assert 20 < imports._end(imports._command("count_segment", "--help")) < 300
    assert len(held) == 400_000_000


def test_this_build_is_measured_against_another_commit_in_turn(data):
    process = start(data, "--against", "HEAD", "--runs", "1", "--only", "admin", "--json")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    result = json.loads(printed)
    assert result["revision"].startswith("HEAD (")
    assert (result["only_here"], result["only_there"]) == ([], [])
    assert len(result["compared"]) > 3
    assert all(each["ours"]["median"] > 0 and each["theirs"]["median"] > 0 for each in result["compared"])
    assert said.index("this build, run 1 of 1") < said.index("HEAD, run 1 of 1")
    assert left_behind(data) == ([], [])


@pytest.mark.parametrize("revision", ["no-such-commit", "--all"])
def test_an_unknown_commit_is_refused_before_anything_is_measured(data, revision):
    process = start(data, f"--against={revision}")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "knows no such commit" in said


def spread(*milliseconds):
    return Spread.of([each / 1000 for each in milliseconds])


def test_a_figure_is_slower_only_where_its_best_is_behind_the_worst_of_the_other():
    ours = [
        {("count",): spread(5, 6), ("page",): spread(9, 11), ("new",): spread(1)},
        {("count",): spread(7), ("page",): spread(8)},
    ]
    theirs = [{("count",): spread(3, 4), ("page",): spread(6, 10)}, {("count",): spread(4), ("page",): spread(7)}]
    result = compare("before", ours, theirs)
    assert {each.name: each.is_slower for each in result.compared} == {("count",): True, ("page",): False}
    assert result.compared[0].ratio == pytest.approx(6.25 / 3.75)
    time, slower = goals(result)
    assert (slower.figure, slower.where, slower.met, time.met) == (1, "count", False, False)


def test_figures_of_a_run_are_its_spreads_by_where_they_stand():
    times = dataclasses.asdict(spread(1, 3))
    document = {
        "contacts": 9,
        "build": times,
        "rules": [{"name": "plan", "people": 1, "sql": times}],
        "memory": {"self": 80},
    }
    assert {name: each.median for name, each in figures(document).items()} == {
        ("build",): 2, ("rules", "plan", "sql"): 2, ("memory", "self"): 80}  # fmt: skip
