"""The life of a property: made, called something else, of another type, gone; and the segments that depend on it."""

import csv
import threading
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.urls import reverse

from contacts import properties
from contacts.columnar.refresh import refresh
from contacts.importing import imports
from contacts.models import Contact, ContactMark, Property
from contacts.values import Kind, Refused
from contacts.writing import conversion, upserts
from contacts.writing.conversion import converted
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Segment
from segments.rules.tree import All, Condition, InSegment, Not
from segments.saving import drafts
from segments.upkeep import property_changes
from segments.upkeep.property_changes import Breaking, PropertyEdit, WouldBreak
from tests.people import add, custom, declare, found
from workspaces.problems import Conflict, Invalid

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = "customProperties.plan"


def segment(workspace, name, rule, **more):
    return drafts.create(workspace, Draft(name, rule, rule_given=True, **more))


def retype(workspace, name, kind, **how):
    return property_changes.change(workspace, name, PropertyEdit(kind=Kind(kind)), **how)


def held(workspace, name):
    """Everybody's value of a property, by first name."""
    people = workspace.contacts.filter(custom__has_key=name)
    return {person.first_name: person.custom[name] for person in people}


def kind_of(workspace, name):
    return workspace.properties.get(name=name).type


def everything():
    """All that a refused change must leave as it was."""
    rows = [list(model.objects.order_by("pk").values()) for model in (Property, Contact, Segment)]
    return rows, ContactMark.objects.count()


def live(workspace):
    return sorted(workspace.segments.live().values_list("name", flat=True))


# --- values: every kind to every kind --------------------------------------------------------------------------------

LONG = "x" * 10_001
NO = object()  # does not convert

CONVERSIONS = [
    # value                        text              number   boolean  date                        list               opaque
    ("pro",                       "pro",            NO,      NO,      NO,                         ["pro"],           "pro"),
    ("12.50",                     "12.50",          12.5,    NO,      NO,                         ["12.50"],         "12.50"),
    ("true",                      "true",           NO,      True,    NO,                         ["true"],          "true"),
    (" False",                    " False",         NO,      False,   NO,                         [" False"],        " False"),
    ("2024-06-01",                "2024-06-01",     NO,      NO,      "2024-06-01",               ["2024-06-01"],    "2024-06-01"),
    ("2024-06-01T10:00",          "2024-06-01T10:00", NO,    NO,      "2024-06-01T08:00:00.000Z", ["2024-06-01T10:00"], "2024-06-01T10:00"),
    ("2024-02-30",                "2024-02-30",     NO,      NO,      NO,                         ["2024-02-30"],    "2024-02-30"),
    (7,                           "7",              7,       NO,      NO,                         ["7"],             7),
    (0,                           "0",              0,       NO,      NO,                         ["0"],             0),
    (-2.5,                        "-2.5",           -2.5,    NO,      NO,                         ["-2.5"],          -2.5),
    (True,                        "true",           NO,      True,    NO,                         ["true"],          True),
    (False,                       "false",          NO,      False,   NO,                         ["false"],         False),
    (["pro"],                     "pro",            NO,      NO,      NO,                         ["pro"],           ["pro"]),
    (["7"],                       "7",              7,       NO,      NO,                         ["7"],             ["7"]),
    (["a", "b"],                  NO,               NO,      NO,      NO,                         ["a", "b"],        ["a", "b"]),
    ([1, True, 1],                NO,               NO,      NO,      NO,                         ["1", "true"],     [1, True, 1]),
    ([["a"]],                     NO,               NO,      NO,      NO,                         NO,                [["a"]]),
    ({"a": 1},                    NO,               NO,      NO,      NO,                         NO,                {"a": 1}),
    ([{"a": 1}],                  NO,               NO,      NO,      NO,                         NO,                [{"a": 1}]),
    (2**60,                       NO,               NO,      NO,      NO,                         NO,                2**60),
    (LONG,                        NO,               NO,      NO,      NO,                         NO,                LONG),
    (None,                        None,             None,    None,    None,                       None,              None),
    ("",                          None,             None,    None,    None,                       None,              None),
    ([],                          None,             None,    None,    None,                       None,              None),
    (["", None],                  None,             None,    None,    None,                       None,              ["", None]),
]  # fmt: skip
KINDS = ["text", "number", "boolean", "date", "list", "opaque"]


