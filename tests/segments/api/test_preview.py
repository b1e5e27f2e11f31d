"""Drafts, counts and overlaps over HTTP: what a rule does before anybody saves it, and how segments compare."""

import functools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from segments.dialects.draft import Draft
from segments.models import Pin, Segment, rewrite_pins
from segments.rules.tree import All, Any, InSegment, Not, write
from segments.saving import drafts
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import PRO, add, custom, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

PREVIEW, SEGMENTS = f"/api/workspaces/{DEMO}/segments/preview", f"/api/workspaces/{DEMO}/segments"
BIG = custom("orders", "greater_than", 4)
PLAN = {"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}
ORDERS = {"property": "customProperties.orders", "operator": "greater_than", "value": 4, "dataType": "number"}


@pytest.fixture
def people(shop):
    declare(shop, plan="text", orders="number", seen="date", likes="list")
    add(shop, "Ana", plan="Pro", orders=9, seen="2024-06-01", likes=["tea"])
    add(shop, "Bo", plan="pro", orders=2, likes=["Tea", "rum"])
    add(shop, "Cleo", plan="free", orders=5, seen="9999-12-31T23:59:59.999Z")
    add(shop, "Dan")
    return shop


def saved(workspace, name, rule, **pins):
    segment = drafts.create(workspace, Draft(name, rule, rule_given=True))
    for person, kind in pins.items():
        Pin.objects.create(segment=segment, contact=Contact.objects.get(first_name=person), kind=kind)
    rewrite_pins(segment)
    return segment


def previewed(api, **body):
    answer = api.post(PREVIEW, body)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]["preview"]


def names(contacts):
    return " ".join(each["firstName"] for each in contacts)


# --- previews ---------------------------------------------------------------------------------------------------


def test_a_draft_is_said_counted_and_shown(api, people):
    found = previewed(api, criteria={"type": "and", "predicates": [PLAN, ORDERS]})
    assert found["sentence"] == "People whose plan is pro and whose orders is more than 4."
    assert (found["count"], found["people"], found["share"]) == (1, 4, 0.25)
    assert names(found["sample"]) == "Ana"
    assert found["sample"][0]["customProperties"]["orders"] == 9
    assert [(each["sentence"], each["alone"], each["together"]) for each in found["funnel"]] == [
        ("People whose plan is pro.", 2, 2),
        ("People whose orders is more than 4.", 2, 1),
    ]
    assert found["change"] is None
    assert found["properties"] == []
    assert not Segment.objects.exists()


def test_a_draft_may_come_in_the_stored_form_or_as_its_rule_alone(api, people):
    rule = Any((PRO, Not(BIG)))
    for document in (write(rule), write(rule)["rule"]):
        found = previewed(api, rule=document)
        assert found["count"] == 3
        assert [each["together"] for each in found["funnel"]] == [2, 3]


def test_a_draft_that_names_a_segment_says_its_name(api, people):
    pro = saved(people, "Pros", PRO)
    found = previewed(api, rule={"all": [{"segment": pro.pk}, {"not": {"segment": pro.pk}}]})
    assert (found["count"], "in Pros" in found["sentence"]) == (0, True)


def test_the_values_of_the_properties_that_are_asked_for(api, people):
    asked = ["customProperties.likes", "customProperties.orders", "customProperties.seen", "address"]
    likes, orders, seen, address = previewed(api, rule={"all": []}, properties=asked)["properties"]
    assert likes["values"][0] == {"value": likes["values"][0]["value"], "count": 2}
    assert (likes["known"], likes["missing"], likes["distinct"], likes["histogram"]) == (2, 2, 2, None)
    assert sum(each["count"] for each in orders["histogram"]["bins"]) == orders["known"] == 3
    assert seen["histogram"]["bins"][-1]["count"] == 1
    assert seen["histogram"]["bins"][-1]["end"] == "9999-12-31T23:59:59.999Z"
    assert address == {"property": "address", "label": "Address", "type": "opaque"}
    of_pros = previewed(api, criteria={"type": "and", "predicates": [PLAN]}, properties=["customProperties.orders"])
    assert of_pros["properties"][0]["known"] == 2


def test_what_saving_would_add_and_remove(api, people):
    segment = saved(people, "Pros", PRO, Dan="included", Ana="excluded")
    found = previewed(api, criteria={"type": "and", "predicates": [ORDERS]}, segmentId=segment.pk)
    assert found["count"] == 2  # Cleo, and Dan who is pinned; Ana is kept out
    change = found["change"]
    assert (change["before"], change["after"]) == (2, 2)
    assert (change["added"]["count"], names(change["added"]["sample"])) == (1, "Cleo")
    assert (change["removed"]["count"], names(change["removed"]["sample"])) == (1, "Bo")
    assert [(each["alone"], each["together"]) for each in found["funnel"]] == [(2, 2)]
    segment.refresh_from_db()
    assert segment.tree == PRO


