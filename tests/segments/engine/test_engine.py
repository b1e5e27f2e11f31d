"""The engine and a naive evaluator agree, on random rules over random people."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.columnar import columns, texts
from contacts.columnar.refresh import refresh
from contacts.properties import declare_tags
from contacts.schema import Schema, custom_type, tag_type
from contacts.values import Kind, iso, milliseconds, moment_of
from segments.dialects import segmenter, swipeone, tiledesk
from segments.engine import audience
from segments.models import Pin, Segment, rewrite_pins
from segments.references import RuleWithPins
from segments.rules.check import check
from segments.rules.tree import All, Not, read, read_node, write, write_node
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
    "city": "text",
    "tags": "list",
    "substitutionTags.coupon": "text",
}
OWN = {reference.partition(".")[2]: kind for reference, kind in KINDS.items() if reference.startswith("custom")}
REFERENCES = {reference.rpartition(".")[2]: reference for reference in KINDS}
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
    "city": st.sampled_from(TEXTS),
    "coupon": st.sampled_from(TEXTS),
}
TAGS = st.lists(st.sampled_from(TEXTS), max_size=3)  # PostgreSQL lets in nothing but texts
PERSON = st.fixed_dictionaries({}, optional={"tags": TAGS, **{name: st.one_of(held, held, held, st.sampled_from(JUNK)) for name, held in VALUES.items()}})  # fmt: skip

some_texts = st.lists(st.sampled_from([t for t in TEXTS if t != "\x1f"]), min_size=1, max_size=3)
dates = st.sampled_from([*DAYS, *MOMENTS])
periods = st.one_of(
    st.integers(0, 500),
    st.fixed_dictionaries({"amount": st.integers(0, 60), "unit": st.sampled_from(list(oracle.UNITS))}),
)


def ordered(values):
    return sorted(values, key=lambda each: (str(each)[:10], each) if isinstance(each, str) else each)


def leaf(name, operator, value=None):
    node = {"property": REFERENCES[name], "operator": operator}
    return node if value is None else {**node, "value": value}


LEAVES = st.one_of(
    st.builds(leaf, st.sampled_from(["word", "word", "city", "coupon"]), st.sampled_from(["is", "contains", "starts_with", "ends_with"]), some_texts),
    st.builds(leaf, st.just("word"), st.sampled_from(["greater_than", "at_least", "less_than", "at_most"]), st.sampled_from(TEXTS[:-1])),
    st.builds(leaf, st.just("amount"), st.just("is"), st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3)),
    st.builds(leaf, st.just("amount"), st.sampled_from(["greater_than", "at_least", "less_than", "at_most"]), st.sampled_from(NUMBERS)),
    st.builds(leaf, st.just("amount"), st.just("between"), st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2).map(sorted)),
    st.builds(leaf, st.just("flag"), st.just("is"), st.booleans()),
    st.builds(leaf, st.just("day"), st.sampled_from(["before", "after", "at_or_before", "at_or_after", "on"]), dates),
    st.builds(leaf, st.just("day"), st.just("between"), st.lists(st.sampled_from(DAYS), min_size=2, max_size=2).map(ordered)),
    st.builds(leaf, st.just("day"), st.sampled_from(["in_the_last", "in_the_next", "more_than_ago"]), periods),
    st.builds(leaf, st.sampled_from(["things", "tags"]), st.sampled_from(["includes", "includes_all"]), some_texts),
    st.builds(leaf, st.sampled_from(list(REFERENCES)), st.just("is_known")),
)  # fmt: skip


def nodes(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=8,
    )


NODES = nodes(LEAVES)


# One person with each value, so that every rule meets every value; random people come on top.
CROWD = [
    *({"word": text} for text in TEXTS),
    *({"things": [text, "pro"]} for text in TEXTS),
    *({"amount": number} for number in NUMBERS),
    *({"day": day} for day in [*DAYS, *MOMENTS]),
    *({"flag": flag, "blob": flag} for flag in (True, False)),
    *({"city": text, "coupon": text, "tags": [text]} for text in TEXTS),
    {},
]


COLUMNS = {"city": "profile", "coupon": "substitution_tags"}


def insert(workspace, people):
    """Straight into the table, as raw SQL may do: values that no API would let in are among them."""
    rows = []
    for person in people:
        held = {"custom": {}, "profile": {}, "substitution_tags": {}}
        for name, value in person.items():
            held[COLUMNS.get(name, "custom")][name] = value
        tags = held["custom"].pop("tags", [])
        rows.append((workspace.pk, tags, *map(json.dumps, held.values())))
    ids = []
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(
                "INSERT INTO contacts_contact (workspace_id, tags, custom, profile, substitution_tags)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING id",
                row,
            )
            ids += cursor.fetchone()
    return dict(zip(ids, people, strict=True))


def workspace_with_properties(zone):
    workspace = Workspace.objects.create(name="Crowd", timezone=zone)
    declare(workspace, **OWN)
    declare_tags(workspace, ["coupon"])
    return workspace


@pytest.fixture(params=[columns.FEW_VALUES, 3], ids=["few values", "many values"])
def small_bounds(request, settings, monkeypatch):
    """Snapshots so small that people lie in chunks, in the delta and only in marks at once; and columns held in the one
    way or the other."""
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 6, 40
    monkeypatch.setattr(columns, "FEW_VALUES", request.param)
    monkeypatch.setattr(texts, "FEWEST", 1)


SWEEP = [
    *(leaf("word", operator, text) for operator in ("is", "contains", "starts_with", "ends_with", "greater_than", "at_most") for text in TEXTS),
    *(leaf("amount", operator, number) for operator in ("is", "greater_than", "at_least", "less_than", "at_most") for number in NUMBERS),
    *(leaf("amount", "between", [low, high]) for low in NUMBERS for high in NUMBERS if low <= high),
    *(leaf("day", operator, day) for operator in ("before", "after", "at_or_before", "at_or_after", "on") for day in [*DAYS, *MOMENTS]),
    *(leaf("day", operator, {"amount": 7, "unit": unit}) for operator in ("in_the_last", "in_the_next", "more_than_ago") for unit in oracle.UNITS),
    *(leaf("things", operator, [text, "PRO"]) for operator in ("includes", "includes_all") for text in TEXTS),
    *(leaf("flag", "is", flag) for flag in (True, False)),
    *(leaf(name, "is", text) for name in ("city", "coupon") for text in TEXTS),
    *(leaf("tags", "includes", text) for text in TEXTS),
    *(leaf(name, "is_known") for name in REFERENCES),
]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/St_Johns"])
def test_every_operator_with_every_value_on_everybody(zone, small_bounds):
    workspace = workspace_with_properties(zone)
    people = insert(workspace, CROWD)
    refresh(workspace)
    for node in SWEEP:
        agree(workspace, node, people, zone)


def found_by_oracle(node, people, zone, now, segments=()):
    """`segments`: the members of each segment that the node may name."""
    return {
        pk
        for pk, held in people.items()
        if oracle.meets(
            node,
            {REFERENCES[name]: value for name, value in held.items()},
            KINDS,
            ZoneInfo(zone),
            now,
            {segment for segment, members in dict(segments).items() if pk in members},
        )
    }


def agree(workspace, node, people, zone):
    """The rule of this node finds whom the oracle finds; returns when, and whom."""
    answer = audience.matching(workspace, read_node(node, "rule"))
    members, now = set(answer.ids()), moment_of(answer.now)
    expected = found_by_oracle(node, people, zone, now)
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
    workspace = workspace_with_properties(zone)
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


SEGMENT = st.tuples(
    nodes(st.one_of(LEAVES, LEAVES, st.integers(0, 3).map(lambda number: {"segment": number}))),
    st.sets(st.integers(0, 60), max_size=4),
    st.sets(st.integers(0, 60), max_size=4),
    st.booleans(),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(drawn=st.lists(SEGMENT, min_size=2, max_size=4), batch=st.lists(PERSON, max_size=5))
def test_segments_of_segments_with_pins_find_whom_the_rules_say(small_bounds, drawn, batch):
    zone = "Europe/Madrid"
    workspace = workspace_with_properties(zone)
    people = insert(workspace, CROWD)
    refresh(workspace)
    people |= insert(workspace, batch)
    ids, made = list(people), []
    for node, included, excluded, expires in drawn:
        node = naming(node, made)
        segment = Segment.objects.create(workspace=workspace, name=f"{len(made)}", rule=write(read_node(node, "")))
        kinds = {ids[place]: "included" for place in included} | {ids[place]: "excluded" for place in excluded}
        until = datetime.now(UTC) + timedelta(days=1) if expires else None
        Pin.objects.bulk_create(
            Pin(segment=segment, contact_id=pk, kind=kind, expires_at=until) for pk, kind in kinds.items()
        )
        rewrite_pins(segment)
        made.append((segment, node, kinds))
    answers = audience.several(workspace, [RuleWithPins(segment.tree, segment) for segment, _, _ in made])
    members = {}
    for (segment, node, kinds), answer in zip(made, answers):
        by_rule = found_by_oracle(node, people, zone, moment_of(answer.now), members)
        pinned = {kind: {pk for pk, each in kinds.items() if each == kind} for kind in ("included", "excluded")}
        members[segment.pk] = by_rule | pinned["included"] - pinned["excluded"]
        members[segment.pk] -= pinned["excluded"]
        assert set(answer.ids()) == members[segment.pk]
        assert set(audience.of(segment, answer.now).ids()) == members[segment.pk]


def naming(node, made):
    """The node with numbers of segments replaced by the ids of earlier ones; of none: nobody."""
    match node:
        case {"segment": number}:
            return {"segment": made[number % len(made)][0].pk} if made else {"any": []}
        case {"not": part}:
            return {"not": naming(part, made)}
        case {"all": parts} | {"any": parts}:
            return {next(iter(node)): [naming(part, made) for part in parts]}
    return node


SCHEMA = Schema(
    {
        type_.reference: type_
        for type_ in [*(custom_type(name, "", Kind(kind), 1) for name, kind in OWN.items()), tag_type("coupon", 1)]
    }
)


@settings(max_examples=200, deadline=None)
@given(node=nodes(st.one_of(LEAVES, LEAVES, LEAVES, st.just({"segment": "6660175570fbd8a9c22bedfb"}))))
def test_every_rule_can_be_said_and_written_in_every_dialect(node):
    rule = read_node(node, "rule")
    said = sentence(check(rule, SCHEMA))
    assert said.endswith(".")
    assert "{}" not in said
    criteria = json.loads(json.dumps(swipeone.write(rule, SCHEMA)))
    filters = json.loads(json.dumps(tiledesk.write(rule, SCHEMA)))
    for reading in (
        swipeone.read(criteria, SCHEMA),
        tiledesk.read_segment({"name": "Everybody", **filters}, SCHEMA),
        segmenter.read_segment({"name": "Everybody", "filters": write(rule)}, SCHEMA),
        segmenter.read_segment({"name": "Everybody", "filters": segmenter.write(rule, SCHEMA)}, SCHEMA),
    ):
        assert not reading.problems
        assert not reading.declares
        # A condition by itself comes back as a group of one, which is how two of them say it.
        assert reading.rule in (rule, All((rule,)))