def same(one, other):
    return one == other and type(one) is type(other)


@pytest.mark.parametrize("place", range(6), ids=KINDS)
@pytest.mark.parametrize("row", CONVERSIONS, ids=lambda row: repr(row[0])[:20])
def test_a_value_becomes_one_of_another_kind_or_is_refused(shop, row, place):
    value, *fits = row
    kind, fit = Kind(KINDS[place]), fits[place]
    if fit is NO:
        with pytest.raises(Refused):
            converted(kind, value, shop.zone)
        return
    made = converted(kind, value, shop.zone)
    assert same(made, fit)
    assert same(converted(kind, made, shop.zone), fit), "converting twice is converting once"


@pytest.mark.parametrize("place", range(6), ids=KINDS)
def test_a_changed_type_converts_everybodys_value(shop, place, monkeypatch):
    monkeypatch.setattr(conversion, "ROWS_A_BATCH", 4)
    before = "number" if KINDS[place] == "text" else "text"
    declare(shop, x=before)
    for number, (value, *_) in enumerate(CONVERSIONS):
        add(shop, str(number), x=value)
    add(shop, "Nobody")
    done = retype(shop, "x", KINDS[place], drop_rejects=True)
    fits = {str(number): row[1 + place] for number, row in enumerate(CONVERSIONS)}
    assert held(shop, "x") == {name: fit for name, fit in fits.items() if fit is not NO and fit is not None}
    values = done.values
    assert values.held == len(CONVERSIONS)
    assert values.rejected == sum(fit is NO for fit in fits.values())
    assert values.emptied == sum(fit is None for fit in fits.values())
    assert kind_of(shop, "x") == KINDS[place]
    refresh(shop)
    assert audience.matching(shop, custom("x", "is_known")).count == len(held(shop, "x"))


# --- another type ----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(shop, rival):
    """Ana, Bo and Cleo wrote their orders as texts, Dee has none; the rival shop has a property of that name too."""
    declare(shop, orders="text", plan="text")
    declare(rival, orders="text")
    for name, orders in (("Ana", "5"), ("Bo", "12"), ("Cleo", "12")):
        add(shop, name, orders=orders, plan="pro")
    add(shop, "Dee", plan="free")
    add(rival, "Mallory", orders="12")
    refresh(shop)
    return shop


def test_numbers_written_as_texts_become_numbers_and_count_as_such_before_and_after_a_refresh(people):
    twelve = segment(people, "Twelve", custom("orders", "is", "12"))
    old = people.properties.get(name="orders")
    assert audience.of(twelve).count == 2
    retype(people, "orders", "number")
    for step in ("before a refresh", "after it"):
        assert found(people, custom("orders", "greater_than", 6)) == "Bo Cleo", step
        assert found(people, Not(custom("orders", "is_known"))) == "Dee", step
        assert audience.of(Segment.objects.get(pk=twelve.pk)).count == 2, step
        refresh(people)
    new = people.properties.get(name="orders")
    assert new.pk != old.pk
    assert (new.label, new.created_at) == (old.label, old.created_at)
    assert held(people, "orders") == {"Ana": 5, "Bo": 12, "Cleo": 12}


def test_another_workspaces_property_of_the_same_name_is_left_alone(people, rival):
    retype(people, "orders", "number")
    property_changes.delete(people, "customProperties.orders")
    assert kind_of(rival, "orders") == "text"
    assert held(rival, "orders") == {"Mallory": "12"}
    assert not ContactMark.objects.filter(workspace_id=rival.pk, contact_id__in=people.contacts.values("pk")).exists()


def test_nobodys_updated_at_is_touched(people):
    before = dict(people.contacts.values_list("pk", "updated_at"))
    retype(people, "orders", "number")
    assert dict(people.contacts.values_list("pk", "updated_at")) == before


def test_the_type_that_it_has_already_changes_nothing(people):
    before = everything()
    assert retype(people, "orders", "text").values.held == 0
    assert everything() == before


