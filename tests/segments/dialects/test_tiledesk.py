"""Tiledesk's segments over HTTP: its page, request by request, its table of operators and its error bodies."""

import base64
import json
import re

import pytest

from segments.dialects.draft import Draft
from segments.dialects.reading import NATIVE
from segments.engine import audience
from segments.models import Segment
from segments.rules.tree import All, Any, InSegment, Not, write
from segments.saving import drafts
from tests.callers import PASSWORD, UNKNOWN, Caller, basic
from tests.conftest import DEMO
from tests.people import add, custom, declare, found
from workspaces.models import Member, Role

pytestmark = pytest.mark.django_db


SEGMENTS = f"/v3/{DEMO}/segments"


def create(call, *filters, match="all", name="segment1"):
    return call.post(SEGMENTS, {"name": name, "match": match, "filters": list(filters)})


def by(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def who(shop, call, *filters, match="all"):
    answer = create(call, *filters, match=match)
    assert answer.status_code == 200, answer.content
    return found(shop, Segment.objects.get(pk=answer.json()["_id"]).tree)


# --- the page, request by request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["/v3", "/v2", "/v1", ""])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_life_of_a_segment(call, ana, base, slash):
    path = f"{base}/{DEMO}/segments"
    sent = {"name": "segment1", "filters": [{"field": "field1", "operator": "=", "value": "value1"}]}
    made = call.post(path + slash, sent)
    assert made.status_code == 200
    body = made.json()
    stamp = body.pop("createdAt")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert body == {
        "_id": body["_id"], "id": body["_id"], "name": "segment1", "match": "all", "filters": sent["filters"],
        "status": 100, "id_project": DEMO, "createdBy": f"{ana.pk:024x}", "updatedAt": stamp, "__v": 0,
        "warnings": ["nobody has field1 yet: this condition lets nobody through (filters[0])"],
    }  # fmt: skip
    one = f"{path}/{body['_id']}{slash}"
    assert call.get(one).json()["filters"] == sent["filters"]
    changed = call.put(one, {"name": "renamed", "match": None})
    assert (changed.status_code, changed.json()["name"], changed.json()["match"]) == (200, "renamed", "all")
    listed = call.get(path + slash).json()
    assert (listed["perPage"], listed["count"], [each["_id"] for each in listed["segments"]]) == (40, 1, [body["_id"]])
    gone = call("DELETE", one)
    assert (gone.status_code, gone.json()["status"], gone.json()["_id"]) == (200, 0, body["_id"])
    assert call.get(path).json() == {"perPage": 40, "count": 0, "segments": []}
    for method in ("GET", "PUT", "DELETE"):
        again = call(method, one, {})
        assert (again.status_code, again.json()) == (404, {"success": False, "msg": "Object not found."})


def test_a_put_changes_what_it_names(call, shop):
    pk = create(call, by("email", "=", "a@b.it"), by("phone", "is null")).json()["_id"]
    one = f"{SEGMENTS}/{pk}"
    assert call.put(one, {"match": "Any"}).json()["match"] == "any"
    tree = Segment.objects.get(pk=pk).tree
    assert isinstance(tree, Any)
    assert len(tree.rules) == 2
    assert call.put(one, {"filters": [by("city", "=", "Turin")]}).json() | {"updatedAt": 0} == {
        **call.get(one).json(),
        "filters": [by("city", "=", "Turin")],
        "match": "any",
        "updatedAt": 0,
    }
    assert call.put(one, {}).status_code == 200
    assert call.put(one, {"filters": []}).json()["filters"] == []
    assert audience.of(Segment.objects.get(pk=pk)).count == shop.contacts.count()


def test_the_list_is_paged_and_sorted(call):
    for number in range(5):
        create(call, name=f"segment {number}")
    names = lambda query: [each["name"][-1] for each in call.get(f"{SEGMENTS}?{query}").json()["segments"]]  # noqa: E731
    assert names("") == list("43210")
    assert names("direction=1") == list("01234")
    assert names("limit=2") == list("43")
    assert names("limit=2&page=2") == list("0")
    assert names("page=9") == []
    assert names("sort=name&direction=asc") == names("sortField=name&direction=1") == list("01234")
    wrapper = call.get(f"{SEGMENTS}?limit=2").json()
    assert (wrapper["perPage"], wrapper["count"]) == (2, 5)
    for query in ("limit=-1", "limit=abc", "page=-1", "page=x", "direction=foo", "sort=__class__"):
        answer = call.get(f"{SEGMENTS}?{query}")
        assert (answer.status_code, answer.json()["msg"]) == (400, "Error updating object.")


def test_names_may_come_twice(call):
    assert [create(call, name="twice").status_code for _ in range(2)] == [200, 200]


# --- operators ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def leads(shop):
    declare(shop, version="number", beta="boolean", seen="date", skills="list", code="text")
    add(shop, "Ana", {"city": "Turin"}, ["vip", "New York"], email="ana@x.example", version=44, beta=True, code="a.c", seen="2024-05-01")  # fmt: skip
    add(shop, "Bea", {"city": "turin"}, ["VIP"], email="bea@x.example", version=7, beta=False, code="abc", seen="2024-05-02T10:00:00.000Z")  # fmt: skip
    add(shop, "Cem", {"city": "Milan"}, phone="+391", version=7.5, skills=["chess"])
    add(shop, "Dov")
    return shop


@pytest.mark.parametrize(
    ("filters", "match", "people"),
    [
        ([by("city", "=", "TURIN")], "all", "Ana Bea"),
        ([by("city", "!=", "Turin")], "all", "Cem Dov"),
        ([by("city", "=", ["Turin", "Milan"])], "all", "Ana Bea Cem"),
        ([by("city", ">", "turin")], "all", ""),
        ([by("city", ">=", "N")], "all", "Ana Bea"),
        ([by("city", "<", "N")], "all", "Cem"),
        ([by("city", "<=", "milan")], "all", "Cem"),
        ([by("city", "starts with", "TU")], "all", "Ana Bea"),
        ([by("city", "stars with", "tu")], "all", "Ana Bea"),
        ([by("city", "ends with", "AN")], "all", "Cem"),
        ([by("attributes.code", "contains", "a.c")], "all", "Ana"),
        ([by("attributes.code", "not contains", "a.c")], "all", "Bea Cem Dov"),
        ([by("properties.version", "=", "44")], "all", "Ana"),
        ([by("attributes.version", ">", 7)], "all", "Ana Cem"),
        ([by("version", ">=", 7.5)], "all", "Ana Cem"),
        ([by("version", "<", 8)], "all", "Bea Cem"),
        ([by("beta", "=", True)], "all", "Ana"),
        ([by("beta", "!=", True)], "all", "Bea Cem Dov"),
        ([by("seen", ">", "2024-05-01")], "all", "Bea"),
        ([by("seen", "=", "2024-05-02")], "all", "Bea"),
        ([by("tags", "=", "vip")], "all", "Ana Bea"),
        ([by("tags", "contains", "york")], "all", ""),
        ([by("tags", "!=", "vip")], "all", "Cem Dov"),
        ([by("phone", "is null", "")], "all", "Ana Bea Dov"),
        ([by("phone", "is null")], "all", "Ana Bea Dov"),
        ([by("phone", "is not null", "dummy")], "all", "Cem"),
        ([by("email", "=", "")], "all", "Cem Dov"),
        ([by("fullname", "starts with", "b")], "all", "Bea"),
        ([by("lead_id", "is null")], "all", "Ana Bea Cem Dov"),
        ([by("version", ">", 7), by("version", "<", 40)], "all", "Cem"),
        ([by("city", "=", "Milan"), by("beta", "=", True)], "any", "Ana Cem"),
        ([by("city", "=", "Milan"), by("beta", "=", True)], "ALL", ""),
        ([], "all", "Ana Bea Cem Dov"),
        ([], "any", "Ana Bea Cem Dov"),
        ([by("field1", "=", "value1")], "all", ""),
        ([by("field1", "!=", 5)], "all", "Ana Bea Cem Dov"),
    ],
)  # fmt: skip
def test_whom_filters_find(leads, call, filters, match, people):
    assert who(leads, call, *filters, match=match) == people


def test_one_filter_may_stand_without_its_list(leads, call):
    answer = call.post(SEGMENTS, {"name": "one", "filters": by("city", "=", "Milan")})
    assert found(leads, Segment.objects.get(pk=answer.json()["_id"]).tree) == "Cem"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"filters": []}, "name"),
        ({"name": "", "filters": []}, "name"),
        ({"name": {"a": 1}, "filters": []}, "name"),
        ({"name": "x", "match": "some"}, "match"),
        ({"name": "x", "match": 5}, "match"),
        ({"name": "x", "filters": None}, "filters"),
        ({"name": "x", "filters": "all"}, "filters"),
        ({"name": "x", "filters": [None]}, "filters[0]"),
        ({"name": "x", "filters": ["email"]}, "filters[0]"),
        ({"name": "x", "filters": [{"operator": "=", "value": 1}]}, "filters[0].field"),
        ({"name": "x", "filters": [{"field": "city", "value": 1}]}, "filters[0].operator"),
        ({"name": "x", "filters": [by("city", "=")]}, "filters[0].value"),
        ({"name": "x", "filters": [by("city", "=", None)]}, "filters[0].value"),
        ({"name": "x", "filters": [by("city", "regex", "^b")]}, "filters[0].operator"),
        ({"name": "x", "filters": [by("city", "contains", "")]}, "filters[0].value"),
        ({"name": "x", "filters": [by("city", "=", {"$ne": 1})]}, "filters[0].value"),
        ({"name": "x", "filters": [by("teamSize", ">", "many")]}, "filters[0].value"),
        ({"name": "x", "filters": [by("substitutionTags.x", "=", "y")]}, "filters[0].field"),
        ({"name": "x", "filters": [by("createdAt", "contains", "20")]}, "filters[0].operator"),
        ([1, 2], ""),
        ("text", ""),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_place_and_saves_nothing(call, body, path):
    answer = call.post(SEGMENTS, json.dumps(body))
    assert answer.status_code == 400
    assert (answer.json()["success"], answer.json()["msg"]) == (False, "Error updating object.")
    assert [problem["path"] for problem in answer.json()["problems"]] == [path]
    assert not Segment.objects.exists()


