"""Swipe One's documented page, request by request and field by field, and what its text promises beside the examples."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from contacts.columnar.refresh import refresh
from contacts.models import Contact, Property
from segments.models import Segment
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import add, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

SEGMENTS = f"/api/workspaces/{DEMO}/segments"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"[0-9a-f]{24}")

IN_TRIAL = {"property": "customProperties.subscriptionStatus", "operator": "is", "value": "in_trial", "dataType": "string"}  # fmt: skip
FEMALE = {"property": "gender", "operator": "is", "value": "Female", "dataType": "string"}
ACTIVE = {**IN_TRIAL, "value": "active"}
SINCE_JUNE = {"property": "createdAt", "operator": "greater_than", "value": "2024-06-01T00:00:00Z", "dataType": "date"}

CREATE = {
    "name": "Subscription Status in trial and Gender is Female",
    "criteria": {"type": "and", "predicates": [IN_TRIAL, FEMALE]},
}


def body(name, *predicates, joiner="and"):
    return {"name": name, "criteria": {"type": joiner, "predicates": list(predicates)}}


def made(api, *predicates, name="Some", joiner="and"):
    answer = api.post(SEGMENTS, body(name, *predicates, joiner=joiner))
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]["segment"]["_id"]


def names(api, segment, **query):
    page = api.get(f"/api/segments/{segment}/contacts", limit=100, **query).json()["data"]["contacts"]
    return " ".join(contact["name"] for contact in page)


# --- the documented examples ------------------------------------------------------------------------------------


def test_create_answers_201_with_the_documented_segment(api):
    answer = api.post(SEGMENTS, CREATE)
    assert answer.status_code == 201
    assert answer.json()["status"] == "success"
    segment = answer.json()["data"]["segment"]
    assert segment["workspaceId"] == DEMO
    assert segment["name"] == CREATE["name"]
    assert segment["criteria"] == CREATE["criteria"]
    assert ID.fullmatch(segment["_id"])
    assert TIME.fullmatch(segment["createdAt"])
    assert segment["createdAt"] == segment["updatedAt"]


def test_a_segment_made_before_anybody_has_the_property_works_and_says_so(api, shop):
    warnings = api.post(SEGMENTS, CREATE).json()["warnings"]
    assert warnings == [
        "nobody has subscriptionStatus yet: this condition lets nobody through (criteria.predicates[0])"
    ]
    assert Property.objects.get(name="subscriptionStatus").type == "text"
    not_active = {**ACTIVE, "operator": "is_not", "property": "customProperties.tier"}
    assert "lets everyone through" in api.post(SEGMENTS, body("Not gold", not_active)).json()["warnings"][0]
    segment = Segment.objects.get(name=CREATE["name"])
    api.post(f"/api/workspaces/{DEMO}/contacts", {"fullName": "Ana Ruiz", "gender": "female", "subscriptionStatus": "IN_TRIAL"})  # fmt: skip
    assert names(api, segment.pk) == "Ana Ruiz"


def test_the_list_has_every_segment_with_its_criteria_and_a_count(api):
    api.post(SEGMENTS, body("Subscribed Users", ACTIVE))
    api.post(SEGMENTS, body("New Leads", SINCE_JUNE, joiner="or"))
    answer = api.get(SEGMENTS)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert answer.json()["status"] == "success"
    assert data["count"] == 2
    assert [(each["name"], each["criteria"]) for each in data["segments"]] == [
        ("Subscribed Users", {"type": "and", "predicates": [ACTIVE]}),
        ("New Leads", {"type": "or", "predicates": [SINCE_JUNE]}),
    ]
    assert all(ID.fullmatch(each["_id"]) for each in data["segments"])


def test_get_answers_with_the_documented_fields(api):
    segment = made(api, ACTIVE, name="Subscribed Users")
    answer = api.get(f"/api/segments/{segment}")
    assert answer.status_code == 200
    found = answer.json()["data"]["segment"]
    assert {key: found[key] for key in ("_id", "name", "criteria")} == {
        "_id": segment,
        "name": "Subscribed Users",
        "criteria": {"type": "and", "predicates": [ACTIVE]},
    }
    assert TIME.fullmatch(found["createdAt"])
    assert TIME.fullmatch(found["updatedAt"])


def test_patch_changes_name_and_criteria_and_moves_updated_at(api):
    segment = made(api, FEMALE)
    answer = api.patch(f"/api/segments/{segment}", body("Updated Segment Name", ACTIVE))
    assert answer.status_code == 200
    found = answer.json()["data"]["segment"]
    assert found["_id"] == segment
    assert found["workspaceId"] == DEMO
    assert found["name"] == "Updated Segment Name"
    assert found["criteria"] == {"type": "and", "predicates": [ACTIVE]}
    assert found["updatedAt"] > found["createdAt"]


@pytest.mark.parametrize("change", [{"name": "Other"}, {"criteria": {"type": "or", "predicates": [ACTIVE]}}, {}])
def test_patch_changes_only_what_it_names(api, change):
    segment = made(api, FEMALE)
    answer = api.patch(f"/api/segments/{segment}", change)
    assert answer.status_code == 200
    found = answer.json()["data"]["segment"]
    assert found["name"] == change.get("name", "Some")
    assert found["criteria"] == change.get("criteria", {"type": "and", "predicates": [FEMALE]})


def test_contacts_of_a_segment_in_the_documented_form(api, shop):
    for name in ("Ana", "Bo", "Cleo"):
        add(shop, name, {"gender": "Female"}, email=f"{name}@post.example")
    add(shop, "Dan", {"gender": "Male"})
    answer = api.get(f"/api/segments/{made(api, FEMALE)}/contacts", limit=2)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert [(each["name"], each["email"]) for each in data["contacts"]] == [
        ("Ana", "Ana@post.example"),
        ("Bo", "Bo@post.example"),
    ]
    assert data["count"] == 3
    assert isinstance(data["searchAfter"], str)
    assert isinstance(data["searchBefore"], str)


# --- errors -----------------------------------------------------------------------------------------------------


EVERYTHING_ELSE = [
    ("DELETE", f"/api/segments/{UNKNOWN}"), ("GET", f"/api/segments/{UNKNOWN}/count"),
    ("GET", f"/api/segments/{UNKNOWN}/overlap"), ("POST", f"{SEGMENTS}/preview"),
    ("GET", f"/api/workspaces/{DEMO}/contacts"), ("POST", f"/api/workspaces/{DEMO}/contacts/search"),
    ("GET", f"/api/contacts/{UNKNOWN}"), ("PUT", f"/api/contacts/{UNKNOWN}/status"),
    ("POST", f"/api/contacts/{UNKNOWN}/tags"), ("GET", f"/api/workspaces/{DEMO}/statuses"),
    ("GET", f"/api/workspaces/{DEMO}/tags"), ("POST", f"/api/workspaces/{DEMO}/tags"),
    ("GET", f"/api/tags/{UNKNOWN}"), ("PATCH", f"/api/tags/{UNKNOWN}"), ("GET", f"/api/tags/{UNKNOWN}/contacts"),
    ("GET", f"/api/workspaces/{DEMO}/contact-properties"), ("POST", f"/api/workspaces/{DEMO}/contact-properties"),
    ("GET", f"/api/contact-properties/{UNKNOWN}"), ("GET", f"/api/workspaces/{DEMO}/properties"),
    ("POST", f"/api/workspaces/{DEMO}/properties"), ("PATCH", f"/api/workspaces/{DEMO}/properties/plan"),
    ("DELETE", f"/api/workspaces/{DEMO}/properties/plan"),
]  # fmt: skip


def test_without_a_good_key_every_endpoint_answers_401(shop):
    key, revoked = ApiKey.objects.issue(shop, "old", "write")
    key.revoked_at = key.created_at
    key.save()
    for who in (Api(""), Api("sk_wrong"), Api(revoked), Api("\u00e9".encode().decode("latin-1"))):
        for method, path in [
            ("POST", SEGMENTS), ("GET", SEGMENTS), ("GET", f"/api/segments/{UNKNOWN}"),
            ("PATCH", f"/api/segments/{UNKNOWN}"), ("GET", f"/api/segments/{UNKNOWN}/contacts"),
            ("POST", f"/api/workspaces/{DEMO}/contacts"), *EVERYTHING_ELSE,
        ]:  # fmt: skip
            answer = who(method, path, "{broken")
            assert (answer.status_code, answer.json()) == (401, {"status": "error", "message": "Unauthorized"}), path


def test_unknown_and_malformed_ids_are_404_in_the_documented_words(api):
    for pk in (UNKNOWN, "x", "6684F0911504D49E7C00312E", "%00", "..%2f", "a" * 3000):
        for method, path in [("GET", ""), ("PATCH", ""), ("GET", "/contacts")]:
            answer = api(method, f"/api/segments/{pk}{path}", "{}")
            assert answer.status_code == 404, (method, pk)
            assert answer.json()["status"] == "fail"
        answer = api.get(f"/api/workspaces/{pk}/segments")
        assert (answer.status_code, answer.json()["status"]) == (404, "fail")
    assert api.get(f"/api/segments/{UNKNOWN}").json()["message"] == "Segment not found"
    assert api.get(f"/api/workspaces/{UNKNOWN}/segments").json()["message"] == "Workspace not found"


def test_the_key_of_another_workspace_sees_404_everywhere(api, rival_api):
    segment = made(api, FEMALE)
    for method, path in [("GET", SEGMENTS), ("POST", SEGMENTS), ("POST", f"/api/workspaces/{DEMO}/contacts")]:
        answer = rival_api(method, path, CREATE)
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Workspace not found"})
    for method, path in [("GET", ""), ("PATCH", ""), ("GET", "/contacts")]:
        answer = rival_api(method, f"/api/segments/{segment}{path}", CREATE)
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Segment not found"})
    assert Segment.objects.get().name == "Some"


def test_a_key_that_may_only_read_cannot_write(shop):
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert reader.get(SEGMENTS).status_code == 200
    answer = reader.post(SEGMENTS, CREATE)
    assert (answer.status_code, answer.json()["status"]) == (403, "error")
    assert not Segment.objects.exists()


def test_a_name_is_unique_in_the_workspace(api, rival_api, rival):
    made(api, FEMALE, name="VIP")
    answer = api.post(SEGMENTS, body("VIP", ACTIVE))
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert "VIP exists already" in answer.json()["problems"][0]["message"]
    other = made(api, FEMALE, name="Others")
    assert api.patch(f"/api/segments/{other}", {"name": "VIP"}).status_code == 400
    assert api.patch(f"/api/segments/{other}", {"name": "Others"}).status_code == 200
    assert rival_api.post(f"/api/workspaces/{rival.pk}/segments", body("VIP", FEMALE)).status_code == 201


def predicate(**changes):
    return {**FEMALE, **changes}


BAD_PREDICATES = [
    ("text", "criteria.predicates[0]"),
    ({}, "criteria.predicates[0].property"),
    (predicate(property="colour"), "criteria.predicates[0].property"),
    (predicate(property=5), "criteria.predicates[0].property"),
    (predicate(operator="resembles"), "criteria.predicates[0].operator"),
    (predicate(operator="greater_than"), "criteria.predicates[0].operator"),
    (predicate(dataType="colour"), "criteria.predicates[0].dataType"),
    ({key: FEMALE[key] for key in ("property", "operator", "value")}, "criteria.predicates[0].dataType"),
    ({key: FEMALE[key] for key in ("property", "operator", "dataType")}, "criteria.predicates[0].value"),
    (predicate(value=None), "criteria.predicates[0].value"),
    (predicate(value=[]), "criteria.predicates[0].value"),
    (predicate(value={"a": 1}), "criteria.predicates[0].value"),
    (predicate(value="x" * 10_001), "criteria.predicates[0].value"),
    (predicate(value="a\0b"), "criteria.predicates[0].value"),
    (predicate(operator="contains", value=""), "criteria.predicates[0].value"),
    ({**SINCE_JUNE, "value": "soon"}, "criteria.predicates[0].value"),
    ({**SINCE_JUNE, "value": "2024-02-30"}, "criteria.predicates[0].value"),
    ({**SINCE_JUNE, "operator": "is_between_dates", "value": ["2024-06-02", "2024-06-01"]}, "criteria.predicates[0].value"),
    ({**SINCE_JUNE, "operator": "is_in_the_last", "value": "-1"}, "criteria.predicates[0].value"),
    (predicate(property="teamSize", value="many", dataType="number"), "criteria.predicates[0].value"),
    (predicate(property="teamSize", value=2**60, dataType="number"), "criteria.predicates[0].value"),
    ({"type": "xor", "predicates": [FEMALE]}, "criteria.predicates[0].type"),
    ({"type": "or", "predicates": []}, "criteria.predicates[0].predicates"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "path"), BAD_PREDICATES)
def test_a_bad_predicate_is_named_with_its_path_and_nothing_is_saved(api, bad, path):
    answer = api.post(SEGMENTS, body("Bad", bad, {**ACTIVE, "property": "customProperties.fresh"}))
    assert answer.status_code == 400, answer.content
    assert answer.json()["status"] == "error"
    assert answer.json()["message"] == "Invalid input"
    assert answer.json()["problems"][0]["path"] == path
    assert not Segment.objects.exists()
    assert not Property.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [[], "text", 5, {}, {"name": "A"}, {"criteria": CREATE["criteria"]}, {**CREATE, "name": ""}, {**CREATE, "name": " "},
     {**CREATE, "name": None}, {**CREATE, "name": "a\0b"}, {**CREATE, "name": "x" * 501}, {**CREATE, "criteria": []},
     {**CREATE, "criteria": {"type": "and", "predicates": []}}, {**CREATE, "criteria": {"type": "and"}},
     {**CREATE, "criteria": {"type": "AND", "predicates": [FEMALE]}}],
)  # fmt: skip
def test_a_bad_body_is_400(api, bad):
    answer = api.post(SEGMENTS, bad)
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (400, "error", "Invalid input")
    assert not Segment.objects.exists()


def test_one_error_names_every_problem_and_what_is_allowed(api, shop):
    declare(shop, orders="number")
    answer = api.post(
        SEGMENTS,
        body("", predicate(property="emial"), predicate(property="customProperties.orders", operator="contains"),
             predicate(property="customProperties.orders", value="abc"), joiner="xor"),
    )  # fmt: skip
    problems = {each["path"]: each for each in answer.json()["problems"]}
    assert set(problems) == {
        "name", "criteria.type", "criteria.predicates[0].property", "criteria.predicates[1].operator",
        "criteria.predicates[2].value",
    }  # fmt: skip
    assert problems["criteria.predicates[0].property"]["allowed"] == ["email"]
    assert "greater_than" in problems["criteria.predicates[1].operator"]["allowed"]


@pytest.mark.parametrize(
    "text", ['{"name": oops}', "", "[1,", '{"name": "\ud800"}', "{" * 5000, "\xff", '{"name": "\\ud800"}', "NaN"]
)
def test_malformed_json_is_400_in_the_envelope(api, text):
    answer = api("POST", SEGMENTS, text.encode("utf-8", "surrogatepass"))
    assert (answer.status_code, answer.json()["status"]) == (400, "error")


def test_malformed_json_is_400_with_its_line_and_column(api):
    answer = api("POST", SEGMENTS, '{\n  "name": oops}')
    assert answer.json()["problems"][0]["message"].startswith("line 2, column 11")


def test_broken_bodies_are_answered_in_the_envelope_everywhere(api):
    for method, path in EVERYTHING_ELSE:
        for text in ("{broken", '{"label": "\\ud800"}', b"\xff\xfe", "[" * 900 + "]" * 900):
            answer = api(method, path, text)
            assert answer.status_code in (200, 400, 404), (method, path, answer.content)
            assert answer.json()["status"] in ("success", "error", "fail")


def test_a_body_past_the_limit_is_413_and_another_type_415(api, settings):
    settings.BODY_LIMIT = 1000
    assert api.post(SEGMENTS, {"name": "x" * 2000}).status_code == 413
    answer = api.client.post(SEGMENTS, {"name": "A"}, headers={"x-api-key": api.key})
    assert (answer.status_code, answer.json()["status"]) == (415, "error")


def test_unknown_routes_and_methods_answer_in_the_envelope(api):
    assert api.get("/api/nothing").json()["status"] == "fail"
    answer = api("PUT", SEGMENTS, "{}")
    assert (answer.status_code, answer.json()["status"]) == (405, "error")


def test_paths_work_with_and_without_a_slash_at_the_end(api):
    assert api.post(SEGMENTS + "/", CREATE).status_code == 201
    assert api.get(SEGMENTS + "/").json()["data"]["count"] == 1


def test_groups_nest_ten_deep_and_no_deeper(api):
    node = FEMALE
    for _ in range(9):
        node = {"type": "or", "predicates": [node]}
    assert api.post(SEGMENTS, body("Ten", node)).status_code == 201
    assert api.post(SEGMENTS, body("Eleven", {"type": "or", "predicates": [node]})).status_code == 400


def test_a_rule_has_at_most_500_conditions(api):
    assert api.post(SEGMENTS, body("Many", *[FEMALE] * 500)).status_code == 201
    assert api.post(SEGMENTS, body("Too many", *[FEMALE] * 501)).status_code == 400


# --- meaning ----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(shop):
    declare(shop, plan="text", orders="number", vip="boolean", seen="date", likes="list")
    add(shop, "Ana", plan="Pro", orders=0, vip=True, seen="2024-06-01", likes=["Tea", "Rum"], tags=["Beta"])
    add(shop, "Bo", plan="free", orders=10, vip=False, seen="2024-06-01T21:59:59.999Z", likes=["tea"])
    add(shop, "Cleo", plan="Professional", orders=10.5, seen="2024-06-01T22:00:00.000Z")
    add(shop, "Dan")
    refresh_later = Contact.objects.count()
    assert refresh_later == 4


MEANINGS = [
    # property, dataType, operator, value, who
    ("plan", "string", "is", "PRO", "Ana"),
    ("plan", "string", "is", ["pro", "FREE"], "Ana Bo"),
    ("plan", "string", "is_not", "pro", "Bo Cleo Dan"),
    ("plan", "string", "contains", "pro", "Ana Cleo"),
    ("plan", "string", "does_not_contain", "pro", "Bo Dan"),
    ("plan", "string", "starts_with", "prof", "Cleo"),
    ("plan", "string", "ends_with", "E", "Bo"),
    ("plan", "string", "is_known", "", "Ana Bo Cleo"),
    ("plan", "string", "is_unknown", "", "Dan"),
    ("plan", "string", "is", "", "Dan"),
    ("plan", "string", "is_not", "", "Ana Bo Cleo"),
    ("plan", "string", "contains", "%", ""),
    ("orders", "number", "is", "10", "Bo"),
    ("orders", "number", "is", 10, "Bo"),
    ("orders", "string", "is", "10", "Bo"),
    ("orders", "number", "is_not", 10, "Ana Cleo Dan"),
    ("orders", "number", "greater_than", "10", "Cleo"),
    ("orders", "number", "less_than", 10, "Ana"),
    ("orders", "number", "is_known", "", "Ana Bo Cleo"),
    ("vip", "boolean", "is", True, "Ana"),
    ("vip", "boolean", "is", "false", "Bo"),
    ("vip", "boolean", "is_not", True, "Bo Cleo Dan"),
    ("vip", "boolean", "is_unknown", "", "Cleo Dan"),
    ("seen", "date", "is_on", "2024-06-01", "Ana Bo"),
    ("seen", "date", "is_before", "2024-06-02", "Ana Bo"),
    ("seen", "date", "is_after", "2024-06-01", "Cleo"),
    ("seen", "date", "greater_than", "2024-06-01T21:59:59.999Z", "Cleo"),
    ("seen", "date", "less_than", "2024-06-01T00:00:00Z", "Ana"),
    ("seen", "date", "is_between_dates", ["2024-05-31", "2024-06-01"], "Ana Bo"),
    ("seen", "date", "is_more_than", "30", "Ana Bo Cleo"),
    ("seen", "date", "is_in_the_last", "30", ""),
    ("seen", "date", "is_in_the_next", 5, ""),
    ("likes", "multiselect", "contains", "TEA", "Ana Bo"),
    ("likes", "multiselect", "contains", ["rum", "gin"], "Ana"),
    ("likes", "multiselect", "does_not_contain", "rum", "Bo Cleo Dan"),
    ("likes", "multiselect", "contains", "te", ""),
    ("likes", "multiselect", "is_unknown", "", "Cleo Dan"),
]


@pytest.mark.parametrize(("name", "data_type", "operator", "value", "who"), MEANINGS)
def test_who_a_predicate_finds(api, people, name, data_type, operator, value, who):
    sent = {"property": f"customProperties.{name}", "operator": operator, "value": value, "dataType": data_type}
    segment = made(api, sent)
    assert names(api, segment) == who
    assert api.get(f"/api/segments/{segment}").json()["data"]["segment"]["criteria"]["predicates"] == [sent]


# The operators that n8n's node offers, by field type; it has no other data types than these four.
OFFERED = {
    "text email url phone country person": "is is_not contains does_not_contain starts_with is_known is_unknown",
    "select": "is is_not is_known is_unknown",
    "multiselect": "contains does_not_contain is_known is_unknown",
    "number": "is is_not greater_than less_than is_known is_unknown",
    "date": "is_more_than is_in_the_last is_in_the_next is_on is_before is_after is_between_dates is_known is_unknown "
            "greater_than less_than",
    "address": "is_known is_unknown",
}  # fmt: skip
VALUES = {"number": "5", "is_more_than": "30", "is_in_the_last": "7", "is_in_the_next": "7", "is_known": "", "is_unknown": "",
          "is_between_dates": ["2024-01-01", "2024-06-01"], "date": "2024-06-01T00:00:00Z"}  # fmt: skip


@pytest.mark.parametrize(("types", "operators"), OFFERED.items())
def test_every_operator_that_clients_offer_for_a_field_type_is_taken_and_echoed(api, types, operators):
    for field_type in types.split():
        api.post(f"/api/workspaces/{DEMO}/contact-properties", {"label": field_type, "name": f"my{field_type}", "fieldType": field_type})  # fmt: skip
        for operator in operators.split():
            value = VALUES.get(operator, VALUES.get(field_type, "x"))
            data_type = field_type if field_type in ("number", "date") else "string"
            sent = {"property": f"customProperties.my{field_type}", "operator": operator, "value": value,
                    "dataType": data_type, "type": "contact"}  # fmt: skip
            answer = api.post(SEGMENTS, {**body(f"{field_type} {operator}", sent), "copyViewFrom": "all_people"})
            assert answer.status_code == 201, (field_type, operator, answer.content)
            assert answer.json()["data"]["segment"]["criteria"] == {"type": "and", "predicates": [sent]}
            assert "warnings" not in answer.json()
    assert api.get(SEGMENTS).json()["data"]["count"] == len(types.split()) * len(operators.split())


def test_whether_a_thing_is_known_needs_no_value(api, people):
    sent = {"property": "tags", "operator": "is_known", "dataType": "string"}
    assert names(api, made(api, sent)) == "Ana"
    assert names(api, made(api, {**sent, "operator": "is_unknown"}, name="Untagged")) == "Bo Cleo Dan"


def test_tags_include_and_exclude(api, people):
    sent = {"property": "tags", "operator": "includes", "value": "beta", "dataType": "string"}
    assert names(api, made(api, sent)) == "Ana"
    assert names(api, made(api, {**sent, "operator": "excludes"}, name="Not beta")) == "Bo Cleo Dan"


def test_and_or_and_nested_groups(api, people):
    pro = {"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}
    ten = {"property": "customProperties.orders", "operator": "is", "value": 10, "dataType": "number"}
    vip = {"property": "customProperties.vip", "operator": "is", "value": False, "dataType": "boolean"}
    assert names(api, made(api, pro, ten, joiner="or", name="A")) == "Ana Bo"
    assert names(api, made(api, pro, ten, name="B")) == ""
    assert names(api, made(api, vip, {"type": "or", "predicates": [pro, ten]}, name="C")) == "Bo"


def test_what_live_clients_send_besides_is_accepted_and_echoed(api, people):
    sent = {"property": "customProperties.plan", "operator": "is_known", "value": "", "dataType": "string", "type": "contact"}  # fmt: skip
    answer = api.post(SEGMENTS, {**body("Extras", sent), "copyViewFrom": "all_people"})
    assert answer.status_code == 201
    assert answer.json()["data"]["segment"]["criteria"]["predicates"] == [sent]


def test_a_segment_made_elsewhere_is_shown_and_taken_back_unchanged(api, shop, people):
    from segments.dialects.draft import Draft
    from segments.rules.tree import All, Any, Condition, InSegment, Not
    from segments.saving import drafts

    plan = Condition("customProperties.plan", "is", "pro")
    inner = drafts.create(shop, Draft("Inner", plan, rule_given=True))
    for number, rule in enumerate(
        [plan, All((plan, Not(plan))), Any(()), All(()), Not(All((plan,))), All((InSegment(inner.pk),)), None]
    ):
        made_elsewhere = drafts.create(shop, Draft(f"Elsewhere {number}", rule, rule_given=True))
        path = f"/api/segments/{made_elsewhere.pk}"
        before = names(api, made_elsewhere.pk)
        criteria = api.get(path).json()["data"]["segment"]["criteria"]
        assert criteria["predicates"]
        assert api.patch(path, {"criteria": criteria}).status_code == 200
        assert names(api, made_elsewhere.pk) == before
        if rule not in (plan, None):
            assert Segment.objects.get(pk=made_elsewhere.pk).tree == rule


# --- paging -----------------------------------------------------------------------------------------------------


def test_limits_and_cursors(api, people):
    path = f"/api/segments/{made(api, {**FEMALE, 'operator': 'is_unknown', 'value': ''})}/contacts"
    assert len(api.get(path).json()["data"]["contacts"]) == 4
    assert len(api.get(path, limit=100_000).json()["data"]["contacts"]) == 4
    first = api.get(path, limit=1).json()["data"]["searchAfter"]
    for bad in [{"limit": 0}, {"limit": -1}, {"limit": "x"}, {"limit": "1.5"}, {"searchAfter": "garbage"},
                {"searchBefore": "AAAA"}, {"searchAfter": "\0"}, {"searchAfter": first, "searchBefore": first}]:  # fmt: skip
        answer = api.get(path, **bad)
        assert (answer.status_code, answer.json()["status"]) == (400, "error"), bad
    empty = api.get(path, searchAfter=api.get(path).json()["data"]["searchAfter"]).json()["data"]
    assert (empty["contacts"], empty["searchAfter"], empty["searchBefore"], empty["count"]) == ([], None, None, 4)


def walk(api, path, parameter, cursor=None):
    pages = []
    while True:
        data = api.get(path, limit=7, **({parameter: cursor} if cursor else {})).json()["data"]
        if not data["contacts"]:
            return pages
        pages.append([contact["_id"] for contact in data["contacts"]])
        cursor = data[parameter]


@pytest.mark.django_db(transaction=True)
def test_walking_forward_and_back_while_people_are_added_misses_and_repeats_nobody(api, shop, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 10, 20
    for number in range(60):
        add(shop, f"P{number}", {"gender": "Female" if number % 3 else "Male"})
    path = f"/api/segments/{made(api, FEMALE)}/contacts"
    members = {contact.wire_id for contact in Contact.objects.filter(profile__gender="Female")}
    stop = []

    def busy():
        while not stop:
            add(shop, "Late", {"gender": "Female"})
            Contact.objects.filter(profile__gender="Male").update(last_name=str(len(stop)))
            refresh(shop)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(busy)
        try:
            forward = [pk for page in walk(api, path, "searchAfter") for pk in page]
            end = forward[-1]
            pages = walk(api, path, "searchBefore", cursor_at(path, api, end))
        finally:
            stop.append(1)
            running.result(timeout=30)
    assert forward == sorted(set(forward))
    assert members <= set(forward)
    backward = [pk for page in reversed(pages) for pk in page]
    assert backward == forward[: len(backward)]
    assert all(page == sorted(page) for page in pages)
    assert set(backward) == set(forward) - {end}


def cursor_at(path, api, wanted):
    """The searchBefore of the page that begins with this contact."""
    cursor = None
    while True:
        data = api.get(path, limit=1, **({"searchAfter": cursor} if cursor else {})).json()["data"]
        if data["contacts"][0]["_id"] == wanted:
            return data["searchBefore"]
        cursor = data["searchAfter"]


def test_relative_dates_stand_still_for_the_length_of_a_walk(api, shop):
    from segments.engine.cursors import Cursor

    declare(shop, seen="date")
    add(shop, "Ana", seen="2024-06-01T12:00:00.000Z")
    add(shop, "Bo", seen="2024-06-01T12:00:00.000Z")
    recent = {"property": "customProperties.seen", "operator": "is_in_the_last", "value": "1", "dataType": "date"}
    path = f"/api/segments/{made(api, recent)}/contacts"
    assert api.get(path).json()["data"]["count"] == 0
    then = Cursor(Contact.objects.get(first_name="Ana").pk, 1717250400000).write()  # 2024-06-01T14:00:00Z
    data = api.get(path, searchAfter=then).json()["data"]
    assert [contact["name"] for contact in data["contacts"]] == ["Bo"]
    assert data["count"] == 2


def test_the_number_of_queries_does_not_grow(api, shop, django_assert_max_num_queries):
    for number in range(60):
        add(shop, f"P{number}", {"gender": "Female"})
    path = f"/api/segments/{made(api, FEMALE)}/contacts"
    with django_assert_max_num_queries(8):
        assert len(api.get(path, limit=60).json()["data"]["contacts"]) == 60


# --- the contact upsert -----------------------------------------------------------------------------------------

CONTACTS = f"/api/workspaces/{DEMO}/contacts"


def test_a_contact_is_created_and_then_updated_by_e_mail(api):
    first = api.post(CONTACTS, {"email": "Ana@Post.example", "firstName": "Ana", "plan": "pro", "seats": 3})
    assert first.status_code == 201
    contact = first.json()["data"]["contact"]
    assert contact["customProperties"] == {"plan": "pro", "seats": 3}
    again = api.post(CONTACTS, {"email": "ANA@post.example", "lastName": "Ruiz", "customProperties": {"plan": "team"}})
    assert again.status_code == 200
    assert again.json()["data"]["contact"]["_id"] == contact["_id"]
    assert again.json()["data"]["contact"]["fullName"] == "Ana Ruiz"
    assert again.json()["data"]["contact"]["customProperties"] == {"plan": "team", "seats": 3}
    assert Contact.objects.count() == 1


def test_first_use_declares_properties_by_their_json_type(api):
    api.post(CONTACTS, {"firstName": "Ana", "a": "2024-06-01", "b": 5, "c": True, "d": ["x"], "e": {"k": 1}, "f": None})
    assert dict(Property.objects.values_list("name", "type")) == {
        "a": "text", "b": "number", "c": "boolean", "d": "list", "e": "opaque",
    }  # fmt: skip


def test_values_are_normalised_and_null_takes_them_away(api):
    sent = {"fullName": "Ana  María Ruiz", "phone": "+34 600 123 456", "plan": "Cafe\u0301", "tags": ["a", "", "a"], "email": "a@b.example"}  # fmt: skip
    contact = api.post(CONTACTS, sent).json()["data"]["contact"]
    assert contact["phone"] == "+34600123456"
    assert contact["customProperties"]["plan"] == "Café"
    assert contact["tags"] == ["a"]
    assert contact["firstName"] == "Ana"
    contact = api.post(CONTACTS, {"email": "a@b.example", "plan": None, "phone": None}).json()["data"]["contact"]
    assert contact["customProperties"] == {}
    assert contact["phone"] is None


def test_what_the_api_answers_can_be_sent_back(api):
    contact = api.post(CONTACTS, {"email": "ana@post.example", "firstName": "Ana", "plan": "pro"}).json()["data"]["contact"]  # fmt: skip
    again = api.post(CONTACTS, contact)
    assert again.status_code == 200
    assert again.json()["data"]["contact"] == contact
    assert set(Property.objects.values_list("name", flat=True)) == {"plan"}


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({}, ""), ([], ""), ({"plan": "x"}, ""), ({"email": "nobody", "firstName": "A"}, "email"),
        ({"firstName": "A", "birthday": "soon"}, "birthday"), ({"firstName": "A", "teamSize": "many"}, "teamSize"),
        ({"firstName": "A", "seats": "many"}, "seats"), ({"firstName": "a\0b"}, "firstName"),
        ({"firstName": "A", "customProperties": []}, "customProperties"),
        ({"firstName": "A", "customProperties": {"email": "x"}}, "customProperties.email"),
        ({"firstName": "A", "n\0": "x"}, "n\0"), ({"firstName": "A", "seats": 2**60}, "seats"),
    ],
)  # fmt: skip
def test_a_bad_contact_is_refused_with_the_field_and_the_reason(api, shop, bad, path):
    declare(shop, seats="number")
    answer = api.post(CONTACTS, bad)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid input")
    assert answer.json()["problems"][0]["path"] == path
    assert not Contact.objects.exists()
    assert Property.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key_field", ["email", "externalId"])
def test_many_upserts_of_one_new_person_at_once_make_one_contact(shop, api, key_field):
    sent = {key_field: "ana@post.example", "firstName": "Ana"}

    def upsert(number):
        try:
            return Api(api.key).post(CONTACTS, {**sent, "orders": number}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(upsert, range(24)))
    assert sorted(set(statuses)) == [200, 201]
    assert statuses.count(201) == 1
    assert Contact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_segments_of_one_name_at_once_one_is_made(shop, api):
    def create(_):
        try:
            return Api(api.key).post(SEGMENTS, CREATE).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(20)))
    assert (statuses.count(201), statuses.count(400)) == (1, 19)


def test_the_documents_are_stored_as_sent(api):
    sent = json.dumps(body("Order", {"operator": "is", "value": "x", "dataType": "string", "property": "email", "zz": 1.0}))  # fmt: skip
    criteria = api("POST", SEGMENTS, sent).content.decode()
    assert '{"operator":"is","value":"x","dataType":"string","property":"email","zz":1.0}' in criteria
