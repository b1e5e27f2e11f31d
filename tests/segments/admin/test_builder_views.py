"""What the rule builder asks while somebody edits, and how it saves."""

import json
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.values import Kind
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Pin, PinKind, rewrite_pins
from segments.rules import tree
from segments.rules.operators import OPERATORS, operators_for
from segments.rules.tree import InSegment
from segments.saving import drafts
from tests.callers import join
from tests.people import add, custom, declare
from tests.segments.admin.builder import JSON, PRO, STALE, edit, live
from tests.staff import text
from workspaces.models import Role

pytestmark = pytest.mark.django_db


# --- counting ------------------------------------------------------------------------------------------------------


def test_one_request_brings_the_sentence_the_count_and_what_each_line_does(ana, people):
    rule = {"all": [PRO, {"not": STALE}]}
    found = live(ana, people, "count", {"rule": rule}).json()
    assert found["sentence"] == (
        "People whose plan is pro or team and whose last is not more than 90 days ago (or who have none)."
    )
    assert (found["count"], found["people"], found["change"]) == (4, 10, None)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", found["at"])
    at = {line["at"]: line for line in found["lines"]}
    assert [(at[place]["reached"], at[place]["met"]) for place in ("rule", "rule.all[0]", "rule.all[1]")] == [
        (10, 4),
        (10, 6),
        (10, 4),
    ]
    assert at["rule.all[1]"]["unknown"] == 1  # Dora, who never ordered


NESTED = [
    ({"any": [PRO, STALE]}, {"rule.any[0]": 6, "rule.any[1]": 7}),
    ({"not": {"any": [PRO, STALE]}}, {"rule.not.any[0]": 6, "rule.not.any[1]": 7}),
    ({"all": [PRO, {"not": {"any": [STALE]}}]}, {"rule.all[0]": 6, "rule.all[1]": 4, "rule.all[1].not.any[0]": 2}),
    ({"all": [PRO, {"any": [STALE, {"property": "email", "operator": "contains", "value": "ana"}]}]},
     {"rule.all[1]": 3, "rule.all[1].any[0]": 2, "rule.all[1].any[1]": 3}),
    ({"all": []}, {"rule": 10}),
    ({"any": []}, {"rule": 0}),
    (STALE, {"rule": 3}),
    ({"not": {"not": STALE}}, {"rule": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "met"), NESTED)
def test_people_are_followed_through_every_group(ana, people, rule, met):
    found = live(ana, people, "count", {"rule": rule}).json()
    assert {line["at"]: line["met"] for line in found["lines"] if line["at"] in met} == met


def test_the_last_line_of_a_rule_says_what_the_count_says(ana, people):
    for rule, _ in NESTED:
        found = live(ana, people, "count", {"rule": rule}).json()
        assert found["lines"][0]["met"] == found["count"] == audience.matching(people, tree.read_node(rule, "")).count


def test_every_problem_comes_with_its_place(ana, people):
    rule = {"all": [{**PRO, "property": "customProperties.plam"}, {"not": {**STALE, "value": "soon"}}]}
    answer = live(ana, people, "count", {"rule": rule})
    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problems"]] == [
        "rule.all[0].property",
        "rule.all[1].not.value",
    ]


def test_what_saving_adds_and_removes_counts_pins(ana, people):
    segment = drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
    Pin.objects.create(segment=segment, contact=people.contacts.get(first_name="Jan"), kind=PinKind.INCLUDED)
    rewrite_pins(segment)
    found = live(ana, people, "count", {"rule": STALE, "segment": segment.pk}).json()
    assert found["count"] == 4  # Cleo, Finn, Ida and Jan
    assert found["change"] == {"before": 7, "added": 1, "removed": 4}


def test_a_rule_in_place_of_one_that_nobody_can_read_any_more_is_counted(ana, people):
    segment = drafts.create(people, Draft("Broken", custom("vip", "is", True), rule_given=True))
    people.properties.filter(name="vip").delete()
    found = live(ana, people, "count", {"rule": PRO, "segment": segment.pk}).json()
    assert (found["count"], found["change"]) == (6, None)