def test_an_operator_that_is_unknown_lists_the_choices(call):
    problem = create(call, by("city", "sounds like", "x")).json()["problems"][0]
    assert "starts with" in problem["allowed"]
    assert "sounds like" in problem["message"]


@pytest.mark.parametrize("field", ["$or", "$where", "__proto__", "id_project", "pk", "custom__x"])
def test_a_field_is_a_name_and_nothing_more(leads, call, field):
    assert who(leads, call, by(field, "=", "x")) == ""


@pytest.mark.parametrize("body", [b"{", b'{"name": ', b"\xff", b"", b'{"a":' * 3000, b'{"name": "\\u0000", "filters": []}', b'{"name": "\\ud800", "filters": []}'])  # fmt: skip
def test_what_is_no_json_is_a_400(call, body):
    answer = call.post(SEGMENTS, body)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


# --- other dialects ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        Not(All((custom("code", "is", "abc"), custom("version", "is", 7)))),
        Any(()),
        custom("version", "between", (7, 8)),
        Any((custom("code", "is", "abc"), All((custom("version", "is", 7), custom("beta", "is", True))))),
        None,
    ],
)
def test_a_rule_made_elsewhere_is_one_filter_that_comes_back_unchanged(leads, call, rule):
    segment = drafts.create(leads, Draft("Elsewhere", rule, rule_given=True))
    sent = call.get(f"{SEGMENTS}/{segment.pk}").json()
    (only,) = sent["filters"]
    assert only["field"] == NATIVE
    before = audience.of(segment).count
    assert call.put(f"{SEGMENTS}/{segment.pk}", {"filters": sent["filters"], "match": sent["match"]}).status_code == 200
    again = Segment.objects.get(pk=segment.pk)
    assert audience.of(again).count == before
    if rule is not None:
        assert again.rule == write(rule)