def test_a_segment_that_is_broken_can_be_previewed_for_its_repair(api, people):
    for rule in (write(custom("gone", "is", "x")), {"version": 7}):
        segment = saved(people, f"Broken {rule['version']}", PRO)
        Segment.objects.filter(pk=segment.pk).update(rule=rule)
        found = previewed(api, criteria={"type": "and", "predicates": [ORDERS]}, segmentId=segment.pk)
        assert found["count"] == 2
        assert found["change"]["problems"][0]["message"]


def test_a_circle_is_seen_before_it_is_saved(api, people):
    pro = saved(people, "Pros", PRO)
    user = saved(people, "Users", InSegment(pro.pk))
    answer = api.post(PREVIEW, {"rule": {"segment": user.pk}, "segmentId": pro.pk})
    assert answer.status_code == 400
    assert "circle" in answer.json()["problems"][0]["message"]


def test_a_key_that_may_only_read_previews(shop, people):
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert previewed(reader, rule={"all": []})["count"] == 4


ALL = {"all": []}
BAD = [
    ([], [""]), ({}, [""]), ({"rule": ALL, "criteria": {}}, [""]), ({"rule": None}, ["rule"]), ({"rule": 5}, ["rule"]),
    ({"criteria": []}, ["criteria"]), ({"rule": {"version": 2, "rule": ALL}}, ["rule.version"]),
    ({"rule": {"version": 1, "rule": {"any": [5]}}}, ["rule.rule.any[0]"]),
    ({"rule": {"property": "emial", "operator": "is", "value": "x"}}, ["rule.property"]),
    ({"criteria": {"type": "and", "predicates": [{**PLAN, "property": "customProperties.plam"}]}}, ["criteria.predicates[0].property"]),
    ({"rule": ALL, "properties": ["customProperties.plam", "email", "emial"]}, ["properties[0]", "properties[2]"]),
    ({"rule": ALL, "properties": "email"}, ["properties"]), ({"rule": ALL, "properties": [5]}, ["properties"]),
    ({"rule": ALL, "properties": ["email"] * 21}, ["properties"]), ({"rule": ALL, "segmentId": 5}, ["segmentId"]),
    ({"rule": {"segment": UNKNOWN}}, ["rule"]), ({"segmentId": [], "properties": {"a": 1}, "rule": 5}, ["properties", "rule"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "paths"), BAD)
def test_what_is_wrong_with_a_preview(api, people, body, paths):
    answer = api.post(PREVIEW, body)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert [each["path"] for each in answer.json()["problems"]] == paths
    assert not people.properties.filter(name="plam").exists()


def test_an_unknown_name_suggests_the_nearest(api, people):
    answer = api.post(PREVIEW, {"rule": {"property": "customProperties.plam", "operator": "is", "value": "x"}})
    assert answer.json()["problems"][0]["allowed"] == ["customProperties.plan"]


# --- counts and overlaps ----------------------------------------------------------------------------------------


def test_a_count(api, people):
    segment = saved(people, "Pros", PRO, Dan="included")
    data = api.get(f"/api/segments/{segment.pk}/count").json()["data"]
    assert {key: data[key] for key in ("segmentId", "count", "people", "share")} == {
        "segmentId": segment.pk, "count": 3, "people": 4, "share": 0.75,
    }  # fmt: skip
    assert data["asOf"].endswith("Z")


def test_the_share_of_nobody_is_nothing(api, shop):
    segment = saved(shop, "All", All(()))
    assert api.get(f"/api/segments/{segment.pk}/count").json()["data"]["share"] == 0


def test_an_overlap_counts_every_pair(api, people):
    pro, big, nobody = saved(people, "Pros", PRO), saved(people, "Big", BIG), saved(people, "Nobody", Any(()))
    data = api.get(f"/api/segments/{pro.pk}/overlap", **{"with": f"{big.pk},{nobody.pk},{pro.pk},{big.pk}"}).json()[
        "data"
    ]
    assert [(each["name"], each["count"]) for each in data["segments"]] == [("Pros", 2), ("Big", 2), ("Nobody", 0)]
    assert [(each["ids"], each["both"], each["onlyFirst"], each["onlySecond"]) for each in data["pairs"]] == [
        ([pro.pk, big.pk], 1, 1, 1), ([pro.pk, nobody.pk], 0, 2, 0), ([big.pk, nobody.pk], 0, 2, 0),
    ]  # fmt: skip
    assert data["union"] == 3


def test_an_overlap_names_every_segment_that_it_does_not_know(api, rival_api, rival, people):
    pro, foreign = saved(people, "Pros", PRO), saved(rival, "Theirs", All(()))
    for ids in ("", ",", pro.pk, f"{foreign.pk},x,%00,\0", ",".join([UNKNOWN] + [f"{n:024x}" for n in range(20)])):
        answer = api.get(f"/api/segments/{pro.pk}/overlap", **{"with": ids})
        assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "with")
    answer = api.get(f"/api/segments/{pro.pk}/overlap", **{"with": f"{foreign.pk},x"})
    assert [each["message"] for each in answer.json()["problems"]] == [
        f"there is no segment '{foreign.pk}'", "there is no segment 'x'",
    ]  # fmt: skip


