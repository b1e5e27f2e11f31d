"""Measure the engine against SQL over the same contacts, in one run and interleaved, and give ratios."""

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import connection

from contacts import properties
from contacts.refresh import refresh
from contacts.values import Kind
from segments import audience
from segments.rules.tree import All, Condition, Not, Rule
from segments.rules.tree import Any as AnyOf
from workspaces.models import Workspace

PROPERTIES = {
    "plan": Kind.TEXT,
    "town": Kind.TEXT,
    "source": Kind.TEXT,
    "code": Kind.TEXT,
    "language": Kind.TEXT,
    "device": Kind.TEXT,
    "monthlyFee": Kind.NUMBER,
    "orders": Kind.NUMBER,
    "score": Kind.NUMBER,
    "seats": Kind.NUMBER,
    "age": Kind.NUMBER,
    "vip": Kind.BOOLEAN,
    "newsletter": Kind.BOOLEAN,
    "lastOrder": Kind.DATE,
    "contractEnds": Kind.DATE,
    "interests": Kind.LIST,
}

# Besides these the country, a built-in; about one value in ten is missing.
_INSERT = """
INSERT INTO contacts_contact (workspace_id, email, first_name, last_name, profile, custom, created_at)
SELECT %(workspace)s, 'user' || n || '@mail' || (n %% 20) || '.example', 'First' || (n %% 500), 'Last' || (n %% 3001),
       jsonb_build_object('country', ('{ES,DE,GB,FR,PT,SE,PL,IT,NL,US}'::text[])[1 + floor(random() * random() * 10)::int]),
       jsonb_strip_nulls(jsonb_build_object(
         'plan', (array[null,'Free','Free','Free','Starter','Starter','Pro','Pro','Team','Enterprise'])[1 + floor(random() * 10)::int],
         'town', 'Town ' || floor(random() * 5000)::int,
         'source', 'Campaign ' || floor(random() * 30)::int,
         'code', md5(n::text),
         'language', (array['en','es','de','fr',null])[1 + floor(random() * 5)::int],
         'device', (array['ios','android','web'])[1 + floor(random() * 3)::int],
         'monthlyFee', CASE WHEN random() < 0.9 THEN round((random() * 300)::numeric, 2) END,
         'orders', floor(random() * random() * 60)::int,
         'score', random(),
         'seats', floor(random() * 100)::int,
         'age', CASE WHEN random() < 0.8 THEN 18 + floor(random() * 60)::int END,
         'vip', random() < 0.05,
         'newsletter', CASE WHEN random() < 0.9 THEN random() < 0.5 END,
         'lastOrder', CASE WHEN random() < 0.9 THEN
            to_char(now() - random() * interval '700 days', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
         'contractEnds', to_char(now() + (random() - 0.5) * interval '700 days', 'YYYY-MM-DD'),
         'interests', (array['["Sport"]','["Music","Küche"]','["Travel","Sport"]','[]'])[1 + floor(random() * 4)::int]::jsonb)),
       now() - random() * interval '1500 days'
FROM generate_series(1, %(contacts)s) AS n
"""  # noqa: E501


def custom(name: str, operator: str, value: Any = None) -> Condition:
    return Condition(f"customProperties.{name}", operator, value)


