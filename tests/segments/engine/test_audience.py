"""What can be said of an audience: a sample, what its people have in common, and how audiences differ."""

import random
from collections import Counter
from datetime import timedelta

import polars as pl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.columnar import columns, texts
from contacts.columnar.facets import Bin, Value
from contacts.columnar.refresh import refresh
from contacts.models import Contact
from contacts.values import fold
from segments.engine import audience, offset_pages
from segments.models import Pin, Segment, rewrite_pins
from segments.references import RuleWithPins
from segments.rules.tree import All, Any, InSegment, Not, write
from tests.people import add, custom, declare
from workspaces.problems import Invalid

pytestmark = pytest.mark.django_db(transaction=True)

PLAN, VISITS, SEEN, LIKES = (f"customProperties.{name}" for name in ("plan", "visits", "seen", "likes"))


@pytest.fixture(params=["marked", "in the delta", "in chunks", "in all three"])
def people(request, shop, settings):
    """Seven people, wherever the snapshot may hold them."""
    if request.param in ("in chunks", "in all three"):
        settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 0, 3
    declare(shop, plan="text", visits="number", seen="date", likes="list", vip="boolean")
    add(shop, "Ana", plan="Pro", visits=3, seen="2024-05-01", likes=["Opera", "Küche"], vip=True)
    add(shop, "Bea", plan="pro", visits=4, seen="2024-05-01", likes=["opera"])
    add(shop, "Cem", plan="Pro", visits=4.5, seen="2024-07-01T10:00:00.000Z", likes=["KÜCHE", "Opera"], vip=False)
    add(shop, "Dov", plan="free", visits=60, seen="2024-12-31")
    add(shop, "Eva", plan="Free", visits=99)
    add(shop, "Fay", plan="team")
    old = add(shop, "Old", plan="old plan", visits=10_000)
    if request.param != "marked":
        refresh(shop)
    if request.param == "in all three":
        settings.SNAPSHOT_DELTA_BEFORE_MERGE = 100
        Contact.objects.filter(first_name="Bea").update(tags=["touched"])
        refresh(shop)
        Contact.objects.filter(first_name="Cem").update(tags=["touched"])
    old.delete()
    return shop


def names(contacts):
    return " ".join(sorted(contact.first_name for contact in contacts))


def everyone(shop, *also):
    return audience.matching(shop, All(()), also=also)


def test_values_are_counted_as_people_mean_them_and_spelled_as_they_write_them(people):
    found = everyone(people, PLAN).facets(PLAN)
    assert found.values == [Value("Pro", 3), Value("free", 2), Value("team", 1)] or found.values[1] == Value("Free", 2)
    assert (found.distinct, found.known, found.missing) == (3, 6, 0)


def test_items_of_lists_are_counted_each(people):
    found = everyone(people, LIKES).facets(LIKES)
    assert found.values == [Value("Opera", 3), Value("Küche", 2)]
    assert (found.distinct, found.known, found.missing) == (2, 3, 3)


def test_somebody_who_has_an_item_twice_counts_once(shop):
    declare(shop, likes="list")
    add(shop, "Ana", likes=["opera", "OPERA", "Opera"])
    assert everyone(shop, LIKES).facets(LIKES).values[0].count == 1


def test_numbers_days_and_yes_or_no_are_counted_too(people):
    vip = "customProperties.vip"
    found = everyone(people, VISITS, SEEN, vip)
    assert found.facets(VISITS, limit=2).values == [Value(3, 1), Value(4, 1)]
    assert found.facets(SEEN, limit=1).values == [Value("2024-05-01", 2)]
    assert Value("2024-07-01T10:00:00.000Z", 1) in found.facets(SEEN).values
    assert {(each.value, each.count) for each in found.facets(vip).values} == {(True, 1), (False, 1)}


def test_facets_are_of_the_audience_alone_and_can_be_searched(people):
    found = audience.matching(people, custom("visits", "less_than", 50), also=[PLAN])
    assert found.facets(PLAN).values == [Value("Pro", 3)]
    searched = everyone(people, PLAN).facets(PLAN, containing="FR")
    assert [(value.value.lower(), value.count) for value in searched.values] == [("free", 2)]
    assert everyone(people, PLAN).facets(PLAN, containing="100%").values == []


