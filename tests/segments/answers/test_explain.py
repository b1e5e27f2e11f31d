"""Why somebody is in a segment or not: the tree with its marks, what is stored, pins, and the sentence."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.columnar.refresh import refresh
from contacts.models import Contact, SubstitutionTag, contact_id, wire_id
from contacts.schema import Schema, custom_type
from contacts.values import Kind
from segments.answers import explanations
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.management.commands.explain_segment import lines
from segments.models import Pin, Segment, rewrite_pins
from segments.references import RuleWithPins
from segments.rules.check import check
from segments.rules.explanation import Denial, Explainer, Group, Leaf, Membership, Stored
from segments.rules.reasons import closest
from segments.rules.tree import All, Any, Condition, InSegment, Not, read_node, walk
from segments.saving import drafts
from tests.conftest import DEMO, Api
from tests.people import PRO, add, custom, declare
from tests.segments.engine.test_engine import CROWD, PERSON, SEGMENT, insert, naming, workspace_with_properties
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db


def segment(workspace, name, rule=None):
    return drafts.create(workspace, Draft(name, rule, rule_given=True))


def pin(segment, contact, kind, reason="", **fields):
    Pin.objects.create(segment=segment, contact=contact, kind=kind, reason=reason, **fields)
    rewrite_pins(segment)
    segment.refresh_from_db()


def explain(segment, contact):
    return explanations.explain(segment.workspace, RuleWithPins(segment.tree, segment), contact.pk)


def explain_rule(workspace, rule, contact):
    return explanations.explain(workspace, RuleWithPins(rule), contact.pk)


# --- the sentence ------------------------------------------------------------------------------------------------

COUNTRY = Condition("country", "is", ("DE", "AT"))
DE, AT = Condition("country", "is", "DE"), Condition("country", "is", "AT")
TOTAL = custom("total", "greater_than", 5)
PLANNED = custom("plan", "is_known")
COUPON = Condition("substitutionTags.coupon", "starts_with", "SPRING")
TAGGED = Condition("tags", "includes", ("vip", "press"))
ORDERED = custom("lastOrder", "on", "2024-06-02")
OLD, YOUNG = custom("total", "greater_than", 50), custom("total", "less_than", 20)

PEOPLE = {
    "Ana": {"profile": {"country": "DE"}, "total": 7, "plan": "free", "lastOrder": "2024-06-01T22:30:00.000Z"},
    "Bo": {"profile": {"country": "FR"}, "total": 3, "plan": "Pro", "tags": ["VIP", "Early bird"]},
    "Cleo": {},
    "Dan": {"total": "seven", "lastOrder": "2024-06-02"},
}

SENTENCES = [
    ("Ana", All((COUNTRY, TOTAL)), "Is in because country is DE and total is more than 5."),
    ("Ana", Any((PRO, COUNTRY)), "Is in because country is DE."),
    ("Ana", All((DE, Not(PRO))), "Is in because country is DE and plan is not pro."),
    ("Ana", ORDERED, "Is in because last order is on 2 Jun 2024."),
    ("Ana", Not(All((PRO, TOTAL))), "Is in because plan is not pro."),
    ("Ana", Not(custom("total", "at_most", 5)), "Is in because total is more than 5."),
    ("Ana", Any((All((DE, TOTAL)), Not(PRO))), "Is in because plan is not pro."),
    ("Cleo", Not(PRO), "Is in because they have no plan."),
    ("Cleo", Not(TAGGED), "Is in because they have no tags."),
    ("Cleo", Not(Any((PRO, TAGGED, PLANNED))), "Is in because they have no plan and they have no tags."),
    ("Dan", Not(TOTAL), "Is in because total holds seven, which counts as missing."),
    ("Dan", PLANNED, "Would be in if they had a value for plan."),
    ("Bo", TAGGED, "Is in because tags include one of vip, press."),
    ("Bo", All(()), "Is in because everyone is."),
    ("Bo", Any(()), "Is not in because nobody can be."),
    ("Bo", All((COUNTRY, TOTAL)), "Would be in if country were one of DE, AT and total were more than 5."),
    ("Bo", All((COUNTRY, PRO)), "Would be in if country were one of DE, AT."),
    ("Bo", Any((All((COUNTRY, TOTAL)), ORDERED)), "Would be in if last order were on 2 Jun 2024."),
    ("Bo", Not(PRO), "Would be in if plan were not pro."),
    ("Bo", Not(PLANNED), "Would be in if they had no plan."),
    ("Bo", Not(Any((PRO, TAGGED))), "Would be in if plan were not pro and tags did not include any of vip, press."),
    ("Bo", Not(All((PRO, TAGGED))), "Would be in if plan were not pro."),
    ("Bo", Not(Not(DE)), "Would be in if country were DE."),
    ("Bo", COUPON, "Would be in if coupon started with SPRING."),
    ("Cleo", custom("plan", "contains", ("p", "q")), "Would be in if plan contained one of p, q."),
    ("Cleo", custom("total", "between", (1, 2)), "Would be in if total were from 1 to 2."),
    ("Cleo", custom("lastOrder", "in_the_last", 30), "Would be in if last order were in the last 30 days."),
    ("Dan", Not(custom("lastOrder", "after", "2024-06-01")), "Would be in if last order were on or before 1 Jun 2024."),
    ("Cleo", custom("lastOrder", "on", "2024-06-01T22:30:00Z"), "Would be in if last order were on 2 Jun 2024."),
    # The shortest way is passed over where it leads nowhere.
    ("Cleo", All((DE, Any((AT, PRO)))), "Would be in if country were DE and plan were pro."),
    ("Bo", All((Not(OLD), Any((OLD, DE)))), "Would be in if country were DE."),
    ("Ana", All((TOTAL, Any((custom("total", "at_most", 5), PRO)))), "Would be in if plan were pro."),
    ("Ana", All((DE, AT)), "Is not in because country is not AT."),
    ("Cleo", All((OLD, YOUNG)), "Is not in because they have no total."),
    ("Cleo", All((Not(PLANNED), PRO)), "Is not in because they have no plan."),
    ("Bo", All((PRO, Not(PRO))), "Is not in because plan is pro."),
    ("Bo", All((TOTAL, TOTAL)), "Would be in if total were more than 5."),
]  # fmt: skip


@pytest.fixture
def people(shop):
    declare(shop, total="number", plan="text", lastOrder="date")
    shop.properties.filter(name="lastOrder").update(label="Last order")
    SubstitutionTag.objects.create(workspace=shop, tag="coupon")
    return {name: add(shop, name, **values) for name, values in PEOPLE.items()}


@pytest.mark.parametrize(("name", "rule", "why"), SENTENCES)
def test_why(shop, people, name, rule, why):
    found = explain_rule(shop, rule, people[name])
    assert found.why == why
    assert found.is_in == (people[name].pk in audience.matching(shop, rule).ids())
    assert found.is_in == why.startswith("Is in ")


def test_a_sentence_names_ten_conditions_and_counts_the_rest(shop, people):
    declare(shop, **{f"p{place:02}": "boolean" for place in range(12)})
    found = explain_rule(shop, All(tuple(custom(f"p{place:02}", "is", True) for place in range(12))), people["Ana"])
    assert found.why.endswith("and p09 were true and 2 more, which the tree shows.")
    assert len(found.changes) == 12


# --- pins --------------------------------------------------------------------------------------------------------

MAY = datetime(2127, 5, 3, 22, tzinfo=UTC)  # where 4 May begins in Madrid
LAST_YEAR = datetime.now(UTC) - timedelta(days=365)

PINS = [
    ("Ana", COUNTRY, "excluded", {"reason": "complained"}, False, "Is kept out by hand (complained) although the rule finds them."),
    ("Bo", COUNTRY, "excluded", {}, False, "Is kept out by hand; the rule does not find them either."),
    ("Bo", COUNTRY, "included", {"reason": "jury", "expires_at": MAY}, True, "Is in by hand (jury, until 3 May 2127); the rule does not find them."),
    ("Ana", COUNTRY, "included", {"expires_at": MAY}, True, "Is in because country is DE, and also by hand (until 3 May 2127)."),
    ("Bo", None, "included", {"reason": "a\n b"}, True, "Is in by hand (a b)."),
    ("Bo", None, "excluded", {}, False, "Is kept out by hand."),
    ("Bo", COUNTRY, "included", {"expires_at": LAST_YEAR}, False, "Would be in if country were one of DE, AT."),
    ("Ana", COUNTRY, "excluded", {"expires_at": LAST_YEAR}, True, "Is in because country is DE."),
    ("Bo", None, "included", {"expires_at": LAST_YEAR}, False, "Is not among those added by hand, and there is no rule."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rule", "kind", "fields", "is_in", "why"), PINS)
def test_pins_in_words(shop, people, name, rule, kind, fields, is_in, why):
    some = segment(shop, "Some", rule)
    pin(some, people[name], kind, **fields)
    found = explain(some, people[name])
    assert (found.is_in, found.why) == (is_in, why)
    assert bool(found.changes) == why.startswith("Would")
    assert found.is_in == (people[name].pk in audience.of(some).ids())
    assert found.pin.kind == kind
    assert found.pin.in_force == (fields.get("expires_at") != LAST_YEAR)


def test_a_pin_says_who_set_it_why_and_until_when(shop, people):
    eva = get_user_model().objects.create_user("eva@shop.example")
    some = segment(shop, "Some", COUNTRY)
    pin(some, people["Bo"], "included", "jury", author=eva, expires_at=MAY)
    assert explain(some, people["Bo"]).as_json()["pin"] == {
        "kind": "included", "reason": "jury", "author": "eva@shop.example",
        "expiresAt": "2127-05-03T22:00:00.000Z", "inForce": True,
    }  # fmt: skip
    assert explain(some, people["Ana"]).pin is None


# --- the tree ----------------------------------------------------------------------------------------------------


def leaf(shop, condition, contact):
    node = explain_rule(shop, condition, contact).rule
    assert isinstance(node, Leaf)
    return node


STORED = [
    ("Ana", COUNTRY, "country is one of DE, AT", "DE", "DE"),
    ("Bo", PRO, "plan is pro", "Pro", "Pro"),
    ("Ana", TOTAL, "total is more than 5", 7, "7"),
    ("Cleo", TOTAL, "total is more than 5", None, ""),
    ("Ana", ORDERED, "last order is on 2 Jun 2024", "2024-06-01T22:30:00.000Z", "2 Jun 2024, 00:30 UTC+0200"),
    ("Dan", ORDERED, "last order is on 2 Jun 2024", "2024-06-02", "2 Jun 2024"),
    ("Bo", TAGGED, "tags include one of vip, press", ["VIP", "Early bird"], "VIP, Early bird"),
    ("Cleo", TAGGED, "tags include one of vip, press", None, ""),
    ("Dan", TOTAL, "total is more than 5", "seven", "seven"),
]


@pytest.mark.parametrize(("name", "condition", "words", "value", "shown"), STORED)
def test_what_is_stored_stands_beside_what_is_wanted(shop, people, name, condition, words, value, shown):
    node = leaf(shop, condition, people[name])
    assert (node.words, node.stored.value, node.stored.shown) == (words, value, shown)
    assert node.stored.fits == (name != "Dan" or condition is ORDERED)


def test_other_kinds_of_stored_values(shop):
    declare(shop, vip="boolean", blob="opaque", note="text", day="date")
    SubstitutionTag.objects.create(workspace=shop, tag="50%")
    eva = add(shop, "Eva", {"address": {"city": "Bonn"}}, vip=False, blob=[1], note="x" * 300, day="12:00")
    eva.substitution_tags = {"50%": "Half"}
    eva.save()
    created = leaf(shop, Condition("createdAt", "in_the_last", 1), eva)
    assert created.stored.value == leaf(shop, Condition("updatedAt", "is_known"), eva).stored.value
    assert created.stored.value.endswith("Z")
    assert leaf(shop, custom("vip", "is", True), eva).stored.value is False
    assert leaf(shop, custom("blob", "is_known"), eva).stored.value == [1]
    assert leaf(shop, Condition("address", "is_known"), eva).stored.value == {"city": "Bonn"}
    assert leaf(shop, Condition("substitutionTags.50%", "is", "half"), eva).met
    assert leaf(shop, Condition("fullName", "is", "eva"), eva).stored.value == "Eva"
    note = leaf(shop, custom("note", "is_known"), eva)
    assert len(note.stored.value) == 300
    assert len(note.stored.shown) == 200
    assert not leaf(shop, custom("day", "is_known"), eva).stored.fits


def test_every_node_is_met_or_not_and_says_so(shop, people):
    rule = All((COUNTRY, Any((TOTAL, PRO)), Not(All((PLANNED, TAGGED)))))
    root = explain_rule(shop, rule, people["Bo"]).rule
    assert isinstance(root, Group)
    assert [part.met for part in root.parts] == [False, True, False]
    assert [part.met for part in root.parts[1].parts] == [False, True]
    assert root.parts[2].part.parts[1].at == "rule.all[2].not.all[1]"
    assert root.words == (
        "country is one of DE, AT and (total is more than 5 or plan is pro) and "
        "(they have no plan or tags do not include any of vip, press (or they have none))"
    )


@pytest.mark.parametrize("ordered", [reversed, lambda nodes: random.Random(7).sample(nodes, len(nodes))])
def test_in_whatever_order_nodes_are_asked_about_nobody_is_blamed_for_another_condition(
    shop, people, monkeypatch, ordered
):
    vips = segment(shop, "VIPs", Any((TAGGED, Not(PLANNED))))
    rule = All((COUNTRY, Any((TOTAL, Not(PRO))), Not(All((PLANNED, Not(TAGGED)))), InSegment(vips.pk)))
    explained = {name: explain_rule(shop, rule, person).as_json() for name, person in people.items()}
    monkeypatch.setattr(explanations, "walk", lambda rule: ordered(list(walk(rule))))
    assert {name: explain_rule(shop, rule, person).as_json() for name, person in people.items()} == explained


def test_somebody_written_a_moment_ago_is_explained_as_they_are_now(shop, people):
    refresh(shop)
    ana = people["Ana"]
    assert explain_rule(shop, DE, ana).is_in
    Contact.objects.filter(pk=ana.pk).update(profile={"country": "at"})
    assert explain_rule(shop, DE, ana).why == "Would be in if country were DE."
    assert leaf(shop, AT, ana).stored.value == "at"


def test_people_in_the_trash_are_in_no_segment(shop, people):
    Contact.objects.filter(pk=people["Ana"].pk).update(lifecycle="trashed")
    found = explain_rule(shop, Not(PRO), people["Ana"])
    assert (found.is_in, found.rule) == (False, None)
    assert found.why == "Is in the trash, and whoever is there is in no segment."


def test_nobody_of_another_workspace_is_explained(shop, rival, people):
    for pk in (add(rival, "Zoe").pk, 10**15):
        with pytest.raises(Contact.DoesNotExist):
            explanations.explain(shop, RuleWithPins(DE), pk)


# --- segments of segments ----------------------------------------------------------------------------------------


def test_another_segment_is_explained_inside(shop, people):
    vips = segment(shop, "VIPs", All((TOTAL, PRO)))
    germans = segment(shop, "Germans", All((DE, InSegment(vips.pk))))
    found = explain(germans, people["Ana"])
    assert found.why == "Would be in if they were in VIPs."
    inside = found.rule.parts[1]
    assert isinstance(inside, Membership)
    assert (inside.met, inside.words, inside.explanation.name) == (False, "they are in VIPs", "VIPs")
    assert inside.explanation.why == "Would be in if plan were pro."
    assert explain(segment(shop, "Others", Not(InSegment(vips.pk))), people["Ana"]).why == (
        "Is in because they are not in VIPs."
    )
    pin(vips, people["Ana"], "included", "jury")
    found = explain(germans, people["Ana"])
    assert found.why == "Is in because country is DE and they are in VIPs."
    assert found.rule.parts[1].explanation.why == "Is in by hand (jury); the rule does not find them."
    assert not found.rule.parts[1].explanation.rule.met
    others = Segment.objects.get(name="Others")
    assert explain(others, people["Ana"]).why == "Would be in if they were not in VIPs."


def test_segments_that_use_each_other_many_times_are_each_explained_once(shop, people):
    below = segment(shop, "Level 0", DE)
    for level in range(1, 30):
        below = segment(shop, f"Level {level}", All((InSegment(below.pk), Not(Not(InSegment(below.pk))))))
    document = explain(below, people["Ana"]).as_json()
    assert str(document).count("'in':") == 30


def test_the_same_queries_for_ten_conditions_as_for_one(shop, people):
    vips = segment(shop, "VIPs", PRO)
    few = segment(shop, "Few", All((DE, InSegment(vips.pk))))
    many = segment(shop, "Many", All((*[COUNTRY, TOTAL, PRO, TAGGED, COUPON] * 8, InSegment(vips.pk))))
    counts = []
    for some in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            explain(some, people["Ana"])
        counts.append(len(captured))
    assert counts[0] == counts[1]


# --- the API -----------------------------------------------------------------------------------------------------

CRITERIA = {"type": "and", "predicates": [
    {"property": "country", "operator": "is", "value": ["DE", "AT"], "dataType": "string"},
    {"property": "customProperties.plan", "operator": "is_not", "value": "pro", "dataType": "string"},
]}  # fmt: skip
DRAFT = f"/api/workspaces/{DEMO}/segments/explain"


@pytest.fixture
def reading_api(shop):
    return Api(ApiKey.objects.issue(shop, "reads", "read")[1])


def test_the_answer_for_a_segment(reading_api, shop, people):
    some = segment(shop, "Some", All((COUNTRY, Not(PRO))))
    answer = reading_api.get(f"/api/segments/{some.pk}/explain/{people['Bo'].wire_id}/")
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "data": {"explanation": {
        "contactId": people["Bo"].wire_id, "segment": some.pk, "name": "Some", "in": False,
        "why": "Would be in if country were one of DE, AT and plan were not pro.",
        "changes": [
            {"at": "rule.all[0]", "words": "country were one of DE, AT", "met": True},
            {"at": "rule.all[1].not", "words": "plan were not pro", "met": False},
        ],
        "pin": None,
        "rule": {
            "met": False, "words": "country is one of DE, AT and plan is not pro (or they have none)",
            "all": [
                {"met": False, "words": "country is one of DE, AT", "property": "country", "label": "Country",
                 "operator": "is", "value": ["DE", "AT"], "stored": "FR"},
                {"met": False, "words": "plan is not pro (or they have none)", "not": {
                    "met": True, "words": "plan is pro", "property": "customProperties.plan", "label": "plan",
                    "operator": "is", "value": "pro", "stored": "Pro"}},
            ],
        },
    }}}  # fmt: skip


@pytest.mark.parametrize("rule", [{"criteria": CRITERIA}, {"rule": {"all": [{"property": "country", "operator": "is", "value": ["DE", "AT"]}]}}])  # fmt: skip
def test_a_draft_is_explained_to_a_key_that_may_only_read(reading_api, people, rule):
    answer = reading_api.post(DRAFT, {**rule, "contactId": people["Ana"].wire_id})
    assert answer.status_code == 200
    found = answer.json()["data"]["explanation"]
    assert (found["in"], found["segment"], found["name"]) == (True, None, None)
    assert found["why"].startswith("Is in because country is DE")


def test_a_key_that_may_only_read_still_cannot_write(reading_api):
    assert reading_api.post(f"/api/workspaces/{DEMO}/segments", {"name": "x", "criteria": CRITERIA}).status_code == 403
    assert not Segment.objects.exists()


def test_unknown_malformed_and_foreign_people_are_not_found(api, shop, rival, people):
    some = segment(shop, "Some", DE)
    for wire in (wire_id(add(rival, "Zoe").pk), wire_id(10**15), "f" * 24, "0" * 24, "7", "ana@post.example", "F" * 24):
        for answer in (
            api.get(f"/api/segments/{some.pk}/explain/{wire}"),
            api.post(DRAFT, {"criteria": CRITERIA, "contactId": wire}),
        ):
            assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Contact not found"})


def test_an_id_on_the_wire_leads_back_to_the_contact_and_nothing_else_does():
    assert contact_id(wire_id(7)) == 7
    assert contact_id(wire_id(2**63 - 1)) == 2**63 - 1
    assert [contact_id(text) for text in (wire_id(0), wire_id(2**63), "7", "F" * 24, "", "-" + wire_id(7)[1:])] == [
        None
    ] * 6


def test_a_foreign_segment_is_not_found(rival_api, shop, people):
    some = segment(shop, "Some", DE)
    answer = rival_api.get(f"/api/segments/{some.pk}/explain/{people['Ana'].wire_id}")
    assert (answer.status_code, answer.json()["message"]) == (404, "Segment not found")
    answer = rival_api.post(DRAFT, {"criteria": CRITERIA, "contactId": people["Ana"].wire_id})
    assert (answer.status_code, answer.json()["message"]) == (404, "Workspace not found")


BAD_DRAFTS = [
    ([], [""]),
    ({"contactId": "x"}, [""]),
    ({"contactId": "x", "criteria": CRITERIA, "rule": {"all": []}}, [""]),
    ({"criteria": CRITERIA}, ["contactId"]),
    ({"criteria": {}, "contactId": 5}, ["contactId", "criteria.type", "criteria.predicates"]),
    ({"rule": {"every": []}, "contactId": "x"}, ["rule"]),
    ({"rule": {"property": "e-mial", "operator": "is", "value": "x"}, "contactId": "x"}, ["rule.property"]),
    ({"rule": {"segment": "6684f0911504d49e7c00312e"}}, ["contactId"]),
    ({"criteria": {"type": "and", "predicates": [{"property": "customProperties.plam", "operator": "is", "value": "x", "dataType": "string"}]}, "contactId": "x"},
     ["criteria.predicates[0].property"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "paths"), BAD_DRAFTS)
def test_what_is_wrong_with_a_draft(api, shop, people, body, paths):
    answer = api.post(DRAFT, body)
    assert answer.status_code == 400
    assert [each["path"] for each in answer.json()["problems"]] == paths
    assert not shop.properties.filter(name="plam").exists()


def test_a_draft_that_names_an_unknown_segment_is_refused(api, people):
    unknown = {"rule": {"segment": "6684f0911504d49e7c00312e"}, "contactId": people["Ana"].wire_id}
    answer = api.post(DRAFT, unknown)
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "rule")


# --- the command -------------------------------------------------------------------------------------------------


def run(*words):
    out = StringIO()
    call_command("explain_segment", *map(str, words), stdout=out)
    return out.getvalue()


def test_the_command_shows_the_tree_and_ends_with_in_or_out(shop, people):
    vips = segment(shop, "VIPs", Any((TAGGED, custom("total", "at_least", 100))))
    some = segment(shop, "Some", All((COUNTRY, Not(PRO), Not(Any((ORDERED, Not(TOTAL)))), InSegment(vips.pk))))
    pin(some, people["Bo"], "excluded", "asked us to", expires_at=MAY)
    pin(vips, people["Bo"], "included", expires_at=LAST_YEAR)
    until = LAST_YEAR.astimezone(shop.zone)
    expected = f"""\
