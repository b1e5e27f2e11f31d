"""Rules as trees, their stored form, their limits, their words, and values that are refused."""

from zoneinfo import ZoneInfo

import pytest

from contacts.schema import BUILTIN_TYPES, Schema, custom_type, tag_type
from contacts.values import Kind, Refused, as_phone, day_start, fold, iso, milliseconds, moment_of, span, stored
from segments.rules.check import check
from segments.rules.operators import OPERATORS, operators_for
from segments.rules.tree import All, Any, Condition, InSegment, Not, levels, read, write
from segments.rules.words import sentence
from workspaces.problems import Invalid

MADRID = ZoneInfo("Europe/Madrid")
SCHEMA = Schema(
    {
        type_.reference: type_
        for type_ in [
            custom_type("plan", "Plan", Kind.TEXT, 1),
            custom_type("age", "Age", Kind.NUMBER, 2),
            custom_type("vip", "VIP", Kind.BOOLEAN, 3),
            custom_type("lastOrder", "Last order", Kind.DATE, 4),
            custom_type("interests", "Interests", Kind.LIST, 5),
            custom_type("blob", "Blob", Kind.OPAQUE, 6),
            tag_type("coupon", 7),
        ]
    },
    MADRID,
)


def custom(name, operator, value=None):
    return Condition(f"customProperties.{name}", operator, value)


PRO = custom("plan", "is", "pro")
OLD = custom("age", "at_least", 30)

SENTENCES = [
    (All(()), "Everyone."),
    (Any(()), "Nobody."),
    (PRO, "People whose plan is pro."),
    (All((PRO,)), "People whose plan is pro."),
    (Not(PRO), "People whose plan is not pro (or who have none)."),
    (custom("plan", "is", ("pro", "team", "a, b")), 'People whose plan is pro, team or "a, b".'),
    (custom("plan", "is_known"), "People who have a value for plan."),
    (Not(Condition("phone", "is_known")), "People who have no phone."),
    (custom("age", "between", (30, 40)), "People whose age is from 30 to 40."),
    (custom("interests", "includes", "music"), "People whose interests include music."),
    (custom("interests", "includes_all", ("a", "b")), "People whose interests include all of a and b."),
    (custom("lastOrder", "in_the_last", 30), "People whose last order is in the last 30 days."),
    (custom("lastOrder", "more_than_ago", {"amount": 1, "unit": "hours"}), "People whose last order is more than 1 hour ago."),
    (custom("lastOrder", "before", "2024-06-01"), "People whose last order is before 1 Jun 2024."),
    (custom("lastOrder", "after", "2024-06-01T10:00:00Z"), "People whose last order is after 1 Jun 2024, 10:00 UTC."),
    (custom("vip", "is", True), "People whose VIP is true."),
    (Condition("substitutionTags.coupon", "is_known"), "People who have a value for coupon."),
    (All((PRO, OLD)), "People whose plan is pro and whose age is at least 30."),
    (All((PRO, Any((OLD, PRO)))), "People whose plan is pro and (whose age is at least 30 or whose plan is pro)."),
    (All((PRO, Not(Any((OLD, PRO))))), "People whose plan is pro and whose age is less than 30 (or who have none) and whose plan is not pro (or who have none)."),
    (All((InSegment("vips"), Not(InSegment("a")))), "People who are in VIPs and who are not in segment a."),
    # A denied group is said by its denied conditions, each of which says what becomes of people without a value.
    (Not(All((PRO, custom("plan", "is_known")))), "People whose plan is not pro (or who have none) or who have no plan."),
    (Not(Any((Not(PRO), OLD))), "People whose plan is pro and whose age is less than 30 (or who have none)."),
    (Not(All((PRO, Any((OLD, InSegment("vips")))))),
     "People whose plan is not pro (or who have none) or (whose age is less than 30 (or who have none) and who are not in VIPs)."),
    (Not(Not(PRO)), "People whose plan is pro."),
    (Not(Not(Not(PRO))), "People whose plan is not pro (or who have none)."),
    (Not(Any((PRO,))), "People whose plan is not pro (or who have none)."),
    (All((All((PRO, OLD)), PRO)), "People whose plan is pro and whose age is at least 30."),
    (Any((Any((PRO, OLD)), All((PRO,)))), "People whose plan is pro or whose age is at least 30."),
    (All((PRO, All(()))), "People whose plan is pro."),
    (Any((PRO, All(()))), "Everyone."),
    (Any((PRO, Any(()))), "People whose plan is pro."),
    (All((PRO, Any((OLD, All(()))))), "People whose plan is pro."),
    (Not(All(())), "Nobody."),
    (All((Not(Any(())),)), "Everyone."),
    (Not(custom("age", "between", (30, 40))), "People whose age is not from 30 to 40 (or who have none)."),
    (Not(custom("age", "greater_than", 30)), "People whose age is at most 30 (or who have none)."),
    (Not(custom("age", "at_most", 30)), "People whose age is more than 30 (or who have none)."),
    (Not(custom("plan", "is", ("pro", "team"))), "People whose plan is not pro or team (or who have none)."),
    (Not(custom("interests", "includes", ("a", "b"))), "People whose interests do not include a or b (or who have none)."),
    (Not(custom("interests", "includes_all", ("a", "b"))), "People whose interests do not include all of a and b (or who have none)."),
    (Not(custom("lastOrder", "before", "2024-06-01")), "People whose last order is on or after 1 Jun 2024 (or who have none)."),
    (Not(custom("lastOrder", "after", "2024-06-01")), "People whose last order is on or before 1 Jun 2024 (or who have none)."),
    (custom("lastOrder", "at_or_after", "2024-06-01"), "People whose last order is on or after 1 Jun 2024."),
    (custom("lastOrder", "between", ("2024-06-01", "2024-06-30")), "People whose last order is from 1 Jun 2024 to 30 Jun 2024."),
    (custom("lastOrder", "on", "2024-06-01T22:30:00Z"), "People whose last order is on 2 Jun 2024."),
    (Not(custom("lastOrder", "in_the_last", 30)), "People whose last order is not in the last 30 days (or who have none)."),
    (Not(custom("lastOrder", "more_than_ago", 90)), "People whose last order is not more than 90 days ago (or who have none)."),
    (Not(custom("vip", "is", True)), "People whose VIP is not true (or who have none)."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "said"), SENTENCES)