def test_a_segment_goes_round_through_swipe_one(leads, call, api):
    pk = create(call, by("city", "=", "Turin"), by("attributes.version", ">", 7)).json()["_id"]
    shown = api.get(f"/api/segments/{pk}").json()["data"]["segment"]
    assert shown["criteria"] == {
        "type": "and",
        "predicates": [
            {"property": "city", "operator": "is", "value": "Turin", "dataType": "string"},
            {"property": "customProperties.version", "operator": "greater_than", "value": 7, "dataType": "number"},
        ],
    }
    assert api.patch(f"/api/segments/{pk}", {"criteria": shown["criteria"]}).status_code == 200
    assert call.get(f"{SEGMENTS}/{pk}").json()["filters"] == [
        by("city", "=", "Turin"),
        by("attributes.version", ">", 7),
    ]


def test_a_segment_that_another_one_names_is_not_deleted(leads, call):
    pk = create(call, by("city", "=", "Turin")).json()["_id"]
    drafts.create(leads, Draft("Not Turin", Not(InSegment(pk)), rule_given=True))
    answer = call("DELETE", f"{SEGMENTS}/{pk}")
    assert answer.status_code == 409
    assert "Not Turin" in answer.json()["msg"]
    assert call.get(f"{SEGMENTS}/{pk}").status_code == 200


# --- who may -----------------------------------------------------------------------------------------------------------


def test_without_a_login_there_is_a_challenge_before_anything_else(db, shop):
    for path in (SEGMENTS, "/v3/nonsense/segments", f"/v3/{UNKNOWN}/segments"):
        for body in (None, b"{"):
            answer = Caller()("POST", path, body)
            assert (answer.status_code, answer.content) == (401, b"Unauthorized")
            assert answer["WWW-Authenticate"] == 'Basic realm="Users"'


