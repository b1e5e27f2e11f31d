"""The catalogue knows each property's values as people write them, and suggests from what somebody types."""

import time

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.columnar import catalogue, snapshot
from contacts.columnar.facets import Value
from contacts.columnar.refresh import refresh
from contacts.models import Contact, Property, PropertySummary
from contacts.refresher import Catalogues
from tests.people import add, declare

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(shop):
    declare(shop, plan="text", visits="number", seen="date", likes="list")
    for name, country, custom in [
        ("Ana", "US", {"plan": "Pro", "visits": 3, "seen": "2024-05-01", "likes": ["Opera"]}),
        ("Bea", "us", {"plan": "Pro", "visits": 4.5}),
        ("Cem", "US", {"plan": "Free", "visits": -1}),
        ("Dov", "DE", {"seen": "2023-01-01T10:00:00.000Z"}),
    ]:
        add(shop, name, profile={"country": country}, **custom)
    return shop


def entry(workspace, reference):
    return next(each for each in catalogue.read(workspace) if each.type.reference == reference)


def found(workspace, text):
    return [each.type.reference for each in catalogue.suggest(workspace, text)]


def test_a_property_is_summed_up(people):
    plan = entry(people, "customProperties.plan")
    assert (plan.known, plan.missing, plan.distinct, plan.misfits) == (3, 1, 2, 0)
    assert plan.values == [Value("Pro", 2), Value("Free", 1)]
    assert (plan.lowest, plan.highest) == (None, None)
    visits = entry(people, "customProperties.visits")
    assert (visits.lowest, visits.highest, visits.distinct) == (-1, 4.5, 3)
    seen = entry(people, "customProperties.seen")
    assert (seen.lowest, seen.highest) == ("2023-01-01T10:00:00.000Z", "2024-04-30T22:00:00.000Z")


def test_a_few_letters_suggest_properties_and_values(people):
    assert found(people, "cou")[0] == "country"
    assert catalogue.suggest(people, "Cou")[0].values == [Value("US", 3), Value("DE", 1)]
    assert found(people, "VIS") == ["customProperties.visits"]
    by_value = catalogue.suggest(people, "oper")
    assert [(each.type.reference, each.values) for each in by_value] == [
        ("customProperties.likes", [Value("Opera", 1)])
    ]
    assert found(people, "100%_\\") == []
    assert len(catalogue.suggest(people, "", limit=50)) > 20


@pytest.mark.parametrize("refreshed", [True, False])
def test_what_is_written_shows_at_once_in_a_small_workspace(people, refreshed):
    catalogue.read(people)
    Contact.objects.filter(first_name="Ana").update(custom={"plan": "Team"})
    Contact.objects.filter(first_name="Bea").delete()
    if refreshed:
        refresh(people)
    plan = entry(people, "customProperties.plan")
    assert (plan.known, plan.missing, plan.values) == (2, 1, [Value("Free", 1), Value("Team", 1)])


def test_nothing_is_counted_twice_where_nothing_changed(people):
    assert catalogue.keep(people) > 0
    assert catalogue.keep(people) == 0
    refresh(people)
    assert catalogue.keep(people) > 0
    assert catalogue.keep(people) == 0


def test_asking_costs_a_handful_of_queries_and_reads_no_contact(people):
    catalogue.read(people)
    for ask in (lambda: catalogue.read(people), lambda: catalogue.suggest(people, "cou")):
        with CaptureQueriesContext(connection) as queries:
            ask()
        assert len(queries) <= 8
        assert not any("contacts_contact " in query["sql"] for query in queries)


def test_a_large_workspace_is_kept_in_the_background_only(people, monkeypatch):
    monkeypatch.setattr(catalogue, "SMALL", 2)
    refresh(people)
    assert {(each.known, each.as_of) for each in catalogue.read(people)} == {(None, None)}
    assert found(people, "plan") == ["customProperties.plan"]
    background = Catalogues()
    background.keep()
    assert entry(people, "customProperties.plan").known == 3
    add(people, "Eva", plan="Pro")
    refresh(people)
    assert entry(people, "customProperties.plan").known == 3
    time.sleep(0.01)
    background._due.clear()
    background.keep()
    assert entry(people, "customProperties.plan").known == 4


def test_a_large_workspace_is_not_counted_all_the_time(people, monkeypatch):
    monkeypatch.setattr(catalogue, "SMALL", 2)
    monkeypatch.setattr("contacts.refresher.REST", 10_000)
    background = Catalogues()
    refresh(people)
    background.keep()
    add(people, "Eva", plan="Pro")
    refresh(people)
    background.keep()
    assert entry(people, "customProperties.plan").known == 3


def test_the_columns_of_a_large_workspace_do_not_stay_in_memory(people, monkeypatch):
    refresh(people)
    assert catalogue.keep(people) > 0
    assert snapshot.cache.bytes > 0  # a small one's are asked for again by the next request
    PropertySummary.objects.all().delete()
    monkeypatch.setattr(catalogue, "SMALL", 2)
    assert catalogue.keep(people) > 0
    assert snapshot.cache.bytes == 0


def test_a_deleted_property_is_gone_and_a_new_one_there(people):
    catalogue.read(people)
    Property.objects.get(name="plan").delete()
    declare(people, shoe="number")
    assert {"customProperties.plan", "customProperties.shoe"} & {
        each.type.reference for each in catalogue.read(people)
    } == {"customProperties.shoe"}
    assert not PropertySummary.objects.filter(texts__contains="pro").exists()


def test_values_that_one_person_has_are_not_kept_where_there_are_many(people, monkeypatch):
    monkeypatch.setattr(catalogue, "TOP", 2)
    assert entry(people, "customProperties.visits").values == []
    assert entry(people, "country").values == [Value("US", 3), Value("DE", 1)]


def test_nobody_sees_the_values_of_another_workspace(people, rival):
    add(rival, "Zoe", profile={"country": "Narnia"})
    assert catalogue.suggest(people, "narnia") == []
    assert entry(rival, "country").values == [Value("Narnia", 1)]
    assert entry(people, "country").values == [Value("US", 3), Value("DE", 1)]


def test_refreshing_by_command_keeps_the_catalogue(people, monkeypatch):
    monkeypatch.setattr(catalogue, "SMALL", 0)
    call_command("refresh_snapshots", people.pk)
    assert entry(people, "customProperties.plan").known == 3


@pytest.mark.parametrize("written", ["at once", "in the delta", "in chunks"])
def test_what_does_not_fit_is_counted_until_it_is_put_right(people, settings, written):
    if written == "in chunks":
        settings.SNAPSHOT_DELTA_BEFORE_MERGE = 0
    add(people, "Eva", visits="many", likes="Opera", plan="Pro")
    add(people, "Fay", visits="few")
    if written != "at once":
        refresh(people)
    assert [entry(people, f"customProperties.{name}").misfits for name in ("visits", "likes", "plan")] == [2, 1, 0]
    assert entry(people, "customProperties.visits").known == 3
    Contact.objects.filter(first_name="Fay").update(custom={"visits": 5})
    Contact.objects.filter(first_name="Eva").delete()
    assert entry(people, "customProperties.visits").misfits == 0
    refresh(people)
    assert entry(people, "customProperties.visits").misfits == 0
    assert entry(people, "customProperties.visits").known == 4