def test_values_that_do_not_convert_refuse_the_change_and_all_are_named(people):
    eve, fay = add(people, "Eve", orders="a few"), add(people, "Fay", orders="many")
    before, told = everything(), []
    with pytest.raises(WouldBreak, match=r'2 values:\n.*"a few" is not a number\n.*"many" is not a number') as caught:
        retype(people, "orders", "number", watch=told.append)
    assert everything() == before
    assert [(reject.contact_id, reject.value) for reject in told] == [(eve.pk, '"a few"'), (fay.pk, '"many"')]
    assert caught.value.values.first_rejects == told


def test_rejects_are_dropped_if_told_so(people):
    add(people, "Eve", orders="a few")
    told = []
    done = retype(people, "orders", "number", drop_rejects=True, watch=told.append)
    assert str(done) == "4 values: 0 kept as they were, 3 converted, 1 removed; 0 segments deleted"
    assert [reject.reason for reject in told] == ["is not a number"]
    assert held(people, "orders") == {"Ana": 5, "Bo": 12, "Cleo": 12}


def test_only_the_first_rejects_are_kept_and_the_others_counted(people, monkeypatch):
    monkeypatch.setattr(conversion, "ROWS_A_BATCH", 7)
    Contact.objects.bulk_create(Contact(workspace=people, custom={"orders": f"no {n}"}) for n in range(50))
    with pytest.raises(WouldBreak, match="and 30 more values") as caught:
        retype(people, "orders", "number")
    assert (caught.value.values.rejected, len(caught.value.values.first_rejects)) == (50, 20)


def test_a_trashed_contacts_value_is_converted_too(people):
    people.contacts.filter(first_name="Ana").update(lifecycle="trashed")
    retype(people, "orders", "number")
    assert held(people, "orders")["Ana"] == 5


def test_only_segments_whose_rule_no_longer_holds_are_in_the_way(people):
    segment(people, "Known", custom("orders", "is_known"))
    segment(people, "Pro", custom("plan", "is", "pro"))
    broken = segment(people, "Contains 1", custom("orders", "contains", "1"))
    before = everything()
    with pytest.raises(WouldBreak, match="would break 1 segment:") as caught:
        retype(people, "orders", "number")
    assert everything() == before
    (listed,) = caught.value.segments
    assert (listed.id, listed.name) == (broken.pk, "Contains 1")
    assert "not 'contains'" in str(listed.problems[0])


def test_segments_and_values_in_the_way_are_named_together(people):
    segment(people, "Contains 1", custom("orders", "contains", "1"))
    add(people, "Eve", orders="a few")
    with pytest.raises(WouldBreak, match="would break 1 segment and 1 value:"):
        retype(people, "orders", "number")


def test_segments_in_segments_break_with_them(people):
    inner = segment(people, "Inner", custom("orders", "contains", "1"))
    middle = segment(people, "Middle", All((InSegment(inner.pk), custom("plan", "is", "pro"))))
    segment(people, "Outer", Not(InSegment(middle.pk)))
    segment(people, "Other", custom("plan", "is", "pro"))
    with pytest.raises(WouldBreak) as caught:
        retype(people, "orders", "number")
    assert [each.name for each in caught.value.segments] == ["Inner", "Middle", "Outer"]
    assert "Middle, which would break" in str(caught.value.segments[2])
    done = retype(people, "orders", "number", breaking=Breaking.DELETE)
    assert [each.name for each in done.deleted] == ["Inner", "Middle", "Outer"]
    assert live(people) == ["Other"]
    assert Segment.objects.count() == 4, "they are deleted softly"


def test_a_segment_that_was_broken_before_for_another_reason_is_not_in_the_way(people):
    both = All((custom("orders", "is", "12"), custom("plan", "is", "pro")))
    broken = segment(people, "Both", both)
    Segment.objects.filter(pk=broken.pk).update(
        rule={"version": 1, "rule": {"all": [broken.rule["rule"]["all"][0], {"property": "nowhere", "operator": "is"}]}}
    )
    retype(people, "orders", "number")
    assert live(people) == ["Both"]


