"""What PostgreSQL holds arrives in the columns exactly, whatever it is, and what does not fit is counted."""

from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from psycopg.sql import SQL

from contacts.columnar import columns, extract, snapshot
from contacts.columnar.columns import SEPARATOR
from contacts.columnar.refresh import refresh
from contacts.models import Contact, SnapshotColumn
from contacts.values import LONGEST_TEXT, Kind, Refused, span
from segments.engine import audience
from segments.rules.tree import All, Condition, Not
from tests.people import add, custom, declare, found

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(shop):
    declare(shop, word="text", amount="number", flag="boolean", day="date", things="list", blob="opaque")
    return shop


@pytest.fixture(params=["marks", "delta", "chunks"])
def taken_in(request, settings):
    """Where the contacts are read from."""

    def take_in(workspace):
        settings.SNAPSHOT_DELTA_BEFORE_MERGE = 0 if request.param == "chunks" else 50_000
        if request.param != "marks":
            refresh(workspace)

    return take_in


def execute(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def stored(workspace, column):
    """The snapshot's column, by where it lies."""
    rows = SnapshotColumn.objects.filter(workspace=workspace, column=column).order_by("first_id")
    return {row.first_id: columns.unpack(bytes(row.data)).to_list() for row in rows}


# --- texts in one -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd", [SEPARATOR, f"{SEPARATOR}pro", f"a{SEPARATOR}b", SEPARATOR * 3, "\x1f", "a\nb", "\u0301"]
)
def test_a_text_that_holds_the_separator_is_itself_and_moves_nobody_else(shop, taken_in, odd):
    add(shop, "Ana", word="Pro", amount=1)
    add(shop, "Bo", word=odd, amount=2, things=[odd, "x"])
    add(shop, "Cleo", word="İstanbul")
    add(shop, "Dan", amount=4)
    taken_in(shop)
    assert found(shop, custom("word", "is", odd)) == "Bo"
    assert found(shop, custom("word", "is", "pro")) == "Ana"
    assert found(shop, custom("word", "is", "İstanbul")) == "Cleo"
    assert found(shop, custom("amount", "at_least", 2)) == "Bo Dan"
    assert found(shop, custom("things", "includes", "x")) == "Bo"
    assert found(shop, All((custom("word", "is_known"), custom("amount", "is_known")))) == "Ana Bo"


@pytest.mark.parametrize("length", [LONGEST_TEXT, 3_000_000])
def test_a_very_long_text_is_found_whole(shop, taken_in, length):
    add(shop, "Ana", word="a" * length + "Z")
    add(shop, "Bo", word="b")
    taken_in(shop)
    assert found(shop, custom("word", "ends_with", "az")) == "Ana"
    assert found(shop, custom("word", "is", "b")) == "Bo"


def test_contacts_whose_texts_fill_more_than_a_gigabyte_are_fetched_in_parts(shop, monkeypatch, request):
    """PostgreSQL's own refusal, but of more than two contacts."""
    request.addfinalizer(snapshot._statement.cache_clear)  # no other test's statements shall hold this one's function
    execute(
        "CREATE FUNCTION pg_temp.refused(people bigint, texts text) RETURNS text LANGUAGE plpgsql AS"
        " 'BEGIN IF people > 2 THEN RAISE program_limit_exceeded; END IF; RETURN texts; END'"
    )
    bounded = f"pg_temp.refused(count(*), string_agg(coalesce({{}}, ''), '{SEPARATOR}'))"
    monkeypatch.setattr(extract, "_JOINED", SQL(bounded))
    monkeypatch.setattr(snapshot, "_statement", snapshot._statement.__wrapped__)  # none of these is kept for later
    for number, name in enumerate(("Ana", "Bo", "Cleo", "Dan", f"Eve{SEPARATOR}")):
        add(shop, name, amount=number)
    assert refresh(shop).written == 5
    assert found(shop, custom("amount", "at_least", 2)) == f"Cleo Dan Eve{SEPARATOR}"
    assert found(shop, Condition("firstName", "starts_with", "eve")) == f"Eve{SEPARATOR}"


def test_an_empty_workspace_has_columns_of_nobody(shop):
    assert refresh(shop).written == 0
    assert audience.matching(shop, custom("word", "is_known")).count == 0
    add(shop, "Ana", word="x").delete()
    assert audience.matching(shop, Not(custom("word", "is_known"))).count == 0
    assert refresh(shop).gone == 1
    assert audience.matching(shop, Not(custom("word", "is_known"))).people == 0