# --- deleting ---------------------------------------------------------------------------------------------------


def test_a_segment_is_deleted_unless_another_needs_it(api, people):
    pro = saved(people, "Pros", PRO)
    users = [saved(people, "Users", InSegment(pro.pk))]
    users.append(saved(people, "Users of users", Not(InSegment(users[0].pk))))
    answer = api("DELETE", f"/api/segments/{pro.pk}")
    assert (answer.status_code, answer.json()["status"]) == (409, "error")
    assert [(each["_id"], each["name"]) for each in answer.json()["segments"]] == [
        (each.pk, each.name) for each in users
    ]
    for segment in [*reversed(users), pro]:
        answer = api("DELETE", f"/api/segments/{segment.pk}")
        assert (answer.status_code, answer.json()["data"]["segment"]["_id"]) == (200, segment.pk)
        assert api.get(f"/api/segments/{segment.pk}").status_code == 404
        assert api("DELETE", f"/api/segments/{segment.pk}").status_code == 404
    assert api.get(SEGMENTS).json()["data"]["count"] == 0


def test_a_segment_of_another_workspace_is_an_unknown_one(api, rival_api, rival, people):
    pro = saved(people, "Pros", PRO)
    for caller, pk in [(rival_api, pro.pk), (api, UNKNOWN), (api, "x"), (api, "%00"), (api, "f" * 25)]:
        for method, path in [("DELETE", ""), ("GET", "/count"), ("GET", f"/overlap?with={pro.pk}")]:
            answer = caller(method, f"/api/segments/{pk}{path}")
            assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Segment not found"})
        workspace = DEMO if caller is api else rival.pk
        answer = caller.post(f"/api/workspaces/{workspace}/segments/preview", {"rule": ALL, "segmentId": pk})
        assert (answer.status_code, answer.json()["message"]) == (404, "Segment not found")
    answer = rival_api.post(PREVIEW, {"rule": ALL})
    assert (answer.status_code, answer.json()["message"]) == (404, "Workspace not found")
    reader = Api(ApiKey.objects.issue(people, "reader", "read")[1])
    assert reader("DELETE", f"/api/segments/{pro.pk}").status_code == 403
    assert Segment.objects.live().filter(pk=pro.pk).exists()


# --- how much is asked ------------------------------------------------------------------------------------------


def queries(ask):
    assert ask().status_code < 300
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code < 300
    return len(captured)


@pytest.mark.django_db(transaction=True)
def test_a_request_asks_for_nothing_twice(api, shop, settings):
    settings.REQUESTS_A_MINUTE = 0  # else one in twelve says that there were twelve
    for number in range(30):
        add(shop, f"P{number}", {"gender": "Female"})
    female = {"property": "gender", "operator": "is", "value": "Female", "dataType": "string"}
    criteria = {"type": "and", "predicates": [female]}
    made = api.post(SEGMENTS, {"name": "A", "criteria": criteria}).json()["data"]["segment"]["_id"]
    path = f"/api/segments/{made}"
    # beside these the one read of the snapshot, which does not go through Django
    expected = {
        "page": (functools.partial(api.get, f"{path}/contacts", limit=30), 4),  # key, segment, pins, contacts
        "count": (functools.partial(api.get, f"{path}/count"), 3),  # key, segment, pins
        "get": (functools.partial(api.get, path), 2),  # key, segment
        "list": (functools.partial(api.get, SEGMENTS), 2),  # key, segments
        "nothing": (functools.partial(api.patch, path, {}), 2),  # key, segment
        "rename": (
            functools.partial(api.patch, path, {"name": "B"}),
            9,
        ),  # and begin, lock, segment, name, update, version, commit
        "change": (
            functools.partial(api.patch, path, {"criteria": criteria}),
            12,
        ),  # and the schema before and under the lock
    }
    assert {name: queries(ask) for name, (ask, _) in expected.items()} == {
        name: number for name, (_, number) in expected.items()
    }