def test_a_rule_that_nobody_can_read_is_in_the_way_and_never_deleted(people):
    strange = segment(people, "Strange", custom("plan", "is", "pro"))
    segment(people, "Outer", InSegment(strange.pk))  # cannot be evaluated now, and no worse later
    Segment.objects.filter(pk=strange.pk).update(rule={"version": 99})
    for breaking in Breaking:
        with pytest.raises(WouldBreak, match="nobody can read its rule") as caught:
            retype(people, "orders", "number", breaking=breaking)
        assert [each.name for each in caught.value.segments] == ["Strange"]
        with pytest.raises(WouldBreak, match="nobody can read its rule"):
            property_changes.delete(people, "customProperties.orders", breaking=breaking)
    assert live(people) == ["Outer", "Strange"]


def test_a_dry_run_says_the_same_and_changes_nothing(people):
    add(people, "Eve", orders="a few")
    segment(people, "Contains 1", custom("orders", "contains", "1"))
    before, told = everything(), ([], [])
    how = {"drop_rejects": True, "breaking": Breaking.DELETE}
    dry = retype(people, "orders", "number", dry_run=True, watch=told[0].append, **how)
    assert everything() == before
    done = retype(people, "orders", "number", watch=told[1].append, **how)
    assert (dry.values, dry.deleted, told[0]) == (done.values, done.deleted, told[1])


def test_options_follow_the_type(people):
    property_changes.change(people, "orders", PropertyEdit(add=["5", "12", "many", "5.0"]))
    done = retype(people, "orders", "number")
    assert people.properties.get(name="orders").options == [5, 12]
    assert done.options_left_out == ["many"]


def test_a_million_different_values_take_little_memory(people):
    """Here a few thousand, with small batches: the largest batch is what is held."""
    Contact.objects.bulk_create(Contact(workspace=people, custom={"orders": str(n)}) for n in range(3_000))
    seen = []
    real = conversion._write
    conversion._write = lambda workspace, name, changes: seen.append(len(changes)) or real(workspace, name, changes)
    rows, conversion.ROWS_A_BATCH = conversion.ROWS_A_BATCH, 500
    try:
        retype(people, "orders", "number")
    finally:
        conversion._write, conversion.ROWS_A_BATCH = real, rows
    assert max(seen) == 500
    assert sum(seen) == 3_003
    assert audience.matching(people, custom("orders", "at_least", 2_990)).count == 10


def test_the_database_still_refuses_a_type_changed_in_place(people):
    with pytest.raises(IntegrityError):
        people.properties.filter(name="orders").update(type="number")


def test_an_unknown_property_is_an_error_that_suggests_names(people):
    with pytest.raises(Invalid, match=r"did you mean customProperties\.orders"):
        retype(people, "order", "number")


# --- deletion --------------------------------------------------------------------------------------------------------


def test_a_deleted_property_takes_its_values_along_and_does_not_rise_again(people):
    assert property_changes.delete(people, PLAN).holders == 4
    assert held(people, "plan") == {}
    assert held(people, "orders") == {"Ana": "5", "Bo": "12", "Cleo": "12"}
    declare(people, plan="text")
    for _ in range(2):
        assert found(people, custom("plan", "is_known")) == ""
        refresh(people)


def test_a_property_in_use_is_not_deleted_unless_its_segments_go_too(people):
    pro = segment(people, "Pro", custom("plan", "is", "pro"))
    segment(people, "Not pro", Not(InSegment(pro.pk)))
    segment(people, "Twelve", custom("orders", "is", "12"))
    before = everything()
    with pytest.raises(WouldBreak) as caught:
        property_changes.delete(people, PLAN)
    assert [each.name for each in caught.value.segments] == ["Pro", "Not pro"]
    assert everything() == before
    property_changes.delete(people, PLAN, breaking=Breaking.DELETE, dry_run=True)
    assert everything() == before
    done = property_changes.delete(people, PLAN, breaking=Breaking.DELETE)
    assert str(done) == "4 values removed; 2 segments deleted, 0 rewritten"
    assert live(people) == ["Twelve"]
    assert not people.properties.filter(name="plan").exists()