def test_what_a_rule_says(rule, said):
    names = {"vips": "VIPs"}
    assert sentence(check(rule, SCHEMA), lambda pk: names.get(pk, f"segment {pk}")) == said


@pytest.mark.parametrize(("rule", "said"), SENTENCES)
def test_the_stored_form_gives_the_same_rule_back(rule, said):
    assert read(write(rule)) == rule


PROBLEMS = [
    (Condition("plan", "is", "x"), "there is no property 'plan'; did you mean customProperties.plan?"),
    (Condition("e-mial", "is", "x"), "email"),
    (custom("plan", "between", (1, 2)), "so it takes is, contains, starts_with"),
    (custom("age", "contains", "x"), "Age is a number"),
    (custom("blob", "is", "x"), "takes is_known"),
    (custom("age", "is", "many"), "many is not a number"),
    (custom("age", "is", float("nan")), "is not a finite number"),
    (custom("age", "is", 2**53 + 2), "beyond 2^53"),
    (custom("age", "is", "1" * 5_000), "is not a number"),
    (custom("age", "between", (40, 30)), "the first value, 40, is larger than the second, 30"),
    (custom("age", "between", 5), "takes a list of two values"),
    (custom("age", "greater_than", (1, 2)), "takes one value"),
    (custom("vip", "is", "maybe"), "is not true or false"),
    (custom("plan", "is", ""), "a value is empty"),
    (custom("plan", "is", ()), "give at least one value"),
    (custom("plan", "is", ("a", None)), "a value is empty"),
    (custom("plan", "is", "\ud800"), "half of a surrogate pair"),
    (custom("lastOrder", "on", 20240601), "is not a date like"),
    (custom("lastOrder", "on", "2024-02-30"), "a date that does not exist"),
    (custom("lastOrder", "after", "9999-12-31"), "outside the years 1 to 9999"),
    (custom("lastOrder", "between", ("2024-06-02", "2024-06-01")), "is later than the second"),
    (custom("lastOrder", "in_the_last", "soon"), "is not a number of days"),
    (custom("lastOrder", "in_the_last", {"amount": 1, "unit": "months"}), "minutes, hours, days or weeks"),
    (custom("lastOrder", "in_the_last", -1), "out of range"),
]


@pytest.mark.parametrize(("rule", "message"), PROBLEMS)
def test_what_is_refused_and_why(rule, message):
    with pytest.raises(Invalid) as caught:
        check(rule, SCHEMA)
    assert message in str(caught.value)


def test_every_problem_is_named():
    with pytest.raises(Invalid) as caught:
        check(All(tuple(rule for rule, _ in PROBLEMS)), SCHEMA)
    assert len(caught.value.problems) == len(PROBLEMS)


@pytest.mark.parametrize("document", [
    None, [], {}, {"version": 1}, {"version": 2, "rule": {"all": []}}, {"version": 1, "rule": []},
    {"version": 1, "rule": {"all": {}}}, {"version": 1, "rule": {"all": [], "any": []}}, {"version": 1, "rule": {"not": []}},
    {"version": 1, "rule": {"property": 1, "operator": "is"}}, {"version": 1, "rule": {"segment": 5}},
    {"version": 1, "rule": {"property": "a", "operator": "is", "value": 1, "extra": 1}},
])  # fmt: skip
def test_what_is_no_stored_rule(document):
    with pytest.raises(Invalid):
        read(document)


def test_groups_nest_ten_deep_and_a_rule_has_500_conditions():
    deep = PRO
    for _ in range(10):
        deep = Not(Any((deep,)))
    assert levels(deep) == 10
    assert read(write(deep)) == deep
    for too_much in (All((deep,)), All((PRO,) * 501)):
        with pytest.raises(Invalid):
            read(write(too_much))
    bottomless = PRO
    for _ in range(500):
        bottomless = Not(bottomless)
    with pytest.raises(Invalid):
        read(write(bottomless))


