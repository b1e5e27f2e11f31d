"""The engine and a naive evaluator agree, on random rules over random people."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.refresh import refresh
from contacts.values import iso, milliseconds, moment_of
from segments import audience
from segments.rules.check import check
from segments.rules.tree import Not, read, read_node, write, write_node
from segments.rules.words import sentence
from tests import oracle
from tests.people import declare
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = {
    "customProperties.word": "text",
    "customProperties.amount": "number",
    "customProperties.flag": "boolean",
    "customProperties.day": "date",
    "customProperties.things": "list",
    "customProperties.blob": "opaque",
}
TEXTS = ["pro", "Pro", "PROFESSIONAL", "free", "İstanbul", "istanbul", "ΣΑΣ", "σας", "Straße", "STRASSE", "50%", "5_0",
         "a\\b", "😀 ok", "é", "e\u0301", "line\nbreak", 'quo"te', "a,b", "true", "44", "null", " ", "[1]", "1", "a.c", "abc", "ﬀ", "\x1f"]  # fmt: skip
NUMBERS = [0, -1, 1, 1.5, 44, 1000, 9007199254740992, -0.1, 4503599627370495.5, 1e-300, 0.1]
DAYS = ["2024-03-31", "2024-10-27", "2024-10-26", "2024-02-29", "0001-01-02", "9998-12-31", "2026-11-22"]
NOW = datetime.now(UTC)
MOMENTS = [
    "2024-03-31T00:59:59.999Z", "2024-03-31T01:00:00.000Z", "2024-03-30T23:00:00.000Z", "2024-10-26T21:59:59.999Z",
    "2024-10-26T22:00:00.000Z", "2024-10-27T22:59:59.999Z", "2024-10-27T23:00:00.000Z", "2024-10-27T04:00:00.000Z",
    *(iso(milliseconds(NOW + timedelta(days=days))) for days in (-400, -31, -29, -7, -1, 1, 6, 8)),
]  # fmt: skip
JUNK = [
    None,
    "",
    [],
    {},
    {"a": 1},
    7,
    "seven",
    True,
    ["x"],
    1e18,
    -(2**60),
    "2024-13-01",
    "12:00",
    "1e999",
    "inf",
    "nan",
]
VALUES = {
    "word": st.sampled_from([*TEXTS, 5, 1.5, True]),
    "amount": st.sampled_from([*NUMBERS, "44", "1.5"]),
    "flag": st.booleans(),
    "day": st.sampled_from([*DAYS, *MOMENTS]),
    "things": st.lists(st.sampled_from(TEXTS), max_size=3),
    "blob": st.sampled_from([{"a": 1}, [1], "x", 0, False, {}]),
}
PERSON = st.fixed_dictionaries({}, optional={name: st.one_of(held, held, held, st.sampled_from(JUNK)) for name, held in VALUES.items()})  # fmt: skip

some_texts = st.lists(st.sampled_from([t for t in TEXTS if t != "\x1f"]), min_size=1, max_size=3)
dates = st.sampled_from([*DAYS, *MOMENTS])
periods = st.one_of(
    st.integers(0, 500),
    st.fixed_dictionaries({"amount": st.integers(0, 60), "unit": st.sampled_from(list(oracle.UNITS))}),
)


def ordered(values):
    return sorted(values, key=lambda each: (str(each)[:10], each) if isinstance(each, str) else each)


def leaf(name, operator, value=None):
    node = {"property": f"customProperties.{name}", "operator": operator}
    return node if value is None else {**node, "value": value}


LEAVES = st.one_of(
    st.builds(leaf, st.just("word"), st.sampled_from(["is", "contains", "starts_with", "ends_with"]), some_texts),
    st.builds(leaf, st.just("word"), st.sampled_from(["greater_than", "at_least", "less_than", "at_most"]), st.sampled_from(TEXTS[:-1])),
    st.builds(leaf, st.just("amount"), st.just("is"), st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3)),
    st.builds(leaf, st.just("amount"), st.sampled_from(["greater_than", "at_least", "less_than", "at_most"]), st.sampled_from(NUMBERS)),
    st.builds(leaf, st.just("amount"), st.just("between"), st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2).map(sorted)),
    st.builds(leaf, st.just("flag"), st.just("is"), st.booleans()),
    st.builds(leaf, st.just("day"), st.sampled_from(["before", "after", "at_or_before", "at_or_after", "on"]), dates),
    st.builds(leaf, st.just("day"), st.just("between"), st.lists(st.sampled_from(DAYS), min_size=2, max_size=2).map(ordered)),
    st.builds(leaf, st.just("day"), st.sampled_from(["in_the_last", "in_the_next", "more_than_ago"]), periods),
    st.builds(leaf, st.just("things"), st.sampled_from(["includes", "includes_all"]), some_texts),
    st.builds(leaf, st.sampled_from(list(VALUES)), st.just("is_known")),
)  # fmt: skip
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


# One person with each value, so that every rule meets every value; random people come on top.
CROWD = [
    *({"word": text} for text in TEXTS),
    *({"things": [text, "pro"]} for text in TEXTS),
    *({"amount": number} for number in NUMBERS),
    *({"day": day} for day in [*DAYS, *MOMENTS]),
    *({"flag": flag, "blob": flag} for flag in (True, False)),
    {},
]


def insert(workspace, people):
    """Straight into the table, as raw SQL may do: values that no API would let in are among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_contact (workspace_id, custom) SELECT %s, custom FROM unnest(%s::jsonb[]) AS custom"
            " RETURNING id",
            [workspace.pk, [json.dumps(person) for person in people]],
        )
        return dict(zip((pk for (pk,) in cursor), people, strict=True))


