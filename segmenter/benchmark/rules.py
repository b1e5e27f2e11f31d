"""The rules that are measured, each three times over: for the engine, in SQL, and as a bare Polars expression.

The SQL is what a careful developer would write who knows the indexes of data.py and how the values are spelled:
containment wherever it can be said, dates compared as the ISO texts that they are, IN where a scan is quicker. NULL
makes a missing value false; IS NOT TRUE makes a Not the complement.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import md5
from typing import Any

import polars as pl
from polars import col

from contacts.values import iso, milliseconds
from segments.rules.tree import All, Condition, Not, Rule
from segments.rules.tree import Any as AnyOf


@dataclass(frozen=True)
class Twins:
    """One rule. The SQL is the condition of a WHERE, the expression is for the frame of bare.py."""

    name: str
    rule: Rule
    sql: str
    polars: pl.Expr


def custom(name: str, operator: str, value: Any = None) -> Condition:
    return Condition(f"customProperties.{name}", operator, value)


def table(now: datetime) -> list[Twins]:
    """Forty rules, of one person up to nearly everybody."""
    made_for = (_equality, _sets, _ranges, _dates, _substrings, _nots, _nested)
    return [Twins(*row) for rows in made_for for row in rows(now)]


Row = tuple[str, Rule, str, pl.Expr]


def _equality(now: datetime) -> Iterator[Row]:
    yield "plan is", custom("plan", "is", "pro"), _holds(plan="Pro"), col("plan") == "Pro"
    yield "country is US", Condition("country", "is", "us"), "profile->>'country' = 'US'", col("country") == "US"
    yield "town is", custom("town", "is", "town 77"), _holds(town="Town 77"), col("town") == "Town 77"
    code = _code(1234)
    yield "code is", custom("code", "is", code), _holds(code=code), col("code") == code
    email = _email(1234)
    yield (
        "e-mail is",
        Condition("email", "is", email),
        f"lower(email) = '{email}' AND email <> ''",
        col("email") == email,
    )
    yield "vip is true", custom("vip", "is", True), _holds(vip=True), col("vip")
    yield (
        "newsletter is false",
        custom("newsletter", "is", False),
        "(custom->>'newsletter')::bool IS FALSE",
        ~col("newsletter"),
    )
    yield "orders is 7", custom("orders", "is", 7), _holds(orders=7), col("orders") == 7
    yield "age is known", custom("age", "is_known"), "custom->>'age' IS NOT NULL", col("age").is_not_null()


def _sets(now: datetime) -> Iterator[Row]:
    yield (
        "plan is one of 3",
        custom("plan", "is", ("pro", "team", "enterprise")),
        "custom->>'plan' IN ('Pro', 'Team', 'Enterprise')",
        col("plan").is_in(["Pro", "Team", "Enterprise"]),
    )
    yield (
        "country is one of 2",
        Condition("country", "is", ("ES", "PT")),
        "profile->>'country' IN ('ES', 'PT')",
        col("country").is_in(["ES", "PT"]),
    )
    towns = [f"Town {number}" for number in range(100, 150)]
    yield "town is one of 50", custom("town", "is", tuple(towns)), _holds_any("town", towns), col("town").is_in(towns)
    codes = [_code(number) for number in range(1, 21)]
    yield "code is one of 20", custom("code", "is", tuple(codes)), _holds_any("code", codes), col("code").is_in(codes)
    numbers = [1, 2, 3]
    yield (
        "orders is one of 3",
        custom("orders", "is", tuple(numbers)),
        _holds_any("orders", numbers),
        col("orders").is_in(numbers),
    )
    yield (
        "interests include",
        custom("interests", "includes", "sport"),
        "custom->'interests' ? 'Sport'",
        _likes("Sport"),
    )
    yield (
        "interests include both",
        custom("interests", "includes_all", ("music", "küche")),
        _holds(interests=["Music", "Küche"]),
        _likes("Music") & _likes("Küche"),
    )


def _ranges(now: datetime) -> Iterator[Row]:
    fee = col("monthlyFee")
    yield "fee more than 150", custom("monthlyFee", "greater_than", 150), _number("monthlyFee", "> 150"), fee > 150
    yield "fee more than 299", custom("monthlyFee", "greater_than", 299), _number("monthlyFee", "> 299"), fee > 299
    yield "orders at least 40", custom("orders", "at_least", 40), _number("orders", ">= 40"), col("orders") >= 40
    yield (
        "age between 30 and 40",
        custom("age", "between", (30, 40)),
        _number("age", "BETWEEN 30 AND 40"),
        col("age").is_between(30, 40),
    )
    yield (
        "score less than 0.001",
        custom("score", "less_than", 0.001),
        _number("score", "< 0.001"),
        col("score") < 0.001,
    )
    yield "seats at most 90", custom("seats", "at_most", 90), _number("seats", "<= 90"), col("seats") <= 90


def _dates(now: datetime) -> Iterator[Row]:
    ordered, ends, created = col("lastOrder"), col("contractEnds"), col("createdAt")
    yield (
        "last order in 30 days",
        custom("lastOrder", "in_the_last", 30),
        f"custom->>'lastOrder' BETWEEN {_ago(now, 30)} AND {_ago(now, 0)}",
        ordered.is_between(now - timedelta(30), now),
    )
    yield (
        "last order before a year",
        custom("lastOrder", "more_than_ago", 365),
        f"custom->>'lastOrder' < {_ago(now, 365)}",
        ordered < now - timedelta(365),
    )
    yield (
        "contract ends in 30 days",
        custom("contractEnds", "in_the_next", 30),
        f"custom->>'contractEnds' > '{now.date()}' AND custom->>'contractEnds' <= '{now.date() + timedelta(30)}'",
        (ends > now.date()) & (ends <= now.date() + timedelta(30)),
    )
    first, last = now.date() - timedelta(200), now.date() - timedelta(100)
    yield (
        "contract ended between",
        custom("contractEnds", "between", (first.isoformat(), last.isoformat())),
        f"custom->>'contractEnds' BETWEEN '{first}' AND '{last}'",
        ends.is_between(first, last),
    )
    yield (
        "created in the last week",
        Condition("createdAt", "in_the_last", 7),
        "created_at BETWEEN now() - interval '7 days' AND now()",
        created.is_between(now - timedelta(7), now),
    )
    day = now.date() - timedelta(400)
    yield (
        "created before a day",
        Condition("createdAt", "before", day.isoformat()),
        f"created_at < '{day}'",
        created < datetime.combine(day, time(), UTC),
    )


def _substrings(now: datetime) -> Iterator[Row]:
    email = col("email").str
    yield (
        "town contains",
        custom("town", "contains", "99"),
        "custom->>'town' LIKE '%99%'",
        col("town").str.contains("99", literal=True),
    )
    yield (
        "e-mail contains",
        Condition("email", "contains", "77@mail1"),
        "email LIKE '%77@mail1%'",
        email.contains("77@mail1", literal=True),
    )
    yield (
        "e-mail starts with",
        Condition("email", "starts_with", "user123"),
        "lower(email) LIKE 'user123%' AND email <> ''",
        email.starts_with("user123"),
    )
    yield (
        "e-mail ends with",
        Condition("email", "ends_with", "@mail3.example"),
        "email LIKE '%@mail3.example'",
        email.ends_with("@mail3.example"),
    )
    yield (
        "code contains",
        custom("code", "contains", "beef"),
        "custom->>'code' LIKE '%beef%'",
        col("code").str.contains("beef", literal=True),
    )


def _nots(now: datetime) -> Iterator[Row]:
    yield (
        "language is not",
        Not(custom("language", "is", "es")),
        "custom->>'language' IS DISTINCT FROM 'es'",
        col("language").ne_missing("es"),
    )
    yield (
        "fee not at least 20",
        Not(custom("monthlyFee", "at_least", 20)),
        f"({_number('monthlyFee', '>= 20')}) IS NOT TRUE",
        ~(col("monthlyFee") >= 20).fill_null(False),
    )
    yield (
        "interests do not include",
        Not(custom("interests", "includes", "travel")),
        "(custom->'interests' ? 'Travel') IS NOT TRUE",
        ~_likes("Travel").fill_null(False),
    )


def _nested(now: datetime) -> Iterator[Row]:
    fee, vip, orders = col("monthlyFee"), col("vip"), col("orders")
    yield (
        "plan and fee",
        All((custom("plan", "is", "pro"), custom("monthlyFee", "greater_than", 150))),
        _holds(plan="Pro") + " AND " + _number("monthlyFee", "> 150"),
        (col("plan") == "Pro") & (fee > 150),
    )
    yield (
        "towns and fee",
        All((custom("town", "is", ("town 1", "town 2", "town 3")), custom("monthlyFee", "greater_than", 100))),
        _holds_any("town", ["Town 1", "Town 2", "Town 3"]) + " AND " + _number("monthlyFee", "> 100"),
        col("town").is_in(["Town 1", "Town 2", "Town 3"]) & (fee > 100),
    )
    yield (
        "and, or, not",
        All(
            (
                Condition("country", "is", ("ES", "PT")),
                AnyOf((custom("vip", "is", True), custom("orders", "at_least", 30))),
                Not(All((custom("newsletter", "is", True), custom("age", "less_than", 30)))),
            )
        ),
        f"profile->>'country' IN ('ES', 'PT') AND ({_holds(vip=True)} OR {_number('orders', '>= 30')})"
        f" AND ((custom->>'newsletter')::bool AND {_number('age', '< 30')}) IS NOT TRUE",
        col("country").is_in(["ES", "PT"])
        & (vip | (orders >= 30))
        & ~(col("newsletter").fill_null(False) & (col("age") < 30).fill_null(False)),
    )
    yield (
        "any of three",
        AnyOf((custom("vip", "is", True), custom("plan", "is", "free"), custom("lastOrder", "in_the_last", 90))),
        f"{_holds(vip=True)} OR {_holds(plan='Free')}"
        f" OR custom->>'lastOrder' BETWEEN {_ago(now, 90)} AND {_ago(now, 0)}",
        vip | (col("plan") == "Free") | col("lastOrder").is_between(now - timedelta(90), now),
    )


def _holds(**values: Any) -> str:
    return f"custom @> '{json.dumps(values, ensure_ascii=False)}'"


def _holds_any(name: str, values: Sequence[Any]) -> str:
    documents = ", ".join(f"'{json.dumps({name: value})}'" for value in values)
    return f"custom @> ANY(ARRAY[{documents}]::jsonb[])"


def _number(name: str, compared: str) -> str:
    return f"(custom->>'{name}')::numeric {compared}"


def _ago(now: datetime, days: int) -> str:
    # A literal, as a program would send it: of now() in a condition PostgreSQL makes a text for every row.
    return f"'{iso(milliseconds(now - timedelta(days)))}'"


def _likes(interest: str) -> pl.Expr:
    return col("interests").list.contains(interest)


def _code(number: int) -> str:
    return md5(str(number).encode(), usedforsecurity=False).hexdigest()


def _email(number: int) -> str:
    return f"user{number}@mail{number % 20}.example"
