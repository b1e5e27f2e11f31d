"""People pinned into a segment or kept out of it over HTTP: many at once, until when, and who is in then."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from contacts.models import Contact, wire_id
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Pin, PinKind, Segment
from segments.saving import drafts, pins
from segments.saving.pins import Wish
from tests.callers import UNKNOWN
from tests.conftest import Api
from tests.people import add, custom, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def pro(shop):
    declare(shop, plan="text")
    for name, plan in (("Ana", "pro"), ("Bea", "pro"), ("Cem", "free"), ("Dov", "free")):
        add(shop, name, plan=plan, email=f"{name}@x.example")
    return drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))


@pytest.fixture
def path(pro):
    return f"/api/segments/{pro.pk}/pins"


def ids(*names):
    held = {contact.first_name: contact.wire_id for contact in Contact.objects.all()}
    return [held[name] for name in names]


def members(segment):
    return " ".join(each.first_name for each in audience.of(Segment.objects.get(pk=segment.pk)).page(100))


def done(added=0, changed=0, unchanged=0):
    return {"status": "success", "data": {"added": added, "changed": changed, "unchanged": unchanged}}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_people_are_pinned_in_kept_out_and_let_go(api, pro, path, method, slash):
    assert api(method, path + slash, {"contactIds": ids("Cem", "Dov", "Cem")}).json() == done(added=2)
    assert members(pro) == "Ana Bea Cem Dov"
    out = {"contactIds": ids("Ana", "Cem"), "kind": "excluded", "reason": "complained"}
    assert api(method, path + slash, out).json() == done(added=1, changed=1)
    assert api(method, path + slash, out).json() == done(unchanged=2)
    assert members(pro) == "Bea Dov"
    (cem,) = ids("Cem")
    answer = api("DELETE", f"{path}/{cem}{slash}")
    assert (answer.status_code, answer.json()) == (200, {"status": "success", "data": {"contactId": cem}})
    assert members(pro) == "Bea Dov"
    assert api("DELETE", f"{path}/{ids('Ana')[0]}{slash}").status_code == 200
    assert members(pro) == "Ana Bea Dov"


def test_pins_are_listed_page_by_page_with_who_they_are_about(api, pro, path):
    api.post(path, {"contactIds": ids("Dov", "Ana"), "reason": "regulars", "expiresAt": "2999-12-31"})
    api.post(path, {"contactIds": ids("Bea"), "kind": "excluded"})
    data = api.get(path, limit=2).json()["data"]
    first = data["pins"][0]
    assert first.pop("createdAt").endswith("Z")
    assert first == {
        "contactId": ids("Ana")[0], "name": "Ana", "email": "Ana@x.example", "kind": "included", "reason": "regulars",
        "author": "system", "expiresAt": "2999-12-31T23:00:00.000Z", "inForce": True,
    }  # fmt: skip
    assert data["count"] == 3
    assert [each["name"] for each in data["pins"]] == ["Ana", "Bea"]
    rest = api.get(path, limit=2, searchAfter=data["searchAfter"]).json()["data"]
    assert [each["name"] for each in rest["pins"]] == ["Dov"]
    back = api.get(path, limit=2, searchBefore=rest["searchBefore"]).json()["data"]
    assert [each["name"] for each in back["pins"]] == ["Ana", "Bea"]
    end = api.get(path, searchAfter=rest["searchAfter"]).json()["data"]
    assert (end["pins"], end["searchAfter"], end["searchBefore"], end["count"]) == ([], None, None, 3)
    out = api.get(path, kind="excluded").json()["data"]
    assert ([each["name"] for each in out["pins"]], out["count"]) == (["Bea"], 1)


def test_a_pin_holds_until_it_expires(api, pro, path):
    api.post(path, {"contactIds": ids("Cem"), "expiresAt": "2999-01-01T10:00:00+02:00"})
    api.post(path, {"contactIds": ids("Ana"), "kind": "excluded", "expiresAt": "2999-01-01"})
    assert members(pro) == "Bea Cem"
    Pin.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert members(pro) == "Ana Bea"
    assert [each["inForce"] for each in api.get(path).json()["data"]["pins"]] == [False, False]
    assert api.post(path, {"contactIds": ids("Cem")}).json() == done(changed=1)
    assert members(pro) == "Ana Bea Cem"


BAD = [
    ([], ""), ("x", ""), (5, ""), ({}, "contactIds"), ({"contactIds": []}, "contactIds"),
    ({"contactIds": "x"}, "contactIds"), ({"contactIds": {}}, "contactIds"), ({"contactIds": [5]}, "contactIds[0]"),
    ({"contactIds": [None]}, "contactIds[0]"), ({"contactIds": [[]]}, "contactIds[0]"),
    ({"contactIds": ["x"]}, "contactIds[0]"), ({"contactIds": ["\0"]}, "contactIds[0]"),
    ({"contactIds": [UNKNOWN]}, "contactIds[0]"), ({"contactIds": ["0" * 24]}, "contactIds[0]"),
    ({"contactIds": ["f" * 24]}, "contactIds[0]"), ({"contactIds": ["x" * 100_000]}, "contactIds[0]"),
    ({"kind": "x"}, "kind"), ({"kind": None}, "kind"), ({"kind": ["included"]}, "kind"), ({"reason": 5}, "reason"),
    ({"reason": "x" * 10_001}, "reason"), ({"reason": "a\0"}, "reason"), ({"expiresAt": 5}, "expiresAt"),
    ({"expiresAt": "soon"}, "expiresAt"), ({"expiresAt": "2020-01-01"}, "expiresAt"), ({"expiresAt": "9999-12-31"}, "expiresAt"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "place"), BAD)
def test_bad_pins_are_refused_with_the_place_and_nobody_is_pinned(api, pro, path, body, place):
    if isinstance(body, dict) and body and "contactIds" not in body:
        body = {"contactIds": ids("Cem"), **body}
    for method in ("PUT", "POST"):
        answer = api(method, path, body if isinstance(body, dict) else str(body).replace("'", '"'))
        assert (answer.status_code, answer.json()["status"]) == (400, "error")
        if isinstance(body, dict):
            assert [problem["path"] for problem in answer.json()["problems"]] == [place]
    assert len(answer.content) < 1000
    assert not Pin.objects.exists()


def test_everybody_who_is_not_there_is_named(api, pro, path, rival, shop):
    stranger = add(rival, "Eve").wire_id
    gone = add(shop, "Gone")
    Contact.objects.filter(pk=gone.pk).update(lifecycle="trashed")
    answer = api.post(path, {"contactIds": [*ids("Cem"), stranger, UNKNOWN, gone.wire_id]})
    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problems"]] == ["contactIds[2]"]
    answer = api.post(path, {"contactIds": [*ids("Cem"), stranger, gone.wire_id, wire_id(2**62)]})
    problems = answer.json()["problems"]
    assert [problem["path"] for problem in problems] == [f"contactIds[{place}]" for place in (1, 2, 3)]
    assert problems[0]["message"] == f"there is no contact {stranger}"
    assert not Pin.objects.exists()


def test_what_is_not_there_is_404_and_who_may_not_may_not(api, pro, path, rival_api, shop):
    (cem,) = ids("Cem")
    for contact in (cem, UNKNOWN, "x", "%00"):
        answer = api("DELETE", f"{path}/{contact}")
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Pin not found"})
    for method, where in (("GET", path), ("POST", path), ("DELETE", f"{path}/{cem}"), ("GET", f"/api/segments/{UNKNOWN}/pins")):  # fmt: skip
        answer = rival_api(method, where, {"contactIds": [cem]})
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Segment not found"})
        assert Api("")(method, where, "{broken").status_code == 401
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert reader.get(path).status_code == 200
    assert reader.post(path, {"contactIds": [cem]}).status_code == 403
    for query in ({"limit": "x"}, {"searchAfter": "x"}, {"kind": "x"}, {"limit": 0}):
        assert api.get(path, **query).status_code == 400
    assert api("PATCH", path, {}).status_code == 405


def test_pins_set_while_a_segment_is_being_saved_stay_set(api, pro, path):
    """A save begins with the segment as it was read, before anybody was pinned."""
    before = Segment.objects.get(pk=pro.pk)
    api.post(path, {"contactIds": ids("Cem")})
    drafts.update(before, Draft("Renamed"))
    assert members(pro) == "Ana Bea Cem"
    assert Segment.objects.get(pk=pro.pk).name == "Renamed"


def test_a_segment_put_away_while_it_is_being_saved_stays_away(pro):
    before = Segment.objects.get(pk=pro.pk)
    drafts.delete(pro)
    drafts.update(before, Draft("Renamed"))
    assert not Segment.objects.live().exists()


@pytest.mark.django_db(transaction=True)
def test_pins_from_many_sides_at_once_are_all_there(pro, shop):
    people = [add(shop, f"P{number}", plan="free") for number in range(24)]
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        try:
            segment = Segment.objects.get(pk=pro.pk)
            pins.pin(segment, [each.pk for each in people[number::8]], Wish())
            pins.unpin(segment, people[number].pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert audience.of(Segment.objects.get(pk=pro.pk)).count == 2 + 24 - 8
    assert Pin.objects.count() == 16


def test_fifty_thousand_people_are_pinned_and_let_go_quickly(shop, django_assert_max_num_queries):
    segment = drafts.create(shop, Draft("Many", None, rule_given=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_contact (workspace_id) SELECT %s FROM generate_series(1, 50000) RETURNING id",
            [shop.pk],
        )
        people = [pk for (pk,) in cursor]
    began = time.monotonic()
    with django_assert_max_num_queries(20):
        assert pins.pin(segment, people, Wish(PinKind.EXCLUDED)).added == 50_000
        assert pins.pin(segment, people[:25_000], Wish()).changed == 25_000
        pins.replace_included(segment, people[20_000:30_000])
    assert time.monotonic() - began < 10
    assert audience.of(segment).count == 10_000
    assert segment.pins.filter(kind="excluded").count() == 20_000