@pytest.fixture
def small_bounds(settings):
    """Snapshots so small that people lie in chunks, in the delta and only in marks at once."""
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 6, 40


SWEEP = [
    *(leaf("word", operator, text) for operator in ("is", "contains", "starts_with", "ends_with", "greater_than", "at_most") for text in TEXTS),
    *(leaf("amount", operator, number) for operator in ("is", "greater_than", "at_least", "less_than", "at_most") for number in NUMBERS),
    *(leaf("amount", "between", [low, high]) for low in NUMBERS for high in NUMBERS if low <= high),
    *(leaf("day", operator, day) for operator in ("before", "after", "at_or_before", "at_or_after", "on") for day in [*DAYS, *MOMENTS]),
    *(leaf("day", operator, {"amount": 7, "unit": unit}) for operator in ("in_the_last", "in_the_next", "more_than_ago") for unit in oracle.UNITS),
    *(leaf("things", operator, [text, "PRO"]) for operator in ("includes", "includes_all") for text in TEXTS),
    *(leaf("flag", "is", flag) for flag in (True, False)),
    *(leaf(name, "is_known") for name in VALUES),
]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/St_Johns"])
def test_every_operator_with_every_value_on_everybody(zone):
    workspace = Workspace.objects.create(name="Crowd", timezone=zone)
    declare(workspace, **{reference.partition(".")[2]: kind for reference, kind in KINDS.items()})
    people = insert(workspace, CROWD)
    refresh(workspace)
    for node in SWEEP:
        agree(workspace, node, people, zone)


def agree(workspace, node, people, zone):
    """The rule of this node finds whom the oracle finds; returns when, and whom."""
    answer = audience.matching(workspace, read_node(node, "rule"))
    members, now = set(answer.ids()), moment_of(answer.now)
    named = {pk: {f"customProperties.{name}": value for name, value in held.items()} for pk, held in people.items()}
    expected = {pk for pk, held in named.items() if oracle.meets(node, held, KINDS, ZoneInfo(zone), now)}
    assert members == expected, (node, [people[pk] for pk in members ^ expected])
    assert answer.count == len(expected)
    return answer.now, members


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(
    batches=st.lists(st.lists(PERSON, min_size=1, max_size=8), min_size=1, max_size=4),
    nodes=st.lists(NODES, min_size=1, max_size=12),
    zone=st.sampled_from(["Europe/Madrid", "America/St_Johns", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"]),
)
def test_everybody_is_in_exactly_when_the_rule_says_so(small_bounds, batches, nodes, zone):
    workspace = Workspace.objects.create(name="Random", timezone=zone)
    declare(workspace, **{reference.partition(".")[2]: kind for reference, kind in KINDS.items()})
    people = insert(workspace, CROWD)
    for batch in batches:
        refresh(workspace)
        people |= insert(workspace, batch)
    for node in nodes:
        rule = read_node(node, "rule")
        now, members = agree(workspace, node, people, zone)
        others = set(audience.matching(workspace, Not(rule), now).ids())
        assert members | others == set(people)
        assert not members & others
        assert read(json.loads(json.dumps(write(rule)))) == rule
        assert write_node(rule) == node


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=NODES)
def test_every_rule_can_be_said(node):
    from contacts.schema import Schema, custom_type
    from contacts.values import Kind

    own = [custom_type(ref.partition(".")[2], "", Kind(kind), 1) for ref, kind in KINDS.items()]
    said = sentence(check(read_node(node, "rule"), Schema({type_.reference: type_ for type_ in own})))
    assert said.endswith(".")
    assert "{}" not in said