def test_somebody_without_any_value_is_somebody(shop, taken_in):
    Contact.objects.create(workspace=shop)
    taken_in(shop)
    assert audience.matching(shop, Not(Condition("firstName", "is_known"))).count == 1


# --- dates --------------------------------------------------------------------------------------------------------

DATES = [
    "2024-02-29T23:59:59.123Z", "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
    "2024-02-29 23:59:59.123456+00", "1903-01-01 00:00:00.000001+00", "2024-02-29 10:00:00+00",
    "2024-02-29T10:00:00Z", "2024-02-29T10:00:00+05:30", "2024-02-29",
]  # fmt: skip


def test_dates_are_read_as_python_reads_them_whatever_is_wrong_with_them():
    """Every date with every character left out, put in or replaced."""
    texts = {""}
    for date in DATES:
        for place in range(len(date) + 1):
            texts |= {date[:place], date[place:], date[:place] + date[place + 1 :]}
            texts |= {date[:place] + each + date[place + rest :] for each in "0159+-:. TZ\té６" for rest in (0, 1)}
    texts = sorted(texts)
    zone = ZoneInfo("Europe/Madrid")
    held = columns.typed("day", SEPARATOR.join(texts), Kind.DATE, zone)
    assert dict(zip(texts, held[0])) == {text: start(text, zone) for text in texts}


def start(text, zone):
    try:
        return span(text, zone)[0]
    except Refused:
        return None


# --- misfits ------------------------------------------------------------------------------------------------------

FITTING = {"word": "x", "amount": 1, "flag": True, "day": "2024-06-01", "things": ["x"], "blob": {"a": 1}}
MISSING = [None, "", []]
UNFIT = {
    "amount": ["many", 1e18, {}, True, [1]],
    "flag": ["yes", 1],
    "day": ["soon", 20240601, "2024-02-30"],
    "things": ["a", {}, [[1]]],
}


def add_each(shop):
    """One person with each value, by raw SQL; their ids and whether the value does not fit."""
    people = [(name, value, False) for name, value in FITTING.items()]
    people += [(name, value, False) for name in FITTING for value in MISSING]
    people += [(name, value, True) for name, values in UNFIT.items() for value in values]
    return {(add(shop, "Somebody", **{name: value}).pk, name): unfit for name, value, unfit in people}


def unfit_ids(workspace):
    """Contact and property of all misfits in the snapshot."""
    found = set()
    for property_ in workspace.properties.all():
        ids = stored(workspace, "id")
        for first_id, flags in stored(workspace, columns.misfits(f"p{property_.pk}")).items():
            assert any(flags)
            found |= {(pk, property_.name) for pk, flag in zip(ids[first_id], flags, strict=True) if flag}
    return found


@pytest.mark.parametrize("before_merge", [0, 50_000])
def test_what_does_not_fit_is_kept_beside_its_column(shop, settings, before_merge):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = before_merge
    people = add_each(shop)
    refresh(shop)
    assert unfit_ids(shop) == {who for who, unfit in people.items() if unfit}


def test_where_everything_fits_nothing_is_kept(shop):
    add(shop, "Ana", **FITTING)
    refresh(shop)
    assert not SnapshotColumn.objects.filter(column__contains="!").exists()


def test_a_misfit_stays_through_delta_and_merge_until_it_is_repaired(shop, settings):
    ana, bo = (add(shop, name, amount="many", day="soon").pk for name in ("Ana", "Bo"))
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 2
    refresh(shop)
    assert unfit_ids(shop) == {(pk, name) for pk in (ana, bo) for name in ("amount", "day")}
    Contact.objects.filter(pk=ana).update(custom={"amount": 5})
    refresh(shop)
    assert unfit_ids(shop) == {(bo, "amount"), (bo, "day")}
    for number in range(3):
        add(shop, f"P{number}", amount=number)
    refresh(shop)  # merges the delta into the chunks
    assert not SnapshotColumn.objects.filter(first_id=0).exists()
    assert unfit_ids(shop) == {(bo, "amount"), (bo, "day")}
    Contact.objects.filter(pk=bo).delete()
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 0
    refresh(shop)
    assert not SnapshotColumn.objects.filter(column__contains="!").exists()


def test_the_misfits_of_a_deleted_property_go_with_it(shop):
    add(shop, "Ana", amount="many", day="soon")
    refresh(shop)
    shop.properties.get(name="amount").delete()
    add(shop, "Bo")
    refresh(shop)
    assert {name for _, name in unfit_ids(shop)} == {"day"}
    assert SnapshotColumn.objects.filter(column__contains="!").count() == 1