def test_a_deleted_segment_is_in_nobodys_way(people):
    segment(people, "Pro", custom("plan", "is", "pro"))
    people.segments.update(deleted_at=people.created_at)
    property_changes.delete(people, PLAN)


def test_rules_name_another_property_instead(people):
    declare(people, tier="text")
    for person in people.contacts.all():
        person.custom["tier"] = "gold" if person.first_name == "Ana" else person.custom["plan"]
        person.save()
    rule = All((Not(custom("plan", "is", ["free", "gold"])), custom("orders", "is_known")))
    document = {"type": "and", "predicates": []}
    pro = segment(people, "Pro", rule, dialect="swipeone", document=document)
    assert pro.sent_as("swipeone") == document
    assert audience.of(pro).count == 3
    done = property_changes.delete(people, PLAN, instead="customProperties.tier")
    assert [each.name for each in done.rewritten] == ["Pro"]
    pro = Segment.objects.get(pk=pro.pk)
    assert pro.tree == All((Not(custom("tier", "is", ("free", "gold"))), custom("orders", "is_known")))
    assert pro.sent_as("swipeone") is None, "what was sent named the other property"
    assert pro.updated_at > pro.created_at
    assert audience.of(pro).count == 2


def test_another_property_instead_may_be_a_built_in_one(people):
    pro = segment(people, "Pro", custom("plan", "is", "pro"))
    property_changes.delete(people, PLAN, instead="country")
    assert Segment.objects.get(pk=pro.pk).tree == Condition("country", "is", "pro")


def test_a_rule_that_does_not_hold_of_the_other_property_is_in_the_way(people):
    declare(people, score="number")
    known = segment(people, "Known", custom("plan", "is_known"))
    segment(people, "Pro", custom("plan", "is", "pro"))
    before = everything()
    with pytest.raises(WouldBreak, match="pro is not a number") as caught:
        property_changes.delete(people, PLAN, instead="customProperties.score")
    assert [each.name for each in caught.value.segments] == ["Pro"]
    assert everything() == before
    property_changes.delete(people, PLAN, instead="customProperties.score", breaking=Breaking.DELETE)
    assert live(people) == ["Known"]
    assert Segment.objects.get(pk=known.pk).tree == custom("score", "is_known")


@pytest.mark.parametrize(("reference", "instead"), [("email", ""), (PLAN + "s", ""), (PLAN, "contry"), (PLAN, PLAN)])
def test_what_is_not_there_cannot_be_deleted_or_named_instead(people, reference, instead):
    before = everything()
    with pytest.raises(Invalid, match="there is no property"):
        property_changes.delete(people, reference, instead=instead)
    assert everything() == before


def test_a_substitution_tag_is_deleted_like_a_property(people):
    properties.declare_tags(people, ["coupon", "other"])
    people.contacts.filter(first_name="Ana").update(substitution_tags={"coupon": "SUMMER", "other": "x"})
    has_coupon = segment(people, "Has coupon", Condition("substitutionTags.coupon", "is_known"))
    with pytest.raises(WouldBreak, match="Has coupon"):
        property_changes.delete(people, "substitutionTags.coupon")
    done = property_changes.delete(people, "substitutionTags.coupon", instead="substitutionTags.other")
    assert (done.holders, people.contacts.get(first_name="Ana").substitution_tags) == (1, {"other": "x"})
    assert audience.of(Segment.objects.get(pk=has_coupon.pk)).count == 1


# --- made, called, offered -------------------------------------------------------------------------------------------


def test_a_property_is_made_with_label_and_options(shop):
    made = property_changes.create(shop, " score ", Kind.NUMBER, "Score", ["1", 2, "1"])
    assert (made.name, made.type, made.label, made.options) == ("score", "number", "Score", [1, 2])