def test_a_circle_is_told_before_it_is_saved(ana, people):
    first = drafts.create(people, Draft("First", tree.All(), rule_given=True))
    second = drafts.create(people, Draft("Second", InSegment(first.pk), rule_given=True))
    answer = live(ana, people, "count", {"rule": {"all": [{"segment": second.pk}]}, "segment": first.pk})
    assert "circle: First → Second → First" in answer.json()["problems"][0]["message"]


def test_a_segment_that_would_make_a_circle_is_offered_as_such(ana, people):
    first = drafts.create(people, Draft("First", tree.All(), rule_given=True))
    second = drafts.create(people, Draft("Second", InSegment(first.pk), rule_given=True))
    drafts.create(people, Draft("Third", tree.Not(InSegment(second.pk)), rule_given=True))
    drafts.create(people, Draft("Apart", tree.All(), rule_given=True))
    offered = live(ana, people, "choose", segment=first.pk).json()["segments"]
    assert {each["name"]: each["circle"] for each in offered if each["circle"]} == {
        "Second": "First → Second → First",
        "Third": "First → Third → Second → First",
    }


def test_segments_to_choose_from_say_who_is_in_them(ana, people, rival):
    first = drafts.create(people, Draft("First", tree.read_node(PRO, ""), rule_given=True))
    broken = drafts.create(people, Draft("Broken", custom("vip", "is", True), rule_given=True))
    theirs = drafts.create(rival, Draft("Theirs", tree.All(), rule_given=True))
    people.properties.filter(name="vip").delete()
    found = live(ana, people, "told", id=[first.pk, broken.pk, theirs.pk, "x"]).json()["told"]
    assert found.keys() == {first.pk, broken.pk}
    assert found[first.pk] == {"count": 6, "words": "People whose plan is pro or team."}
    assert found[broken.pk]["count"] is None
    assert "there is no property" in found[broken.pk]["words"]


FREE = {**PRO, "value": "free"}
CITY = {"property": "customProperties.plan", "operator": "is", "value": "pro"}


def test_what_nobody_can_meet_is_told_from_what_nobody_meets(ana, people):
    both = {"all": [CITY, FREE]}
    found = live(ana, people, "count", {"rule": both}).json()
    assert found["proofs"] == [
        {"at": "rule", "everyone": False, "words": "Nobody can have plan pro and plan free at once.", "other": True}
    ]
    today = {"all": [PRO, {"property": "email", "operator": "contains", "value": "@nowhere"}]}
    assert live(ana, people, "count", {"rule": today}).json()["proofs"] == []
    inside = {
        "any": [STALE, {"not": {"any": [{"not": CITY}, {"not": FREE}]}}, {"all": [{"any": [{"not": STALE}, STALE]}]}]
    }
    found = live(ana, people, "count", {"rule": inside}).json()
    assert [(each["at"], each["everyone"], each["other"]) for each in found["proofs"]] == [("rule", True, False)]
    found = live(ana, people, "count", {"rule": {"any": inside["any"][:2]}}).json()
    assert [(each["at"], each["everyone"], each["other"]) for each in found["proofs"]] == [("rule.any[1]", False, True)]


def test_of_an_empty_workspace_nothing_is_proved(ana, shop):
    found = live(ana, shop, "count", {"rule": {"all": []}}).json()
    assert (found["people"], found["proofs"]) == (0, [])


def test_a_property_that_somebody_deleted_says_who_and_when(people, rival):
    bo = join(people, "bo", Role.ADMIN)
    gone = people.properties.get(name="last")
    assert bo.post(reverse("admin:contacts_property_delete", args=[gone.pk]), {"post": "yes"}).status_code == 302
    rule = {"all": [PRO, {"not": STALE}]}
    problem = live(bo, people, "count", {"rule": rule}).json()["problems"][0]
    today = timezone.now().astimezone(people.zone)
    assert problem["path"] == "rule.all[1].not.property"
    assert problem["message"] == (
        f"last was deleted on {today.day} {today:%b %Y} by bo; choose another property or remove this condition"
    )
    declare(rival, plan="text")
    theirs = live(join(rival, "mallory", Role.OWNER), rival, "count", {"rule": rule}).json()["problems"][0]
    assert theirs["message"].startswith(
        "there is no property 'customProperties.last'"
    )  # another shop's last is not theirs