def test_a_column_of_many_texts_is_counted_over_the_snapshot_and_what_came_since(shop, monkeypatch, settings):
    monkeypatch.setattr(columns, "FEW_VALUES", 1)
    monkeypatch.setattr(texts, "FEWEST", 1)
    declare(shop, plan="text")
    plans = ["Pro", "pro", "Free", None, "Team", "pro", "Éa", "team", "x", "PRO"]
    for part, most_in_delta in ((plans[:5], 0), (plans[5:7], 50), (plans[7:], None)):
        for plan in part:
            add(shop, "Ana", plan=plan)
        if most_in_delta is not None:
            settings.SNAPSHOT_DELTA_BEFORE_MERGE = most_in_delta
            refresh(shop)  # into chunks, then the delta; what comes last is only marked
    found = everyone(shop, PLAN)
    assert len(found.layers) == 3
    counted = Counter(fold(plan) for plan in plans if plan)
    for containing in ("", "R", "é", "zz"):
        facets = found.facets(PLAN, containing=containing)
        expected = {plan: count for plan, count in counted.items() if fold(containing) in plan}
        assert {fold(each.value): each.count for each in facets.values} == expected
        assert (facets.distinct, facets.known, facets.missing) == (len(expected), 9, 1)
    assert [fold(each.value) for each in found.facets(PLAN, 3).values] == ["pro", "team", "free"]


def test_an_unknown_property_has_no_facets_but_near_names(people):
    with pytest.raises(Invalid, match=r"customProperties\.plan"):
        everyone(people).facets("customProperties.plann")


def test_a_histogram_begins_at_round_numbers_and_holds_everybody(people):
    found = everyone(people, VISITS).histogram(VISITS, most_bins=5)
    assert found.bins == [Bin(0, 20, 3), Bin(20, 40, 0), Bin(40, 60, 0), Bin(60, 80, 1), Bin(80, 100, 1)]
    assert (found.step, found.known, found.missing) == (20, 5, 1)


def test_a_histogram_of_dates_follows_the_local_calendar(people):
    found = everyone(people, SEEN).histogram(SEEN, most_bins=12)
    assert found.step == "month"
    assert [each.count for each in found.bins] == [2, 0, 1, 0, 0, 0, 0, 1]
    assert found.bins[0].start == 1714514400000  # 1 May, 00:00 in Madrid


@pytest.mark.parametrize(
    "values",
    [
        [5], [5, 5], [0.1, 0.2, 0.3], [-(2**53), 2**53], [1e-300, 2e-300], [2**53, 2**53 - 1], [-7, 0, 7], [0, 1e-9],
        [4503599627370495.5, 4503599627370494.5], [1, 1.0000000001], [-0.5], [1e15, 3], [0, 0, 2**53],
    ],
)  # fmt: skip
def test_no_number_falls_outside_its_histogram(shop, values):
    declare(shop, visits="number")
    for value in values:
        add(shop, "Ana", visits=value)
    found = everyone(shop, VISITS).histogram(VISITS)
    assert sum(each.count for each in found.bins) == len(values)
    assert found.bins[0].start <= min(values)
    assert found.bins[-1].end > max(values)
    assert all(left.end == right.start and left.start < left.end for left, right in zip(found.bins, found.bins[1:]))
    assert len(found.bins) <= 22


@pytest.mark.parametrize(
    "days",
    [
        ["0001-01-01", "9998-12-31"], ["2024-03-31", "2024-03-31"], ["2024-10-26", "2024-10-28"], ["0001-01-01"],
        ["1999-12-31", "2000-01-01"], ["9999-12-31T23:59:59.000Z"], ["0001-01-01T00:00:00.000Z"], ["2020-01-01", "2026-01-01"],
    ],
)  # fmt: skip
def test_no_date_falls_outside_its_histogram(shop, days):
    declare(shop, seen="date")
    for day in days:
        add(shop, "Ana", seen=day)
    found = everyone(shop, SEEN).histogram(SEEN)
    assert sum(each.count for each in found.bins) == found.known
    assert all(left.end == right.start and left.start < left.end for left, right in zip(found.bins, found.bins[1:]))


def test_nobody_has_facets_and_a_histogram_of_nothing(shop):
    declare(shop, visits="number", plan="text", likes="list")
    for reference in (VISITS, PLAN, LIKES):
        found = everyone(shop, reference).facets(reference)
        assert (found.values, found.distinct, found.known, found.missing) == ([], 0, 0, 0)
    assert everyone(shop, VISITS).histogram(VISITS).bins == []
    add(shop, "Ana")
    assert everyone(shop, VISITS).histogram(VISITS).missing == 1


def test_a_sample_is_of_members_and_stays_the_same(people):
    found = audience.matching(people, custom("plan", "is", "pro"))
    assert names(found.sample()) == "Ana Bea Cem"
    assert len(everyone(people).sample(2)) == 2
    assert everyone(people).sample(3) == everyone(people).sample(3)
    seen = {contact.first_name for seed in range(40) for contact in everyone(people).sample(2, seed)}
    assert seen == {"Ana", "Bea", "Cem", "Dov", "Eva", "Fay"}