def test_every_operator_has_words_and_is_offered_for_its_types():
    for name, operator in OPERATORS.items():
        assert operator.kinds, name
        for kind in operator.kinds:
            assert name in operators_for(kind)
    assert all(operators_for(kind) for kind in Kind)
    assert {type_.kind for type_ in BUILTIN_TYPES.values()} <= set(Kind)


@pytest.mark.parametrize(("one", "other"), [
    ("PRO", "pro"), ("é", "e\u0301"), ("Straße", "STRASSE"), ("ΣΑΣ", "σας"), ("ﬀ", "FF"), ("İ", "i\u0307"),
])  # fmt: skip
def test_texts_that_are_the_same_when_folded(one, other):
    assert fold(one) == fold(other)


# Spring forward 2024-03-31 at 02:00, back 2024-10-27 at 03:00, in Madrid.
DAYS = [
    ("Europe/Madrid", "2024-03-31", "2024-03-30T23:00:00.000Z", 23),
    ("Europe/Madrid", "2024-10-27", "2024-10-26T22:00:00.000Z", 25),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z", 23),  # midnight did not exist
    ("America/St_Johns", "2006-10-29", "2006-10-29T02:30:00.000Z", 25),  # 00:01 became 23:01 again
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z", 0),  # the whole day did not exist
    ("Asia/Kathmandu", "2024-06-01", "2024-05-31T18:15:00.000Z", 24),
    ("UTC", "0001-01-01", "0001-01-01T00:00:00.000Z", 24),
]


@pytest.mark.parametrize(("zone", "day", "start", "hours"), DAYS)
def test_a_day_is_the_local_day(zone, day, start, hours):
    first, end = span(day, ZoneInfo(zone))
    assert iso(first) == start
    assert (end - first) / 3_600_000 == hours
    assert day_start(moment_of(first).date().fromisoformat(day), ZoneInfo(zone)) == first


def test_a_time_without_an_offset_is_local():
    assert iso(span("2024-06-01T10:00", MADRID)[0]) == "2024-06-01T08:00:00.000Z"
    assert iso(span("2024-06-01 10:00:00.1239+05:30", MADRID)[0]) == "2024-06-01T04:30:00.123Z"
    assert milliseconds(moment_of(-1)) == -1


STORED = [
    (Kind.TEXT, 5, "5"), (Kind.TEXT, 1.5, "1.5"), (Kind.TEXT, True, "true"), (Kind.TEXT, "e\u0301", "é"), (Kind.TEXT, "", None),
    (Kind.NUMBER, "44", 44), (Kind.NUMBER, " 1.50 ", 1.5), (Kind.NUMBER, 0, 0), (Kind.BOOLEAN, "TRUE", True),
    (Kind.BOOLEAN, False, False), (Kind.DATE, "2024-06-01", "2024-06-01"), (Kind.LIST, "a", ["a"]), (Kind.LIST, [], None),
    (Kind.DATE, "2024-06-01T10:00:00+02:00", "2024-06-01T08:00:00.000Z"), (Kind.LIST, ["a", "", "a", 5], ["a", "5"]),
    (Kind.OPAQUE, {"a": [1]}, {"a": [1]}), (Kind.NUMBER, None, None), (Kind.LIST, [""], None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "kept"), STORED)
def test_how_a_value_is_kept(kind, value, kept):
    assert stored(kind, value, MADRID) == kept
    assert stored(kind, kept, MADRID) == kept


REFUSED = [
    (Kind.TEXT, []), (Kind.TEXT, {}), (Kind.TEXT, "a\0"), (Kind.TEXT, "\udc00"), (Kind.TEXT, "x" * 10_001),
    (Kind.NUMBER, "x"), (Kind.NUMBER, True), (Kind.NUMBER, "1e999"), (Kind.NUMBER, "٤"), (Kind.NUMBER, 2**53 + 1),
    (Kind.BOOLEAN, 1), (Kind.BOOLEAN, "yes"), (Kind.DATE, 1), (Kind.DATE, "12:00"), (Kind.DATE, "20240601"),
    (Kind.DATE, "2024-W01-1"), (Kind.LIST, 5), (Kind.LIST, [[]]), (Kind.LIST, [{}]), (Kind.OPAQUE, ["a\0"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_what_cannot_be_kept(kind, value):
    with pytest.raises(Refused):
        if stored(kind, value, MADRID) is None:
            raise Refused("nothing was kept, as for an empty list")


@pytest.mark.parametrize(("typed", "kept"), [
    ("+34 600 123 456", "+34600123456"), ("600 123 456", "600 123 456"), ("+1 (415) 555-2671", "+14155552671"), ("call me", "call me"),
])  # fmt: skip
def test_phone_numbers_become_e164_where_they_are_valid(typed, kept):
    assert as_phone(typed) == kept