@pytest.mark.parametrize(
    ("asked", "error", "reason"),
    [
        ({"name": "email"}, Invalid, "built-in"),
        ({"name": " "}, Invalid, "is empty"),
        ({"name": "plan"}, Conflict, "has a property plan already"),
        ({"label": "x" * 201}, Invalid, "200 characters"),
        ({"options": ["many", "2"]}, Invalid, "'many' is not a number"),
        ({"options": [""]}, Invalid, "is empty"),
    ],
)
def test_a_property_that_cannot_be_is_not_made(people, asked, error, reason):
    before = everything()
    with pytest.raises(error, match=reason):
        property_changes.create(people, **{"name": "new", "kind": Kind.NUMBER, **asked})
    assert everything() == before


def test_there_are_at_most_500_properties(people):
    declare(people, **{f"p{number}": "text" for number in range(498)})
    with pytest.raises(Conflict, match="500"):
        property_changes.create(people, "more", Kind.TEXT)


def test_the_label_is_what_sentences_say_and_the_segments_stay(people):
    pro = segment(people, "Pro", custom("plan", "is", "pro"))
    property_changes.change(people, "plan", PropertyEdit(label="Tariff"))
    assert "tariff is pro" in run("count_segment", pro.pk)
    property_changes.change(people, "plan", PropertyEdit(label=""))
    assert "plan is pro" in run("count_segment", pro.pk)


def test_options_are_only_offered(people):
    property_changes.change(people, "plan", PropertyEdit(add=["pro", "free", "team", "pro"]))
    property_changes.change(people, "plan", PropertyEdit(remove=["pro"], add=["max"]))
    assert people.properties.get(name="plan").options == ["free", "team", "max"]
    assert held(people, "plan")["Ana"] == "pro"
    with pytest.raises(Invalid, match="does not offer pro; there are free, team, max"):
        property_changes.change(people, "plan", PropertyEdit(remove=["pro"]))


# --- at the same time ------------------------------------------------------------------------------------------------


class Meanwhile(threading.Thread):
    """Does something on a connection of its own and keeps what came of it."""

    def __init__(self, work):
        super().__init__()
        self.work, self.error = work, None
        self.start()

    def run(self):
        try:
            self.work()
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()

    def done(self):
        self.join(30)
        assert not self.is_alive()
        return self.error


def wait_until_blocked():
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits")


def read(workspace, **values):
    return upserts.read(values, properties.schema(workspace))


@pytest.mark.parametrize("external_id", ["new", "C-1"], ids=["a new contact", "one that is there"])
@pytest.mark.parametrize(("kind", "stored"), [("list", ["12"]), ("number", 12)])
def test_a_contact_that_was_read_before_the_change_and_is_written_after_it_fits_the_new_type(
    people, kind, stored, external_id
):
    people.contacts.filter(first_name="Ana").update(external_id="C-1")
    change = read(people, externalId=external_id, firstName="Zoe", orders="12")
    with transaction.atomic():
        retype(people, "orders", kind)
        writer = Meanwhile(lambda: upserts.upsert(people, change))
        wait_until_blocked()
    assert writer.done() is None
    assert held(people, "orders")["Zoe"] == stored
    assert "Zoe" in found(people, custom("orders", "is_known"))


def test_a_contact_written_while_the_change_waits_is_converted(people):
    with transaction.atomic():
        upserts.upsert(people, read(people, externalId="new", firstName="Zoe", orders="99"))
        changer = Meanwhile(lambda: retype(people, "orders", "number"))
        wait_until_blocked()
    assert changer.done() is None
    assert held(people, "orders")["Zoe"] == 99
    assert found(people, custom("orders", "greater_than", 90)) == "Zoe"


def test_a_value_written_by_sql_while_the_change_runs_is_not_written_over_with_an_older_one(people):
    with transaction.atomic():
        people.contacts.filter(first_name="Ana").update(custom={"orders": "77"})
        changer = Meanwhile(lambda: retype(people, "orders", "number"))
        wait_until_blocked()
    assert changer.done() is None
    assert held(people, "orders")["Ana"] == 77


def test_a_contacts_page_that_is_saved_during_the_change_is_saved_in_the_new_type(people):
    client, ana = Client(), people.contacts.get(first_name="Ana")
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    address = reverse("admin:contacts_contact_change", args=[ana.pk])
    typed = {"first_name": "Ana", "lifecycle": "active", "custom": '{"orders": "5", "plan": "free"}'}
    with transaction.atomic():
        retype(people, "orders", "list")
        saver = Meanwhile(lambda: client.post(address, typed))
        wait_until_blocked()
    assert saver.done() is None
    assert people.contacts.get(pk=ana.pk).custom == {"orders": ["5"], "plan": "free"}