def test_a_funnel_narrows_for_all_and_widens_for_any(people):
    conditions = custom("plan", "is", ("pro", "free")), custom("visits", "at_least", 4), Not(custom("vip", "is_known"))

    def funnel(rule):
        parts = audience.several(people, [RuleWithPins(part) for part in audience.steps(rule)])
        return [(step.alone, step.together) for step in audience.funnel(rule, parts)]

    assert funnel(All(conditions)) == [(5, 5), (4, 4), (4, 3)]
    assert funnel(Any(conditions)) == [(5, 5), (4, 5), (4, 6)]
    assert funnel(conditions[0]) == [(5, 5)]
    assert funnel(All(())) == [(6, 6)]
    assert funnel(Any(())) == [(0, 0)]


def test_audiences_of_one_moment_are_compared(people):
    pro, active, nobody = audience.several(
        people,
        [
            RuleWithPins(custom("plan", "is", "pro")),
            RuleWithPins(custom("visits", "at_least", 4)),
            RuleWithPins(Any(())),
        ],
    )
    assert names((pro & active).sample()) == "Bea Cem"
    assert names((pro | active).sample()) == "Ana Bea Cem Dov Eva"
    assert names((pro - active).sample()) == "Ana"
    found = audience.overlap([pro, active, nobody])
    assert found.both == [[3, 2, 0], [2, 4, 0], [0, 0, 0]]
    assert found.union == 5
    assert audience.overlap([]).union == 0


def segment_of(shop, name, rule, included=(), excluded=(), **pin):
    segment = Segment.objects.create(workspace=shop, name=name, rule=None if rule is None else write(rule))
    for kind, pinned in (("included", included), ("excluded", excluded)):
        for contact in Contact.objects.filter(first_name__in=pinned):
            Pin.objects.create(segment=segment, contact=contact, kind=kind, **pin)
    rewrite_pins(segment)
    return segment


def test_a_change_says_who_comes_and_who_goes_while_pins_stay(people):
    segment = segment_of(people, "Pro", custom("plan", "is", "pro"), included=["Fay"], excluded=["Ana"])
    found = audience.change(segment, custom("visits", "at_least", 4))
    assert (found.before.count, found.after.count) == (3, 5)
    assert names(found.added.sample()) == "Dov Eva"
    assert found.removed.count == 0
    back = audience.change(segment, None)
    assert names(back.removed.sample()) == "Bea Cem"


def test_many_segments_are_counted_in_one_pass_with_their_pins(people):
    week = timezone.now() + timedelta(days=7)
    pro = segment_of(people, "Pro", custom("plan", "is", "pro"), excluded=["Ana"])
    friends = segment_of(people, "Friends", InSegment(pro.pk), included=["Fay"], expires_at=week)
    hand = segment_of(people, "Hand-picked", None, included=["Dov"])
    wanted = [RuleWithPins(each.tree, each) for each in (friends, hand, pro)] * 30
    with CaptureQueriesContext(
        connection,
    ) as queries:
        counts = [found.count for found in audience.several(people, wanted)]
    assert counts == [3, 1, 2] * 30
    assert len(queries) <= 4


@pytest.mark.parametrize("first_pages", [0, 10_000], ids=["deep", "near"])
@pytest.mark.parametrize("kind", ["text", "date"])
def test_people_in_order_are_those_that_sorting_everybody_gives(kind, first_pages, monkeypatch):
    monkeypatch.setattr(offset_pages, "_FIRST_PAGES", first_pages)
    chance = random.Random(7)
    spelled = {"text": "bcde", "date": [10**12, 5, 10**12 + 1, -3]}[kind]
    people = [(number, chance.choice([None, *spelled])) for number in range(1, 60)]
    dtype = {"text": pl.String, "date": pl.Int64}[kind]
    parts = [pl.DataFrame(people[first::2], schema={"id": pl.Int64, "v": dtype}, orient="row") for first in (0, 1)]
    if kind == "text":
        parts[0] = parts[0].with_columns(pl.col("v").cast(pl.Enum(["e", "d", "c", "b"])))
    in_order = [
        number
        for number, value in sorted(
            people, key=lambda each: (each[1] is not None, each[1] or "" if kind == "text" else each[1] or 0, each[0])
        )
    ]
    for descending in (False, True):
        expected = in_order[::-1] if descending else in_order
        for start, limit in ((0, 5), (20, 7), (55, 10), (58, None), (0, None), (59, 1), (10**9, 40)):
            end = None if limit is None else start + limit
            assert offset_pages.ids(parts, start, limit, descending=descending).tolist() == expected[start:end]