Bo  {people["Bo"].wire_id}
Segment: Some (Demo shop)

✗ all of these
  ✗ country is one of DE, AT                   has FR
  ✗ plan is not pro (or they have none)        has Pro
  ✗ none of these
    ✗ last order is on 2 Jun 2024              has nothing
    ✓ total is at most 5 (or they have none)   has 3
  ✓ they are in VIPs
      ✓ at least one of these
        ✓ tags include one of vip, press       has VIP, Early bird
        ✗ total is at least 100                has 3
      put in by hand, until {until.day} {until:%b %Y, %H:%M:%S UTC%z} (which is over)
kept out by hand, until 4 May 2127, 00:00 UTC+0200: asked us to

Is kept out by hand (asked us to, until 3 May 2127); the rule does not find them either.
out
"""
    assert run(some.pk, people["Bo"].pk) == expected
    assert run("VIPs", people["Bo"].wire_id).splitlines()[-1] == "in"


def test_people_are_found_by_id_number_e_mail_and_external_id(shop, rival):
    segment(shop, "Everyone", All(()))
    eva = add(shop, "Eva", email="Eva@Post.example", external_id="E-7")
    add(rival, "Zoe", email="eva@post.example", external_id="E-7")
    for text in (eva.wire_id, eva.pk, "eva@post.EXAMPLE", "E-7"):
        assert run("Everyone", text).startswith(f"Eva  Eva@Post.example  {eva.wire_id}\nSegment: Everyone")


def test_several_people_with_an_address_are_listed(shop):
    segment(shop, "Everyone", All(()))
    two = [add(shop, name, email="family@post.example") for name in ("Eva", "Finn")]
    with pytest.raises(CommandError) as caught:
        run("Everyone", "family@post.example")
    assert caught.value.returncode == 2
    assert str(caught.value).splitlines() == [
        "There are several people for that; use an id:",
        *(f"  {each.first_name}  family@post.example  {each.wire_id}" for each in two),
    ]


@pytest.mark.parametrize("words", [("Nothing", "1"), ("Everyone", "nobody@post.example"), ("Everyone", "9" * 30), ("Everyone", "")])  # fmt: skip
def test_who_or_what_is_unknown_ends_the_command_with_2(shop, words):
    segment(shop, "Everyone", All(()))
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.returncode == 2


# --- random rules over random people -----------------------------------------------------------------------------


def beside(rule, node):
    """Each node of a rule beside its explanation."""
    yield rule, node
    match node:
        case Group(parts=parts):
            for part, below in zip(rule.rules, parts, strict=True):
                yield from beside(part, below)
        case Denial(part=below):
            yield from beside(rule.rule, below)


def truth(rule, node, flipped):
    """What a node would be if these conditions, wherever they stand, were the opposite of what they are."""
    match node:
        case Group(joiner="all", parts=parts):
            return all(truth(part, below, flipped) for part, below in zip(rule.rules, parts))
        case Group(parts=parts):
            return any(truth(part, below, flipped) for part, below in zip(rule.rules, parts))
        case Denial(part=below):
            return not truth(rule.rule, below, flipped)
    return node.met != (rule in flipped)


def made_with_pins(workspace, drawn, ids):
    made = []
    for node, included, excluded, expires in drawn:
        rule = read_node(naming(node, made), "rule")
        some = segment(workspace, f"Segment {len(made)}", rule)
        kinds = {ids[place]: "included" for place in included} | {ids[place]: "excluded" for place in excluded}
        until = {"included": MAY, "excluded": LAST_YEAR} if expires else {}
        Pin.objects.bulk_create(
            Pin(segment=some, contact_id=pk, kind=kind, expires_at=until.get(kind)) for pk, kind in kinds.items()
        )
        rewrite_pins(some)
        made.append((some, rule))
    return made


@pytest.mark.django_db(transaction=True)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=st.lists(SEGMENT, min_size=2, max_size=4), batch=st.lists(PERSON, min_size=1, max_size=3), seed=st.randoms()
)
def test_every_node_is_met_exactly_when_its_rule_finds_them(drawn, batch, seed):
    workspace = workspace_with_properties("Europe/Madrid")
    ids = list(insert(workspace, [*CROWD, *batch]))
    made = made_with_pins(workspace, drawn, ids)
    last, rule = made[-1]
    members = audience.of(last).ids()
    finds = {each.at: audience.matching(workspace, each.node).ids() for each in walk(rule)}
    for contact in {*seed.sample(ids[:60], 4), *ids[-len(batch) :]}:
        found = explanations.explain(workspace, RuleWithPins(rule, last), contact)
        assert found.is_in == (contact in members)
        pairs = list(beside(rule, found.rule))
        assert [node.met for _, node in pairs] == [contact in finds[node.at] for _, node in pairs]
        assert all(node.words for _, node in pairs)
        assert json.dumps(found.as_json())
        assert list(lines(found, workspace.zone))
        assert found.why.startswith(("Is in because ", "Is in by hand", "Is kept out by hand", "Is not in because ", "Would be in if "))  # fmt: skip
        assert len(found.why) > len("Would be in if .")
        leads_in(rule, found)


def leads_in(rule, found):
    """Whoever becomes what the sentence says is in."""
    assert bool(found.changes) == found.why.startswith("Would be in if ")
    if found.changes:
        by_place = {node.at: each for each, node in beside(rule, found.rule)}
        assert not found.rule.met
        assert truth(rule, found.rule, [by_place[change.at] for change in found.changes])


FLAGS = [custom(f"flag{place}", "is", True) for place in range(6)]
FLAGGED = Schema({flag.property: custom_type(flag.property.partition(".")[2], "", Kind.BOOLEAN, 1) for flag in FLAGS})


def met_by(rule, flags):
    """Of each node by its place, whether somebody with these flags meets it."""
    return {each.at: holds(each.node, flags) for each in walk(rule)}


def holds(rule, flags):
    match rule:
        case All(rules):
            return all(holds(part, flags) for part in rules)
        case Any(rules):
            return any(holds(part, flags) for part in rules)
        case Not(part):
            return not holds(part, flags)
    return rule.property in flags


@st.composite
def rules_of_flags(draw):
    """A random rule in which each flag stands once at most."""
    rules = list(FLAGS)
    while len(rules) > 1:
        parts = [
            rules.pop(draw(st.integers(0, len(rules) - 1))) for _ in range(draw(st.integers(1, min(3, len(rules)))))
        ]
        group = draw(st.sampled_from([All, Any]))(tuple(parts))
        rules.append(Not(group) if draw(st.booleans()) else group)
        if draw(st.integers(0, 9)) == 0:
            break
    return rules[-1]


@settings(max_examples=300, deadline=None)
@given(rule=rules_of_flags(), flags=st.sets(st.sampled_from([flag.property for flag in FLAGS])))
def test_no_way_in_is_shorter_than_the_one_that_is_named(rule, flags):
    root = Explainer(met_by(rule, flags), lambda type_: Stored(), {}).node(check(rule, FLAGGED))
    if root.met:
        return
    ways = [set(way) for size in range(7) for way in itertools.combinations([flag.property for flag in FLAGS], size)]
    shortest = next(way for way in ways if holds(rule, flags ^ way))
    assert len(closest(root)) == len(shortest)