def test_a_value_that_fits_no_longer_is_an_error_for_who_sends_it(people):
    change = read(people, externalId="new", firstName="Zoe", orders="lots")
    retype(people, "orders", "number")
    with pytest.raises(Invalid, match=r"customProperties\.orders: is not a number"):
        upserts.upsert(people, change)
    assert not people.contacts.filter(first_name="Zoe").exists()


def test_a_contact_with_a_property_that_was_deleted_meanwhile_declares_it_anew(people):
    change = read(people, externalId="new", firstName="Zoe", orders="12")
    property_changes.delete(people, "customProperties.orders")
    upserts.upsert(people, change)
    assert held(people, "orders") == {"Zoe": "12"}
    assert found(people, custom("orders", "is", "12")) == "Zoe"


def test_an_import_stops_where_a_property_changed_under_it(people, monkeypatch, tmp_path):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 1)
    file = tmp_path / "people.csv"
    file.write_text("id,orders\nC-1,1\nC-2,2\n")
    written = imports.Watcher.written

    def change_type(self, outcome):
        if outcome.rows == 1:
            retype(people, "orders", "number")
        written(self, outcome)

    monkeypatch.setattr(imports.Watcher, "written", change_type)
    with file.open("rb") as stream, pytest.raises(Invalid, match="column orders: its property was changed"):
        imports.import_contacts(people, stream, "id")
    assert [person.custom for person in people.contacts.exclude(external_id="")] == [{"orders": 1}]


def test_a_segment_cannot_come_to_use_a_property_while_it_goes(people):
    with transaction.atomic():
        property_changes.delete(people, PLAN)
        saver = Meanwhile(lambda: segment(people, "Pro", custom("plan", "is", "pro")))
        wait_until_blocked()
    assert isinstance(saver.done(), Invalid)
    assert live(people) == []


def test_a_segment_that_declares_a_property_while_it_is_saved_and_a_change_do_not_wait_for_each_other(people):
    with transaction.atomic():
        segment(people, "Twelve", custom("orders", "is", "12"))  # its saving holds the lock of segments
        changer = Meanwhile(lambda: retype(people, "orders", "number"))
        wait_until_blocked()
        segment(people, "Tall", custom("height", "is", "12"), declares={"height": Kind.TEXT})
    assert changer.done() is None
    assert kind_of(people, "height") == "text"


def test_two_changes_at_once_come_one_after_the_other(people):
    with transaction.atomic():
        retype(people, "orders", "number")
        other = Meanwhile(lambda: retype(people, "orders", "list"))
        wait_until_blocked()
    assert other.done() is None
    assert (kind_of(people, "orders"), held(people, "orders")["Ana"]) == ("list", ["5"])


def test_a_refresh_and_a_reader_during_the_change_see_all_of_it_or_nothing(people):
    counts = []
    with transaction.atomic():
        retype(people, "orders", "list")
        reader = Meanwhile(lambda: counts.append(audience.matching(people, custom("orders", "is", "12")).count))
        assert reader.done() is None
        refresher = Meanwhile(lambda: refresh(people))
        wait_until_blocked()
    assert refresher.done() is None
    assert counts == [2]
    assert found(people, custom("orders", "includes", "12")) == "Bo Cleo"


# --- commands --------------------------------------------------------------------------------------------------------


def run(*words):
    out = StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


def refusal(*words):
    with pytest.raises(CommandError) as caught:
        run(*words)
    return caught.value.returncode, str(caught.value)


def last(printed):
    return printed.splitlines()[-1]


def test_create_property_says_what_there_is(shop):
    printed = run(
        "create_property", shop.pk, "plan", "--type", "text", "--label", "Plan", "--option", "a", "--option", "b"
    )
    assert last(printed) == "plan (text): called Plan, 2 options"
    assert refusal("create_property", shop.pk, "plan", "--type", "number")[0] == 1
    assert refusal("create_property", shop.pk, "email", "--type", "text")[0] == 2