@pytest.mark.parametrize(
    ("authorization", "status", "text"),
    [
        (basic("ana@shop.example", "wrong"), 401, "Unauthorized"),
        (basic("nobody@shop.example"), 401, "Unauthorized"),
        ("Bearer abc", 401, "Unauthorized"),
        ("JWT abc", 401, "Unauthorized"),
        ("JWT", 400, "Bad Request"),
        ("Basic", 400, "Bad Request"),
        ("Basic %%%", 400, "Bad Request"),
        ("Basic " + base64.b64encode(b"no colon").decode(), 400, "Bad Request"),
    ],
)
def test_what_is_no_login(ana, authorization, status, text):
    answer = Caller(authorization).get(SEGMENTS)
    assert (answer.status_code, answer.content.decode()) == (status, text)


def test_a_password_that_changes_ends_logins_and_tokens(ana, call):
    token = Caller().post("/v3/auth/signin", {"email": "ana@shop.example", "password": PASSWORD}).json()["token"]
    assert call.get(SEGMENTS).status_code == Caller(token).get(SEGMENTS).status_code == 200
    ana.set_password("another one 34")
    ana.save()
    assert call.get(SEGMENTS).status_code == Caller(token).get(SEGMENTS).status_code == 401
    assert Caller(basic("ana@shop.example", "another one 34")).get(SEGMENTS).status_code == 200


def test_somebody_who_is_no_longer_active_is_nobody(ana, call):
    token = Caller().post("/auth/signin", {"email": "ana@shop.example", "password": PASSWORD}).json()["token"]
    ana.is_active = False
    ana.save()
    assert call.get(SEGMENTS).status_code == Caller(token).get(SEGMENTS).status_code == 401


def test_signing_in(ana):
    answer = Caller().post("/v3/auth/signin", {"email": "ANA@shop.example", "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is True
    assert body["user"] == {
        "_id": f"{ana.pk:024x}", "email": "ana@shop.example", "firstname": "Ana", "lastname": "Agent", "emailverified": True,
    }  # fmt: skip
    assert body["token"].startswith("JWT ")
    assert Caller(body["token"]).get(SEGMENTS).status_code == 200
    assert Caller(body["token"].replace("JWT", "jwt")).get(SEGMENTS).status_code == 200
    for wrong in ({"email": "ana@shop.example", "password": "x"}, {"email": "no@shop.example", "password": PASSWORD}):
        refused = Caller().post("/v3/auth/signin", wrong)
        assert refused.status_code == 401
        assert refused.json()["msg"].startswith("Authentication failed.")
    for broken, params in (({}, ["email", "password"]), ({"email": "ana", "password": "x"}, ["email"]), ([], ["email", "password"])):  # fmt: skip
        answer = Caller().post("/v3/auth/signin", json.dumps(broken))
        assert (answer.status_code, [each["param"] for each in answer.json()["errors"]]) == (422, params)


@pytest.mark.parametrize("role", list(Role))
def test_from_agent_on_a_role_suffices(ana, shop, role):
    Member.objects.filter(user=ana).update(role=role)
    answer = Caller(basic("ana@shop.example")).get(SEGMENTS)
    if role >= Role.AGENT:
        assert answer.status_code == 200
    else:
        assert answer.json() == {"success": False, "msg": "you dont have the required role."}
        assert answer.status_code == 403


def test_nothing_of_another_project_is_reached(ana, call, rival, shop):
    theirs = Segment.objects.create(workspace=rival, name="Theirs", rule=write(All(())))
    own = f"{SEGMENTS}/{theirs.pk}"
    for method in ("GET", "PUT", "DELETE"):
        assert call(method, own, {"name": "Mine"}).status_code == 404
    for project in (rival.pk, UNKNOWN):
        for path in (f"/v3/{project}/segments", f"/v3/{project}/segments/{theirs.pk}"):
            answer = call.get(path)
            assert (answer.status_code, answer.json()["msg"]) == (403, "you dont belong to the project.")
    answer = call.get("/v3/nonsense/segments")
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid project id: nonsense"})
    assert Segment.objects.get(pk=theirs.pk).name == "Theirs"


def test_a_key_is_no_login_here_and_a_login_no_key_there(call, api, key):
    assert Caller()("GET", SEGMENTS, None, **{"x-api-key": key}).status_code == 401
    assert call.get(f"/api/workspaces/{DEMO}/segments").status_code == 401


@pytest.mark.parametrize(("method", "path"), [("PATCH", f"{SEGMENTS}/{UNKNOWN}"), ("DELETE", SEGMENTS), ("GET", f"/v3/{DEMO}/nothing"), ("GET", f"/{DEMO}/nothing")])  # fmt: skip
def test_a_route_that_there_is_not_answers_as_the_others(call, method, path):
    answer = call(method, path)
    assert answer.status_code in (404, 405)
    assert answer.json()["success"] is False
