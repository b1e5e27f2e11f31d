"""Import a file and export everybody in two ways, by bare SQL and as we do it, in turn; count people meanwhile."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from contacts import properties
from contacts.values import Kind
from segmenter.benchmark import report
from segmenter.benchmark.database import conninfo, execute
from segmenter.benchmark.goals import Goal
from segmenter.benchmark.measure import Disagreement, Spread, megabytes, timed
from segmenter.benchmark.run import Say
from segments.engine import audience
from segments.rules.tree import Condition
from workspaces.models import Workspace

NUMBERS = ("monthlyFee", "orders", "score", "age")
CUSTOM = ("plan", "town", "source", "code", *NUMBERS, "vip", "lastOrder", "contractEnds")
COLUMNS = ("customer_id", "email", "phone", "firstName", "lastName", "country", *CUSTOM)
MOST_ROUNDS = 2  # they take long
FEWEST_EXPORTS, MOST_EXPORTS = 3, 5
CHECK_EVERY = 40  # counts: that often one is compared with SQL
PAUSE_SECONDS = 0.05  # between two counts, and two looks at a process

# What the rules below ask, and the same in SQL.
RULES = {
    "plan": (Condition("customProperties.plan", "is", "Pro"), "custom->>'plan' = 'Pro'"),
    "orders": (Condition("customProperties.orders", "at_least", 40), "(custom->>'orders')::float >= 40"),
    "country": (Condition("country", "is", "ES"), "profile->>'country' = 'ES'"),
}


@dataclass(frozen=True)
class Result:
    contacts: int
    megabytes: float  # of the file
    bare_insert: Spread
    insert: Spread
    bare_update: Spread
    update: Spread
    insert_read: float  # milliseconds, while people are counted
    counting: Spread
    checked: int  # counts that were compared with SQL
    peak: int  # megabytes, of an importing process
    bare_export: Spread
    export: Spread
    export_peak: int  # megabytes, of an exporting process


def run(contacts: int, rounds: int, say: Say) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing {contacts:,} rows with {len(COLUMNS)} columns ...")
        files = [Path(folder, name) for name in ("people.csv", "changed.csv")]
        for more, file in enumerate(files):
            _write(file, contacts, more)
        seconds: dict[str, list[float]] = {name: [] for name in ("bare insert", "bare update", "insert", "update")}
        peak = 0
        for number in range(min(rounds, MOST_ROUNDS)):
            workspace = _empty_workspace()
            for what, file in zip(("insert", "update"), files, strict=True):
                say(f"round {number + 1}: {what} by bare SQL ...")
                seconds[f"bare {what}"].append(timed(partial(_bare, workspace, file))[0])
                _agree(workspace, contacts)
            workspace = _empty_workspace()
            for what, file in zip(("insert", "update"), files, strict=True):
                say(f"round {number + 1}: {what} by import_contacts ...")
                process, started = _start(workspace, file), time.perf_counter()
                peak = max(peak, _end(process))
                seconds[what].append(time.perf_counter() - started)
                _agree(workspace, contacts)
        say("import_contacts while people are counted ...")
        workspace = _empty_workspace()
        process, started = _start(workspace, files[0]), time.perf_counter()
        times, checked, peak_meanwhile = _count_while(process, workspace)
        peak = max(peak, peak_meanwhile, _end(process))
        took = time.perf_counter() - started
        _agree(workspace, contacts)
        say("exporting everybody by bare SQL and by export_contacts in turn ...")
        bare, ours, export_peak = _exports(
            workspace, Path(folder, "export.csv"), contacts, min(max(rounds, FEWEST_EXPORTS), MOST_EXPORTS)
        )
        return Result(
            contacts,
            files[0].stat().st_size / 1e6,
            **{name.replace(" ", "_"): Spread.of(each) for name, each in seconds.items()},
            insert_read=took * 1000,
            counting=Spread.of(times),
            checked=checked,
            peak=peak,
            bare_export=Spread.of(bare),
            export=Spread.of(ours),
            export_peak=export_peak,
        )


def _write(file: Path, contacts: int, more_orders: int) -> None:
    chance, now = random.Random(1), datetime(2026, 11, 1, tzinfo=UTC)
    with file.open("w") as out:
        out.write(",".join(COLUMNS) + "\n")
        for n in range(1, contacts + 1):
            moment = now - timedelta(milliseconds=chance.randrange(60_000_000_000))
            cells = (
                f"c{n}", f"user{n}@mail{n % 20}.example", f"+34600{n:06}", f"First{n % 500}", f"Last{n % 3001}",
                chance.choice(("ES", "DE", "GB", "FR", "PT")), chance.choice(("", "Free", "Free", "Starter", "Pro")),
                f"Town {chance.randrange(5000)}", f"Campaign {chance.randrange(30)}", f"{chance.getrandbits(128):032x}",
                f"{chance.randrange(30_000) / 100}", str(chance.randrange(60) + more_orders), repr(chance.random()),
                chance.choice(("", str(18 + chance.randrange(60)))), "true" if chance.random() < 0.05 else "false",
                moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), moment.date().isoformat(),
            )  # fmt: skip
            out.write(",".join(cells) + "\n")


def _empty_workspace() -> Workspace:
    execute("TRUNCATE contacts_contact CASCADE")
    execute("VACUUM (ANALYZE)")
    workspace = Workspace.objects.create(name="Benchmark")
    kinds = dict.fromkeys(CUSTOM, Kind.TEXT) | dict.fromkeys(NUMBERS, Kind.NUMBER)
    properties.declare(workspace, kinds | {"vip": Kind.BOOLEAN, "lastOrder": Kind.DATE, "contractEnds": Kind.DATE})
    return workspace


def _bare(workspace: Workspace, file: Path) -> None:
    """What a careful developer would write by hand, without a look at any cell."""
    staged = ", ".join(f'"{name}" text' for name in COLUMNS)
    casts = dict.fromkeys(NUMBERS, "::numeric") | {"vip": "::boolean"}
    custom = ", ".join(f"'{name}', \"{name}\"{casts.get(name, '')}" for name in CUSTOM)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE bare ({staged}) ON COMMIT DROP")
        with cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy, file.open("rb") as data:
            while block := data.read(2**18):
                copy.write(block)
        cursor.execute(
            f"""
            INSERT INTO contacts_contact AS contact
                (workspace_id, external_id, email, phone, first_name, last_name, profile, custom)
            SELECT %s, customer_id, email, phone, "firstName", "lastName", jsonb_build_object('country', country),
                   jsonb_strip_nulls(jsonb_build_object({custom})) FROM bare
            ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO UPDATE SET
                email = excluded.email, phone = excluded.phone, first_name = excluded.first_name,
                last_name = excluded.last_name, profile = contact.profile || excluded.profile,
                custom = contact.custom || excluded.custom, updated_at = now()
            """,
            [workspace.pk],
        )


def _start(workspace: Workspace, file: Path) -> subprocess.Popen[str]:
    return _command("import_contacts", workspace.pk, str(file), "--key", COLUMNS[0])


def _command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *words],
        env={**os.environ, "DATABASE_URL": conninfo(), "SEGMENTER_DATA_DIR": str(settings.DATA_DIR)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> int:
    """The most memory that it held from now on, in megabytes. Raises Disagreement where it failed."""
    peak, printed = 0, None
    while printed is None:
        peak = max(peak, _memory(process))
        with suppress(subprocess.TimeoutExpired):
            printed, _ = process.communicate(timeout=PAUSE_SECONDS)
    if process.returncode:
        assert isinstance(process.args, list)
        raise Disagreement(f"{process.args[2]} ended with {process.returncode}: {printed[-2000:]}")
    return peak


def _memory(process: subprocess.Popen[str]) -> int:
    # What the system tells of an ended process, ru_maxrss, is never less than what this one held when it started it.
    return megabytes(process.pid, "VmHWM")


def _agree(workspace: Workspace, contacts: int) -> None:
    found = execute("SELECT count(*) FROM contacts_contact WHERE workspace_id = %(id)s", {"id": workspace.pk})[0][0]
    if found != contacts:
        raise Disagreement(f"{found:,} people of {contacts:,} are there")


def _count_while(process: subprocess.Popen[str], workspace: Workspace) -> tuple[Sequence[float], int, int]:
    """How long each count took, in seconds; how many were compared with SQL; the most memory of the process."""
    times: list[float] = []
    checked = peak = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:  # left for _end to reap
        rule, also = list(RULES.values())[len(times) % len(RULES)]
        times.append(timed(partial(_count, workspace, rule))[0])
        if len(times) % CHECK_EVERY == 0:
            _compare(workspace, rule, also)
            checked += 1
        peak = max(peak, _memory(process))
        time.sleep(PAUSE_SECONDS)
    return times, checked, peak


def _count(workspace: Workspace, rule: Condition) -> int:
    return audience.matching(workspace, rule).count


def _compare(workspace: Workspace, rule: Condition, also: str) -> None:
    """Both at one moment of the import. Raises Disagreement."""
    with transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        ours = _count(workspace, rule)
        query = f"SELECT count(*) FROM contacts_contact WHERE workspace_id = %(id)s AND {also}"
        theirs = execute(query, {"id": workspace.pk})[0][0]
    if ours != theirs:
        raise Disagreement(f"{also}: SQL counts {theirs:,}, the engine {ours:,}")


def _exports(
    workspace: Workspace, file: Path, contacts: int, rounds: int
) -> tuple[Sequence[float], Sequence[float], int]:
    """Seconds by bare SQL and by ours, and the most megabytes of an exporting process."""
    bare, ours, peak = [], [], 0
    for _ in range(rounds):
        bare.append(timed(partial(_bare_export, workspace, file))[0])
        process, started = _command("export_contacts", workspace.pk, "--output", str(file)), time.perf_counter()
        peak = max(peak, _end(process))
        ours.append(time.perf_counter() - started)
        with file.open("rb") as written:
            if (lines := sum(1 for _ in written)) != contacts + 1:
                raise Disagreement(f"{lines:,} lines were exported of {contacts:,} people")
    return bare, ours, peak


def _bare_export(workspace: Workspace, file: Path) -> None:
    """The same columns, without a look at any cell."""
    fields = "id, external_id, email, phone, first_name, last_name, profile->>'country', created_at, updated_at"
    custom = ", ".join(f"custom->>'{name}'" for name in CUSTOM)
    query = f"SELECT {fields}, {custom} FROM contacts_contact WHERE workspace_id = '{workspace.pk}' ORDER BY id"
    copying = f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(copying) as copy, file.open("wb") as out:
        for block in copy:
            out.write(block)


def goals(result: Result) -> list[Goal]:
    bare = result.bare_insert.median
    return [
        Goal("import, everybody new, times bare SQL", result.insert.median / bare, 2, "x"),
        Goal("import, everybody changed, times bare SQL", result.update.median / result.bare_update.median, 2, "x"),
        Goal("import while people are counted, times bare SQL", result.insert_read / bare, 2.5, "x"),
        Goal("count during an import, 95 in 100", result.counting.p95, 150, "ms"),
        Goal("memory of an importing process", result.peak, 200, "MB"),
        Goal("export, times bare COPY", result.export.median / result.bare_export.median, 2.5, "x"),
        Goal("memory of an exporting process", result.export_peak, 150, "MB"),
    ]


def as_json(result: Result) -> str:
    return report.document(result, goals(result))


def as_text(result: Result) -> str:
    return report.page(_lines(result), goals(result), f"{result.contacts:,} rows imported")


def _lines(result: Result) -> Iterator[str]:
    yield f"Importing {result.contacts:,} rows with {len(COLUMNS)} columns, {result.megabytes:.0f} MB, in seconds"
    for name, bare, ours in (
        ("everybody new", result.bare_insert, result.insert),
        ("everybody changed", result.bare_update, result.update),
    ):
        yield _line(name, bare, "import_contacts", ours)
    yield f"{'while counting':<20} {'':<15}   import_contacts {result.insert_read / 1000:>6.1f}"
    yield (
        f"{result.counting.times:,} counts meanwhile: median {result.counting.median:.0f} ms, 95 in 100 within"
        f" {result.counting.p95:.0f} ms, slowest {result.counting.highest:.0f} ms; {result.checked} compared with SQL"
    )
    yield _line("exporting them", result.bare_export, "export_contacts", result.export)


def _line(name: str, bare: Spread, command: str, ours: Spread) -> str:
    ratio = ours.median / bare.median
    return f"{name:<20} bare SQL {bare.median / 1000:>6.1f}   {command} {ours.median / 1000:>6.1f}   {ratio:.2f} x"