def test_change_property_converts_and_refreshes(people):
    printed = run("change_property", people.pk, "orders", "--type", "number", "--label", "Orders", "--add-option", "5")
    assert last(printed) == (
        "orders (number): called Orders, 1 option; 3 values: 0 kept as they were, 3 converted, 0 removed; 0 segments deleted"
    )
    assert not ContactMark.objects.filter(workspace_id=people.pk).exists()
    assert found(people, custom("orders", "greater_than", 6)) == "Bo Cleo"


def test_change_property_writes_what_it_removes(people, tmp_path):
    eve = add(people, "Eve", orders="a, few")
    file = tmp_path / "rejects.csv"
    words = ["change_property", people.pk, "orders", "--type", "number", "--rejects", str(file)]
    row = {"contact": eve.wire_id, "value": '"a, few"', "reason": "is not a number"}
    before = everything()
    status, message = refusal(*words)
    assert status == 1
    assert "--drop-rejects removes these values" in message
    run(*words, "--drop-rejects", "--dry-run")
    assert everything() == before
    for more in (["--drop-rejects", "--dry-run"], ["--drop-rejects"]):
        printed = run(*words, *more)
        assert list(csv.DictReader(file.open())) == [row]
        assert "1 removed" in last(printed)
    assert "Eve" not in held(people, "orders")


def test_without_a_file_every_removed_value_is_printed(people):
    Contact.objects.bulk_create(Contact(workspace=people, custom={"orders": f"no {n}"}) for n in range(30))
    printed = run("change_property", people.pk, "orders", "--type", "number", "--drop-rejects")
    assert sum("is not a number" in line for line in printed.splitlines()) == 30


def test_change_property_names_the_segments_in_the_way(people):
    broken = segment(people, "Contains 1", custom("orders", "contains", "1"))
    words = ["change_property", people.pk, "orders", "--type", "number"]
    status, message = refusal(*words)
    assert status == 1
    assert f"segment Contains 1 ({broken.pk}): " in message
    assert "--segments delete" in message
    printed = run(*words, "--segments", "delete")
    assert "Deleted: segment Contains 1" in printed
    assert last(printed).endswith("1 segment deleted")


@pytest.mark.parametrize(
    "words",
    [
        ["orders"],
        ["orders", "--label", "x", "--drop-rejects"],
        ["order", "--label", "x"],
        ["orders", "--type", "number", "--add-option", "many"],
        ["orders", "--remove-option", "many"],
        ["orders", "--type", "number", "--rejects", "/nowhere/file.csv"],
    ],
)
def test_change_property_refuses_what_it_cannot_take(people, words):
    before = everything()
    assert refusal("change_property", people.pk, *words)[0] == 2
    assert everything() == before


def test_a_dry_run_takes_options_of_the_new_type(people):
    printed = run("change_property", people.pk, "orders", "--type", "list", "--add-option", "x", "--dry-run")
    assert last(printed).startswith(
        "orders (list): called orders, 1 option; 3 values: 0 kept as they were, 3 converted"
    )
    assert kind_of(people, "orders") == "text"


def test_delete_property_by_name_and_what_stands_in_the_way(people):
    segment(people, "Pro", custom("plan", "is", "pro"))
    status, message = refusal("delete_property", people.pk, "plan")
    assert (status, "segment Pro" in message, "--instead" in message) == (1, True, True)
    before = everything()
    run("delete_property", people.pk, "plan", "--instead", "customProperties.orders", "--dry-run")
    assert everything() == before
    printed = run("delete_property", people.pk, PLAN, "--instead", "customProperties.orders")
    assert "Rewritten: segment Pro" in printed
    assert last(printed) == "4 values removed; 0 segments deleted, 1 rewritten"
    assert refusal("delete_property", people.pk, "plan")[0] == 2


def test_delete_property_takes_a_tag(people):
    properties.declare_tags(people, ["coupon"])
    assert last(run("delete_property", people.pk, "substitutionTags.coupon")).startswith("0 values removed")
    assert not people.substitution_tags.exists()