def test_the_rule_of_another_segment_can_be_started_from(ana, people):
    segment = drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
    assert live(ana, people, "copy", segment=segment.pk).json() == {"rule": PRO}
    pinned = drafts.create(people, Draft("Pinned"))
    assert "has no rule" in live(ana, people, "copy", segment=pinned.pk).json()["problems"][0]["message"]


# --- people, facets, values, why -----------------------------------------------------------------------------------


def test_ten_people_are_shown_with_what_the_rule_is_about(ana, people):
    found = live(ana, people, "people", {"rule": {"all": [PRO]}}).json()
    assert found["columns"] == ["plan"]
    assert [(each["name"], each["values"]) for each in found["people"]][:2] == [("Ana", ["pro"]), ("Ben", ["PRO"])]


@pytest.mark.parametrize(
    ("property", "bars"),
    [
        ("customProperties.plan", [("pro", 4), ("free", 3), ("team", 2)]),
        ("customProperties.orders", [("from 3", 5), ("from 4", 5)]),
        ("customProperties.last", [("from 1 Jan 2000", 3), ("from 1 Jan 2900", 5)]),
        ("customProperties.likes", [("opera", 1)]),
        ("customProperties.vip", [("True", 1)]),
    ],
)
def test_facets_are_bars_and_those_without_a_value(ana, people, property, bars):
    add(people, "Kai", likes=["opera"], vip=True)
    found = live(ana, people, "facets", {"rule": {"all": []}, "property": property}).json()
    shown = [(bar["label"], bar["count"]) for bar in found["bars"] if bar["count"]]
    assert shown == bars
    assert found["missing"] == 11 - sum(count for _, count in bars)
    for bar in found["bars"]:
        by_rule = live(ana, people, "count", {"rule": bar["rule"]}).json()
        assert by_rule["count"] == bar["count"], bar


def test_values_are_offered_by_how_many_have_them_and_by_what_is_typed(ana, people):
    found = live(ana, people, "values", property="customProperties.plan").json()
    assert [(each["value"], each["count"]) for each in found["values"]] == [("pro", 4), ("free", 3), ("team", 2)]
    found = live(ana, people, "values", property="customProperties.plan", text="RE").json()
    assert [each["value"] for each in found["values"]] == ["free"]


def test_typing_a_value_finds_its_property(ana, people):
    found = live(ana, people, "suggest", text="tea").json()["found"]
    assert found == [{"reference": "customProperties.plan", "values": ["team"]}]


def test_why_dora_is_in(ana, people):
    found = live(ana, people, "why", {"rule": {"all": [PRO, {"not": STALE}]}, "who": "dora@example.org"}).json()
    assert (found["name"], found["in"]) == ("Dora", True)
    assert found["rule"]["all"][1]["not"]["stored"] is None
    answer = live(ana, people, "why", {"rule": PRO, "who": "nobody@example.org"})
    assert "nobody is found by nobody@example.org" in answer.json()["problems"][0]["message"]


def test_every_operator_has_words_for_every_type_that_takes_it(ana, people):
    offered = live(ana, people, "choose").json()
    for kind in Kind:
        rows = offered["operators"][kind]
        assert {row["operator"] for row in rows} == set(operators_for(kind))
        assert len({(row["operator"], row["denied"]) for row in rows}) == 2 * len(operators_for(kind))
        assert len({row["words"] for row in rows}) == len(rows)
        assert all(row["takes"] == OPERATORS[row["operator"]].takes.name.lower() for row in rows)
    plan = next(each for each in offered["properties"] if each["reference"] == "customProperties.plan")
    assert (plan["known"], plan["people"], plan["kind"]) == (9, 10, "text")


def test_the_scripts_are_tested_with_the_operators_that_there_are(ana, people):
    written = Path("tests/js/operators.json").read_text()
    assert json.loads(written) == live(ana, people, "choose").json()["operators"]


# --- who may ask ---------------------------------------------------------------------------------------------------

