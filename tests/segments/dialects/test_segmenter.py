"""Segmenter's segments over HTTP: its page, example by example, what is opaque, who the persons are, and other dialects."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from contacts.models import Contact, Property, SubstitutionTag
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Pin, Segment
from segments.rules.tree import All, Any, Condition, Not, write
from segments.saving import drafts
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import add, custom, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

SEGMENTS = "/api/segments"

# The documented example as it would be with the colon in its place, and the persons told apart.
ANA = {
    "substitutionTags": [{"tag": "string", "value": "string"}],
    "externalId": "0a4bd0a4-6d6f-4bd4-a9a7-2b0e1d7a5c01",
    "firstName": "Ana",
    "lastName": "Ruiz",
    "phone": "+34600111222",
    "email": "ana@shop.example",
}
BEA = {
    "externalId": "0a4bd0a4-6d6f-4bd4-a9a7-2b0e1d7a5c02",
    "firstName": "Bea",
    "lastName": "Sanz",
    "phoneNumber": "+34600333444",
    "email": "bea@shop.example",
}
EXAMPLE = {
    "name": "string",
    "description": "string",
    "broadcastMediumId": "string",
    "segmentType": "string",
    "TagId": "string",
    "filters": [],
    "persons": [ANA, BEA],
}
PREDICATE = {"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}


def create(api, *persons, **more):
    answer = api.post(SEGMENTS, {"name": "some", "persons": list(persons), **more})
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def put(api, pk, **body):
    return api("PUT", SEGMENTS, {"id": pk, **body})


def members(segment):
    people = audience.of(Segment.objects.get(pk=segment)).page(100)
    return " ".join(contact.first_name for contact in people)


# --- the page, example by example ------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_create_answers_200_with_the_documented_body(api, slash):
    answer = api.post(SEGMENTS + slash, EXAMPLE)
    assert answer.status_code == 200
    body = answer.json()
    segment, (ana, bea) = Segment.objects.get(), Contact.objects.order_by("id")
    assert body == {
        "data": {
            "id": segment.pk,
            "persons": [
                {"id": ana.wire_id, "externalId": ANA["externalId"], "email": "ana@shop.example"},
                {"id": bea.wire_id, "externalId": BEA["externalId"], "email": "bea@shop.example"},
            ],
        },
        "errorMessage": "",
    }
    assert (ana.first_name, ana.last_name, ana.phone) == ("Ana", "Ruiz", "+34600111222")
    assert (bea.first_name, bea.last_name, bea.phone) == ("Bea", "Sanz", "+34600333444")
    assert ana.substitution_tags == {"string": "string"}
    assert SubstitutionTag.objects.get().tag == "string"
    assert members(segment.pk) == "Ana Bea"


def test_the_opaque_fields_are_kept_as_they_came(api):
    create(api, description="Ω\n", broadcastMediumId="m-1", segmentType="vip", TagId="t-1")
    create(api, tagId="t-2")
    create(api, tagId="t-2", TagId="t-3", filters=[PREDICATE])
    kept = [(one.description, one.broadcast_medium_id, one.segment_type, one.tag_id) for one in Segment.objects.all()]
    assert kept == [("Ω\n", "m-1", "vip", "t-1"), ("", "", "static", "t-2"), ("", "", "dynamic", "t-3")]


def test_the_documented_body_as_it_is_printed_answers_with_line_and_column(api):
    printed = json.dumps(EXAMPLE, indent=2).replace('"TagId":', '"TagId";')
    answer = api("POST", SEGMENTS, printed)
    assert answer.status_code == 400
    assert answer.json() == {
        "statusCode": 400,
        "message": answer.json()["message"],
        "error": "Bad Request",
    }
    assert answer.json()["message"].startswith("line 6, column 10: ")
    assert not Contact.objects.exists()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_without_a_good_key_401_has_no_error(db, method):
    for caller in (Api(""), Api("sk_wrong")):
        answer = caller(method, SEGMENTS, "{broken")
        assert (answer.status_code, answer.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})
        assert answer["WWW-Authenticate"]


def test_every_error_is_in_the_envelope_of_the_page(api, shop, settings):
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    settings.BODY_LIMIT = 2000
    for answer, status, error in (
        (reader.post(SEGMENTS, EXAMPLE), 403, "Forbidden"),
        (api.get(SEGMENTS), 405, "Method Not Allowed"),
        (api("DELETE", SEGMENTS), 405, "Method Not Allowed"),
        (api.post(SEGMENTS, {"name": "x" * 3000}), 413, "Payload Too Large"),
        (api.client.post(SEGMENTS, {"name": "x"}, headers={"x-api-key": api.key}), 415, "Unsupported Media Type"),
        (put(api, UNKNOWN, name="x"), 404, "Not Found"),
    ):
        body = answer.json()
        assert (answer.status_code, body["statusCode"], body["error"]) == (status, status, error)
        assert isinstance(body["message"], str)
    assert api.get("/api/segments/nothing/at/all").json()["status"] == "fail"
    assert not Segment.objects.exists()


def test_an_error_of_ours_is_in_the_envelope_too(api, monkeypatch):
    monkeypatch.setattr(drafts, "save", lambda *args, **more: 1 / 0)
    answer = api.post(SEGMENTS, EXAMPLE)
    assert (answer.status_code, answer.json()["statusCode"]) == (500, 500)


# --- who the persons are ---------------------------------------------------------------------------------------------


def test_persons_are_found_by_external_id_then_by_e_mail(api, shop):
    first = create(api, ANA, BEA)["persons"]
    moved = {"externalId": ANA["externalId"], "email": "new@shop.example", "lastName": "Gil"}
    again = create(api, {"email": "BEA@shop.example", "firstName": "Beatriz"}, moved, {"firstName": "Cem"})["persons"]
    assert [again[1]["id"], again[0]["id"]] == [each["id"] for each in first]
    assert again[1] == {"id": first[0]["id"], "externalId": ANA["externalId"], "email": "new@shop.example"}
    assert again[0]["externalId"] == BEA["externalId"]
    assert again[2] == {"id": Contact.objects.get(first_name="Cem").wire_id, "externalId": None, "email": None}
    ana = Contact.objects.get(external_id=ANA["externalId"])
    assert (ana.first_name, ana.last_name, ana.phone) == ("Ana", "Gil", "+34600111222")
    assert Contact.objects.count() == 3


def test_a_person_sent_twice_is_answered_twice_with_one_id_and_the_last_counts(api):
    persons = create(api, ANA, BEA, {**ANA, "firstName": "Anita", "substitutionTags": [{"tag": "b", "value": "2"}]})["persons"]  # fmt: skip
    assert persons[0] == persons[2] != persons[1]
    ana = Contact.objects.get(external_id=ANA["externalId"])
    assert (ana.first_name, ana.substitution_tags) == ("Anita", {"string": "string", "b": "2"})
    assert Pin.objects.count() == 2


def test_phone_goes_before_phone_number(api):
    create(api, {"firstName": "Ana", "phone": "+34600111222", "phoneNumber": "+34600333444"})
    assert Contact.objects.get().phone == "+34600111222"


def test_tags_merge_by_tag(api):
    pk = create(api, {**ANA, "substitutionTags": [{"tag": "a", "value": "1"}, {"tag": "b", "value": "2"}]})["id"]
    put(api, pk, persons=[{**ANA, "substitutionTags": [{"tag": "b", "value": "3"}, {"tag": "-c-", "value": ""}]}])
    put(api, pk, persons=[{"externalId": ANA["externalId"]}])
    assert Contact.objects.get().substitution_tags == {"a": "1", "b": "3"}


def test_persons_of_another_workspace_are_other_persons(api, rival_api):
    mine, theirs = create(api, ANA), create(rival_api, {**ANA, "firstName": "Eve"})
    assert mine["persons"][0]["id"] != theirs["persons"][0]["id"]
    assert members(mine["id"]) == "Ana"
    answer = put(rival_api, mine["id"], persons=[])
    assert (answer.status_code, answer.json()["error"]) == (404, "Not Found")
    assert members(mine["id"]) == "Ana"


def test_somebody_in_the_trash_comes_back(api, shop):
    Contact.objects.create(workspace=shop, external_id=ANA["externalId"], lifecycle="trashed")
    assert members(create(api, ANA)["id"]) == "Ana"


# --- updates ---------------------------------------------------------------------------------------------------------


def test_an_update_makes_the_persons_the_membership(api):
    pk = create(api, ANA, BEA)["id"]
    cem = {"externalId": "3", "firstName": "Cem"}
    answer = put(api, pk, persons=[cem, {**BEA, "lastName": "Gil"}, cem])
    assert answer.status_code == 200
    assert answer.json()["errorMessage"] == ""
    assert answer.json()["data"]["id"] == pk
    assert [each["externalId"] for each in answer.json()["data"]["persons"]] == ["3", BEA["externalId"], "3"]
    assert members(pk) == "Bea Cem"
    assert Contact.objects.get(first_name="Bea").last_name == "Gil"
    assert Contact.objects.filter(first_name="Ana").exists()
    assert put(api, pk, persons=[]).json()["data"] == {"id": pk, "persons": []}
    assert members(pk) == ""


def test_an_update_changes_what_it_names(api, shop):
    declare(shop, plan="text")
    add(shop, "Zoe", plan="pro")
    pk = create(api, ANA, description="d", broadcastMediumId="b", TagId="t", filters=[PREDICATE])["id"]
    before = Segment.objects.values().get()
    for body in ({}, {"persons": None}, {"name": "new name"}, {"segmentType": "x"}, {"filters": []}, {"filters": None}):
        assert put(api, pk, **body).status_code == 200, body
    after = Segment.objects.values().get()
    changed = {"name": "new name", "segment_type": "x", "updated_at": after["updated_at"]}
    assert after == before | changed
    assert members(pk) == "Zoe Ana"
    put(api, pk, persons=[BEA])
    assert members(pk) == "Zoe Bea"
    put(api, pk, filters=[{**PREDICATE, "operator": "is_not"}])
    assert members(pk) == "Ana Bea"


def test_who_was_kept_out_by_hand_is_in_once_the_persons_name_them(api, shop):
    pk = create(api, ANA, BEA)["id"]
    ana, bea = Contact.objects.order_by("id")
    Pin.objects.filter(contact=ana).update(kind="excluded", reason="complained")
    Pin.objects.filter(contact=bea).update(reason="regular", expires_at="2020-01-01T00:00:00Z")
    put(api, pk, persons=[BEA])
    assert dict(Pin.objects.values_list("contact__first_name", "kind")) == {"Ana": "excluded", "Bea": "included"}
    assert (Pin.objects.get(contact=bea).reason, Pin.objects.get(contact=bea).expires_at) == ("regular", None)
    put(api, pk, persons=[ANA])
    assert list(Pin.objects.values_list("contact__first_name", "kind", "reason")) == [("Ana", "included", "")]
    assert members(pk) == "Ana"


@pytest.mark.parametrize(("pk", "status"), [(UNKNOWN, 404), ("x", 404), ("", 404), (None, 400), (5, 400), ([], 400), ({"a": 1}, 400)])  # fmt: skip
def test_an_update_of_a_segment_that_is_not_there(api, pk, status):
    answer = put(api, pk, persons=[ANA])
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert api("PUT", SEGMENTS, {"name": "x"}).status_code == 400
    assert not Contact.objects.exists()


def test_a_name_may_come_twice_but_not_for_a_segment_whose_name_is_unique(api):
    for _ in range(2):
        create(api, name="twice")
    made = api.post(f"/api/workspaces/{DEMO}/segments", {"name": "Pro", "criteria": {"type": "and", "predicates": [PREDICATE]}})  # fmt: skip
    api.post(f"/api/workspaces/{DEMO}/segments", {"name": "Free", "criteria": {"type": "and", "predicates": [PREDICATE]}})  # fmt: skip
    answer = put(api, made.json()["data"]["segment"]["_id"], name="Free", persons=[ANA])
    assert answer.status_code == 400
    assert "Free exists already" in answer.json()["message"]
    assert not Contact.objects.exists()


# --- filters ---------------------------------------------------------------------------------------------------------

NATIVE = {"any": [{"property": "customProperties.plan", "operator": "is", "value": "pro"}]}


@pytest.mark.parametrize(
    ("filters", "people"),
    [
        (None, "Ana"),
        ([], "Ana"),
        ([PREDICATE], "Ana Zoe"),
        ([PREDICATE, {**PREDICATE, "operator": "is_not"}], "Ana"),
        ([{"type": "or", "predicates": [PREDICATE, {**PREDICATE, "value": "free"}]}], "Ana Yan Zoe"),
        (NATIVE, "Ana Zoe"),
        ({"version": 1, "rule": NATIVE}, "Ana Zoe"),
        ({"not": NATIVE}, "Ana Yan"),
    ],
)
def test_filters_find_people_beside_the_persons(api, shop, filters, people):
    declare(shop, plan="text")
    add(shop, "Zoe", plan="pro")
    add(shop, "Yan", plan="free")
    assert " ".join(sorted(members(create(api, ANA, filters=filters)["id"]).split())) == people


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ("x", "filters"), ("", "filters"), (0, "filters"), (5, "filters"), (False, "filters"), (True, "filters"),
        ({}, "filters"), ({"a": 1}, "filters"), ([1], "filters[0]"), ([None], "filters[0]"), ([[]], "filters[0]"),
        ([{}], "filters[0].property"), ([{**PREDICATE, "operator": "resembles"}], "filters[0].operator"),
        ([PREDICATE, {**PREDICATE, "property": "colour"}], "filters[1].property"),
        ({"version": 2, "rule": NATIVE}, "filters.version"), ({"all": [5]}, "filters.all[0]"),
        ({"all": [{"property": "emial", "operator": "is", "value": "x"}]}, "filters.all[0].property"),
        ({"segment": UNKNOWN}, "filters"),
    ],
)  # fmt: skip
def test_other_filters_are_refused_with_their_place_and_nothing_is_saved(api, filters, path):
    answer = api.post(SEGMENTS, {"name": "x", "persons": [ANA], "filters": filters})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{path}: "), answer.json()
    assert answer.json()["error"] == "Bad Request"
    assert not Contact.objects.exists()
    assert not Property.objects.exists()


def test_a_property_that_nobody_has_yet_is_declared_and_the_answer_says_so(api):
    answer = api.post(SEGMENTS, {"name": "x", "filters": [PREDICATE]}).json()
    assert answer["warnings"] == ["nobody has plan yet: this condition lets nobody through (filters[0])"]
    assert Property.objects.get().name == "plan"


# --- bad input -------------------------------------------------------------------------------------------------------

BODIES = [
    (None, ""), ([], ""), ("x", ""), (5, ""), ({}, "name"), ({"name": ""}, "name"), ({"name": " "}, "name"),
    ({"name": 5}, "name"), ({"name": None}, "name"), ({"name": ["x"]}, "name"), ({"name": "x" * 501}, "name"),
    ({"name": "a\0b"}, "name"), ({"description": 5}, "description"), ({"description": "a\0"}, "description"),
    ({"broadcastMediumId": []}, "broadcastMediumId"), ({"broadcastMediumId": "x" * 10_001}, "broadcastMediumId"),
    ({"segmentType": {}}, "segmentType"), ({"TagId": 5}, "TagId"), ({"tagId": False}, "tagId"),
    ({"persons": "x"}, "persons"), ({"persons": {}}, "persons"), ({"persons": 5}, "persons"),
]  # fmt: skip
PERSONS = [
    (None, ""), (5, ""), ("x", ""), ([], ""), ({}, ""), ({"externalId": None}, ""), ({"email": ""}, ""),
    ({"externalId": 5}, ".externalId"), ({"externalId": ""}, ".externalId"), ({"externalId": {}}, ".externalId"),
    ({"externalId": "x" * 1001}, ".externalId"), ({**ANA, "externalId": "a\0b"}, ".externalId"),
    ({**ANA, "email": "nobody"}, ".email"), ({**ANA, "email": 5}, ".email"), ({**ANA, "email": ["a@b.example"]}, ".email"),
    ({**ANA, "firstName": {}}, ".firstName"), ({**ANA, "lastName": True}, ".lastName"),
    ({**ANA, "firstName": "x" * 10_001}, ".firstName"), ({**ANA, "phone": 34600111222}, ".phone"),
    ({**BEA, "phoneNumber": []}, ".phoneNumber"), ({**ANA, "substitutionTags": {}}, ".substitutionTags"),
    ({**ANA, "substitutionTags": "x"}, ".substitutionTags"), ({**ANA, "substitutionTags": [5]}, ".substitutionTags[0]"),
    ({**ANA, "substitutionTags": [{"tag": "a"}]}, ".substitutionTags[0]"),
    ({**ANA, "substitutionTags": [{"tag": "", "value": "x"}]}, ".substitutionTags[0]"),
    ({**ANA, "substitutionTags": [{"tag": "a", "value": 5}]}, ".substitutionTags[0]"),
    ({**ANA, "substitutionTags": [{"tag": "x" * 201, "value": "x"}]}, f".substitutionTags.{'x' * 201}"),
    ({**ANA, "substitutionTags": [{"tag": "a", "value": "b\0"}]}, ".substitutionTags.a"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path"), BODIES)
def test_a_bad_body_is_refused_with_the_place(api, body, path):
    answer = api.post(SEGMENTS, json.dumps({"name": "x", **body} if isinstance(body, dict) and body else body))
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert answer.json()["message"].startswith(f"{path}: " if path else "give an object")
    assert not Segment.objects.exists()


@pytest.mark.parametrize(("person", "path"), PERSONS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_one_bad_person_refuses_all_of_it(api, person, path, method):
    pk = create(api)["id"]
    persons = [BEA, {"firstName": "Cem"}, {"firstName": "Dov"}, person]
    answer = api(method, SEGMENTS, {"id": pk, "name": "new", "filters": [PREDICATE], "persons": persons})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"persons[3]{path}: "), answer.json()
    assert not Contact.objects.exists()
    assert not Property.objects.exists()
    assert not SubstitutionTag.objects.exists()
    assert [segment.name for segment in Segment.objects.all()] == ["some"]


def test_every_problem_is_named_at_once(api):
    answer = api.post(
        SEGMENTS,
        {
            "name": 5,
            "TagId": [],
            "filters": [{**PREDICATE, "operator": "resembles"}],
            "persons": [{**ANA, "email": "a", "phone": 5}, ANA, 5, {"externalId": "x", "email": "b", "firstName": []}],
        },
    )
    paths = {part.partition(": ")[0] for part in answer.json()["message"].split("; ")}
    assert {path for path in paths if " " not in path} == {
        "name", "TagId", "filters[0].operator", "persons[0].phone", "persons[2]", "persons[3].firstName",
        "persons[0].email", "persons[3].email",
    }  # fmt: skip


def test_of_very_many_problems_the_first_thousand_are_named(api):
    message = api.post(SEGMENTS, {"name": "x", "persons": [5] * 3000}).json()["message"]
    assert "persons[999]: " in message
    assert message.endswith("; and 2,000 more problems")


def test_persons_for_whose_tags_there_is_no_room_are_refused(api):
    def tagged(numbers):
        return {"firstName": "A", "substitutionTags": [{"tag": f"t{number}", "value": "x"} for number in numbers]}

    answer = api.post(SEGMENTS, {"name": "x", "persons": [tagged(range(500)), tagged([1]), tagged([500])]})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("persons[2]: A workspace can have 500 substitution tags")
    assert not Contact.objects.exists()
    assert not SubstitutionTag.objects.exists()


DEEP = [b"[" * depth + b"]" * depth for depth in (50, 101, 300, 900, 5000)]


@pytest.mark.parametrize("deep", DEEP, ids=len)
@pytest.mark.parametrize(
    "body",
    [
        b"%s", b'{"name": %s}', b'{"name": "x", "filters": %s}', b'{"name": "x", "persons": [%s]}', b'{"id": %s}',
        b'{"name": "x", "filters": {"property": "email", "operator": "is", "value": %s}}',
        b'{"name": "x", "filters": [{"property": "email", "operator": "is", "value": %s, "dataType": "string"}]}',
        b'{"name": "x", "persons": [{"email": %s}]}', b'{"name": "x", "persons": [{"substitutionTags": [%s]}]}',
    ],
)  # fmt: skip
def test_depth_is_a_400(api, body, deep):
    for method in ("POST", "PUT"):
        answer = api(method, SEGMENTS, body % deep)
        assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name": "\\ud800"}', b'{"name": "x", "persons": [{"email": "\\udc00"}]}', b"NaN", b'{"name": "x"} x'])  # fmt: skip
def test_what_is_no_json_is_a_400_with_line_and_column(api, body):
    answer = api("POST", SEGMENTS, body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("line 1, column ")


# --- the other dialects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filters",
    [
        [],
        [PREDICATE],
        [{**PREDICATE, "operator": "is_not"}, {"property": "tags", "operator": "includes", "value": "vip", "dataType": "string"}],
        [{"type": "or", "predicates": [PREDICATE, {**PREDICATE, "operator": "is_unknown", "value": ""}]}],
        {"not": {"all": [NATIVE, {"property": "email", "operator": "is_known"}]}},
    ],
)  # fmt: skip
def test_a_segment_goes_round_through_the_other_two_unchanged(api, call, shop, filters):
    declare(shop, plan="text")
    add(shop, "Zoe", plan="pro", tags=["vip"])
    add(shop, "Yan", plan="free", tags=["vip"])
    pk = create(api, ANA, filters=filters)["id"]
    people = members(pk)
    tiledesk = f"/v3/{DEMO}/segments/{pk}"
    assert pk in [each["_id"] for each in api.get(f"/api/workspaces/{DEMO}/segments").json()["data"]["segments"]]
    assert pk in [each["_id"] for each in call.get(f"/v3/{DEMO}/segments").json()["segments"]]
    for _ in range(2):
        criteria = api.get(f"{SEGMENTS}/{pk}").json()["data"]["segment"]["criteria"]
        assert api.patch(f"{SEGMENTS}/{pk}", {"criteria": criteria}).status_code == 200
        assert members(pk) == people
        shown = call.get(tiledesk).json()
        assert call.put(tiledesk, {"match": shown["match"], "filters": shown["filters"]}).status_code == 200
        assert members(pk) == people
        assert put(api, pk, name="round", persons=[ANA]).status_code == 200
        assert members(pk) == people
    assert Segment.objects.get(pk=pk).description == ""


def test_segments_made_elsewhere_take_persons_and_keep_their_rule(api, call, shop):
    declare(shop, plan="text")
    add(shop, "Zoe", plan="pro")
    swipe = api.post(f"/api/workspaces/{DEMO}/segments", {"name": "Pro", "criteria": {"type": "or", "predicates": [PREDICATE]}})  # fmt: skip
    tiled = call.post(f"/v3/{DEMO}/segments", {"name": "Pro", "filters": [{"field": "plan", "operator": "=", "value": "pro"}]})  # fmt: skip
    for rule in (Not(custom("plan", "is", "pro")), Any(()), All(()), None):
        drafts.create(shop, Draft(f"Ours {rule}", rule, rule_given=True))
    sent = {segment.pk: segment.document for segment in Segment.objects.all()}
    assert {swipe.json()["data"]["segment"]["_id"], tiled.json()["_id"]} < set(sent)
    for segment in Segment.objects.all():
        assert put(api, segment.pk, persons=[ANA]).status_code == 200
        again = Segment.objects.get(pk=segment.pk)
        assert (again.tree, again.document) == (segment.tree, sent[segment.pk])
        assert "Ana" in members(segment.pk)


def test_filters_that_another_dialect_changed_are_not_echoed_as_if_they_held(api, shop):
    pk = create(api, filters=[PREDICATE])["id"]
    api.patch(f"{SEGMENTS}/{pk}", {"criteria": {"type": "and", "predicates": [{**PREDICATE, "value": "free"}]}})
    assert Segment.objects.get().sent_as("segmenter") is None
    assert Segment.objects.get().rule == write(All((Condition("customProperties.plan", "is", "free"),)))


# --- at once ---------------------------------------------------------------------------------------------------------


def at_once(count, work):
    start = threading.Barrier(count)

    def run(number):
        start.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_many_creates_with_the_same_new_persons_make_each_once(api):
    crowd = [{"externalId": f"e{number}", "email": f"p{number}@x.example"} for number in range(20)]
    crowd += [{"email": f"q{number}@x.example"} for number in range(20)]

    def work(number):
        return Api(api.key).post(SEGMENTS, {"name": "x", "persons": crowd[:: 1 if number % 2 else -1]}).json()

    answers = at_once(12, work)
    assert Contact.objects.count() == 40
    ids = [[each["id"] for each in answer["data"]["persons"]] for answer in answers]
    assert all(each[:: 1 if number % 2 else -1] == ids[1] for number, each in enumerate(ids))
    assert Segment.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_of_two_updates_at_once_one_is_the_membership_whole(api):
    pk = create(api, ANA)["id"]
    groups = [[{"externalId": f"{group}-{number}", "firstName": group} for number in range(30)] for group in "ABCD"]

    def work(number):
        return Api(api.key)("PUT", SEGMENTS, {"id": pk, "persons": groups[number % 4]}).status_code

    assert set(at_once(8, work)) == {200}
    (group,) = {contact.first_name for contact in audience.of(Segment.objects.get()).page(100)}
    assert members(pk) == " ".join([group] * 30)
    assert Pin.objects.count() == 30


def test_the_number_of_queries_does_not_grow_with_the_persons(api, django_assert_max_num_queries):
    with django_assert_max_num_queries(70) as few:
        create(api, *({"externalId": f"a{number}", "firstName": "A"} for number in range(2)))
    with django_assert_max_num_queries(len(few)):
        create(api, *({"externalId": f"b{number}", "firstName": "B"} for number in range(500)))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_fifty_thousand_persons_in_one_request(api):
    persons = [
        {**ANA, "externalId": f"e{number}", "email": f"p{number}@x.example", "phone": f"+34600{number:06}"}
        for number in range(50_000)
    ]
    began = time.monotonic()
    data = create(api, *persons)
    assert time.monotonic() - began < 20  # 4 s on two slow cores
    assert [each["externalId"] for each in data["persons"]] == [each["externalId"] for each in persons]
    assert audience.of(Segment.objects.get()).count == Contact.objects.count() == 50_000
    assert put(api, data["id"], persons=persons[::2]).json()["data"]["persons"] == data["persons"][::2]
    assert audience.of(Segment.objects.get()).count == 25_000