# Each rule, and the same in SQL: NULL is what makes a missing value false, and IS NOT TRUE a Not a complement.
RULES: list[tuple[str, Rule, str]] = [
    (
        "text equals and number greater than",
        All((custom("plan", "is", "pro"), custom("monthlyFee", "greater_than", 150))),
        "lower(custom->>'plan') = 'pro' AND (custom->>'monthlyFee')::float8 > 150",
    ),
    (
        "text one of three",
        custom("plan", "is", ("pro", "team", "enterprise")),
        "lower(custom->>'plan') IN ('pro', 'team', 'enterprise')",
    ),
    (
        "not (number at least)",
        Not(custom("monthlyFee", "at_least", 20)),
        "((custom->>'monthlyFee')::float8 >= 20) IS NOT TRUE",
    ),
    (
        "town contains",
        custom("town", "contains", "99"),
        "lower(custom->>'town') LIKE '%%99%%'",
    ),
    (
        "e-mail contains",
        Condition("email", "contains", "77@mail1"),
        "lower(email) LIKE '%%77@mail1%%'",
    ),
    (
        "date in the last 30 days",
        custom("lastOrder", "in_the_last", 30),
        "(custom->>'lastOrder')::timestamptz BETWEEN now() - interval '30 days' AND now()",
    ),
    (
        "list includes",
        custom("interests", "includes", "sport"),
        "custom->'interests' ? 'Sport'",
    ),
    (
        "nested and, or, not",
        All(
            (
                Condition("country", "is", ("ES", "PT")),
                AnyOf((custom("vip", "is", True), custom("orders", "at_least", 30))),
                Not(All((custom("newsletter", "is", True), custom("age", "less_than", 30)))),
            )
        ),
        "lower(profile->>'country') IN ('es', 'pt') AND ((custom->>'vip')::bool OR (custom->>'orders')::float8 >= 30)"
        " AND ((custom->>'newsletter')::bool AND (custom->>'age')::float8 < 30) IS NOT TRUE",
    ),
]


@dataclass(frozen=True)
class Measured:
    """One rule, counted by SQL and by the engine. Times in milliseconds: the median and the slowest of all rounds."""

    name: str
    people: int
    sql: float
    sql_slowest: float
    engine: float
    engine_slowest: float

    @property
    def ratio(self) -> float:
        return self.sql / self.engine


@dataclass(frozen=True)
class Result:
    contacts: int
    insert_seconds: float
    build_seconds: float
    snapshot_megabytes: float
    first_count_milliseconds: float
    rules: list[Measured]
    peak_megabytes: int


@contextmanager
def scratch_database() -> Iterator[None]:
    """A database of its own for as long as this lasts; nothing of yours is touched."""
    usual, scratch = connection.settings_dict["NAME"], f"segmenter_benchmark_{time.time_ns()}"
    creator = connection.creation
    with creator._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"CREATE DATABASE {scratch}")
    try:
        connection.close()
        connection.settings_dict["NAME"] = scratch
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
        with creator._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"DROP DATABASE {scratch} WITH (FORCE)")


def run(contacts: int, rounds: int, say: Callable[[str], None]) -> Result:
    say(f"making {contacts:,} contacts ...")
    workspace = Workspace.objects.create(name="Benchmark")
    properties.declare(workspace, PROPERTIES)
    inserted, _ = timed(lambda: execute(_INSERT, {"workspace": workspace.pk, "contacts": contacts}))
    say("building the snapshot ...")
    built, _ = timed(lambda: refresh(workspace))
    execute("VACUUM ANALYZE contacts_contact")
    (size,) = execute("SELECT sum(length(data)) FROM contacts_snapshotcolumn")[0]
    first, _ = timed(lambda: audience.matching(workspace, RULES[0][1]).count)
    say("counting ...")
    measured = [_measure(workspace, *rule, rounds) for rule in RULES]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Result(contacts, inserted, built, float(size) / 1e6, first * 1000, measured, peak)


def _measure(workspace: Workspace, name: str, rule: Rule, condition: str, rounds: int) -> Measured:
    """Both in turn, so that whatever slows the machine slows both; a first round of each is not counted."""
    query = f"SELECT count(*) FROM contacts_contact WHERE workspace_id = %(workspace)s AND {condition}"  # noqa: S608
    sql, engine = [], []
    for number in range(rounds + 1):
        sql_seconds, rows = timed(lambda: execute(query, {"workspace": workspace.pk}))
        engine_seconds, people = timed(lambda: audience.matching(workspace, rule).count)
        if rows[0][0] != people:
            raise AssertionError(f"{name}: SQL counts {rows[0][0]}, the engine {people}")
        if number:
            sql.append(sql_seconds * 1000)
            engine.append(engine_seconds * 1000)
    return Measured(name, people, statistics.median(sql), max(sql), statistics.median(engine), max(engine))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


def execute(query: str, params: dict[str, Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, params or {})
        return cursor.fetchall() if cursor.description else []