ASKED = [
    ("count", {"rule": None}),
    ("people", {"rule": {"all": []}}),
    ("facets", {"rule": {"all": []}, "property": "email"}),
    ("why", {"rule": {"all": []}, "who": "ana@example.org"}),
    ("choose", None),
    ("values", None),
    ("suggest", None),
    ("copy", None),
    ("told", None),
]


@pytest.mark.parametrize(("what", "body"), ASKED)
def test_only_members_are_answered(people, rival, what, body):
    segment = drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
    query = {} if body else {"property": "email", "segment": segment.pk}
    assert live(Client(), people, what, body, **query).status_code == 401
    assert live(join(rival, "mallory", Role.OWNER), people, what, body, **query).status_code == 404
    assert live(join(people, "gus", Role.GUEST), people, what, body, **query).status_code == 200


@pytest.mark.parametrize("what", ["count", "people", "facets", "why"])
def test_a_segment_of_another_workspace_is_unknown(ana, people, rival, what):
    theirs = drafts.create(rival, Draft("Theirs", tree.All(), rule_given=True))
    body = {"rule": {"all": []}, "segment": theirs.pk, "property": "email", "who": "ana@example.org"}
    assert live(ana, people, what, body).status_code == 404
    body = {"rule": {"segment": theirs.pk}, "property": "email", "who": "ana@example.org"}
    assert "there is no segment" in live(ana, people, what, body).json()["problems"][0]["message"]


def test_a_request_from_elsewhere_is_refused(people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    assert live(client, people, "count", {"rule": None}).status_code == 403


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"rule": 3}', '{"rule": {"all": 1}}'])
def test_a_broken_question_is_refused(ana, people, body):
    address = reverse("admin:segments_live_count", args=[people.pk])
    answer = ana.post(address, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["problems"]


def test_the_number_of_queries_does_not_grow_with_the_rule(ana, people, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        live(ana, people, "count", {"rule": {"all": [PRO]}})
    with django_assert_max_num_queries(25):
        live(ana, people, "count", {"rule": {"all": [{"any": [PRO, {"not": STALE}]}] * 50}})


# --- as the builder saves ------------------------------------------------------------------------------------------


def test_the_builder_is_answered_in_json(ana, people, segment):
    answer = edit(ana, segment, {"all": [{**PRO, "operator": "like"}]}, JSON)
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["path"] == "rule.all[0].operator"
    assert "rule" in answer.json()["errors"]
    answer = edit(ana, segment, {"all": []}, JSON)
    assert (answer.status_code, answer.json()["question"]["kind"]) == (409, "everyone")
    answer = edit(ana, segment, {"all": []}, JSON, confirmed="everyone", _continue="1")
    assert answer.json() == {"location": reverse("admin:segments_segment_change", args=[segment.pk])}


def test_the_page_brings_what_there_is_to_choose_from(ana, people, segment):
    page = ana.get(reverse("admin:segments_segment_change", args=[segment.pk])).content.decode()
    brought = json.loads(re.search(r'id="builder-data" type="application/json">(.*?)</script>', page)[1])
    assert brought["choices"] == live(ana, people, "choose", segment=segment.pk).json()
    assert "segments/builder/main.js" in brought["modules"]
    assert all(f'rel="modulepreload" href="/static/{module}"' in page for module in brought["modules"])


def test_a_rule_of_many_conditions_is_not_counted_before_its_page_is_shown(ana, people):
    many = drafts.create(people, Draft("Many", tree.All((tree.read_node(PRO, ""),) * 101), rule_given=True))
    shown = text(ana.get(reverse("admin:segments_segment_change", args=[many.pk])))
    assert "Its rule has more than 100 conditions: the page of all who are in it counts them." in shown
    assert "6 of 10 in Demo shop" not in shown
    drafts.update(many, Draft(rule=tree.All((tree.read_node(PRO, ""),) * 100), rule_given=True))
    assert "6 of 10 in Demo shop" in text(ana.get(reverse("admin:segments_segment_change", args=[many.pk])))


def test_a_guest_reads_the_rule_and_has_no_builder(people, segment):
    shown = join(people, "gus", Role.GUEST).get(reverse("admin:segments_segment_change", args=[segment.pk]))
    assert "Agents and above can change it." in text(shown)
    assert "builder-data" not in shown.content.decode()
