"""Properties over HTTP: Swipe One's contact properties, the catalogue, and changes that break no segment unasked."""

import pytest

from contacts.builtin import BUILTIN
from contacts.columnar import catalogue
from contacts.columnar.refresh import refresh
from contacts.models import Contact, Property
from segments.models import Segment
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import add, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

CONTACT_PROPERTIES, PROPERTIES = f"/api/workspaces/{DEMO}/contact-properties", f"/api/workspaces/{DEMO}/properties"
SEGMENTS = f"/api/workspaces/{DEMO}/segments"


@pytest.fixture
def people(shop):
    declare(shop, plan="text", orders="text", size="number")
    add(shop, "Ana", plan="Pro", orders="3", size=1, profile={"country": "ES"})
    add(shop, "Bo", plan="pro", orders="many", profile={"country": "DE"})
    add(shop, "Cleo", plan="free")
    return shop


@pytest.fixture
def pro(api, people):
    plan = {"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}
    answer = api.post(SEGMENTS, {"name": "Pro", "criteria": {"type": "and", "predicates": [plan]}})
    return answer.json()["data"]["segment"]["_id"]


def count(api, segment):
    return api.get(f"/api/segments/{segment}/count").json()["data"]["count"]


# --- contact properties -----------------------------------------------------------------------------------------


def test_the_documented_example_of_a_contact_property(api):
    answer = api.post(
        CONTACT_PROPERTIES, {"label": "Favourite Colour", "name": "favouriteColour", "dataType": "string"}
    )
    assert (answer.status_code, answer.json()["status"]) == (201, "success")
    made = answer.json()["data"]["contactProperty"]
    assert {key: made[key] for key in ("label", "name", "dataType", "workspaceId")} == {
        "label": "Favourite Colour", "name": "favouriteColour", "dataType": "string", "workspaceId": DEMO,
    }  # fmt: skip
    assert made["createdBy"] == {"type": "user"}
    assert api.get(f"/api/contact-properties/{made['_id']}").json()["data"]["contactProperty"] == made
    listed = api.get(CONTACT_PROPERTIES).json()["data"]
    assert listed["count"] == len(listed["contactProperties"]) == len(BUILTIN) + 1
    assert made in listed["contactProperties"]


@pytest.mark.parametrize(
    ("sent", "kind", "shown"),
    [
        ({"fieldType": "text"}, "text", {"fieldType": "text", "dataType": "string"}),
        ({"fieldType": "email"}, "text", {"fieldType": "email", "dataType": "string"}),
        ({"fieldType": "phone"}, "text", {"fieldType": "phone"}),
        ({"fieldType": "url"}, "text", {"fieldType": "url"}),
        ({"fieldType": "country"}, "text", {"fieldType": "country"}),
        ({"fieldType": "person"}, "text", {"fieldType": "person"}),
        ({"fieldType": "address", "addressFields": {"line1": True, "city": True}}, "opaque",
         {"fieldType": "address", "addressFields": {"line1": True, "city": True}}),
        ({"fieldType": "number", "numberFormat": "currency", "currency": "EUR"}, "number",
         {"fieldType": "number", "dataType": "number", "numberFormat": "currency", "currency": "EUR"}),
        ({"fieldType": "date", "dateFormat": "dd/MM/yyyy", "includeTime": True}, "date",
         {"fieldType": "date", "dataType": "date", "dateFormat": "dd/MM/yyyy", "includeTime": True}),
        ({"fieldType": "select", "options": [{"label": "A", "color": "red"}, {"label": "B"}]}, "text",
         {"fieldType": "select", "options": [{"label": "A", "name": "A", "color": "red"}, {"label": "B", "name": "B"}]}),
        ({"fieldType": "multiselect", "options": ["A"]}, "list",
         {"fieldType": "multiselect", "dataType": "multiselect", "options": [{"label": "A", "name": "A"}]}),
        ({"dataType": "boolean"}, "boolean", {"dataType": "boolean"}),
        ({"fieldType": "text", "dataType": "boolean"}, "boolean", {"dataType": "boolean"}),
        ({"dataType": "number"}, "number", {"fieldType": "number"}),
    ],
)  # fmt: skip
def test_each_field_type_has_its_type_and_is_shown_as_it_was_sent(api, sent, kind, shown):
    made = api.post(CONTACT_PROPERTIES, {"label": "My field", **sent})
    assert made.status_code == 201, made.content
    found = api.get(f"/api/contact-properties/{made.json()['data']['contactProperty']['_id']}").json()["data"]
    assert {key: found["contactProperty"][key] for key in shown} == shown
    assert found["contactProperty"]["name"] == "myField"
    assert Property.objects.get(name="myField").type == kind


def test_built_in_properties_are_listed_as_the_systems_own(api, rival_api, rival):
    listed = {each["name"]: each for each in api.get(CONTACT_PROPERTIES).json()["data"]["contactProperties"]}
    assert {each["createdBy"]["type"] for each in listed.values()} == {"system"}
    assert (listed["email"]["fieldType"], listed["tags"]["fieldType"]) == ("email", "tags")
    assert (listed["createdAt"]["fieldType"], listed["createdAt"]["dataType"]) == ("date", "date")
    found = api.get(f"/api/contact-properties/{listed['email']['_id']}").json()["data"]["contactProperty"]
    assert found == listed["email"]


def test_a_built_ins_name_is_refused_in_the_documented_words(api):
    for body in (
        {"label": "E-mail", "name": "email", "fieldType": "text"},
        {"label": "created at", "fieldType": "date"},
    ):
        answer = api.post(CONTACT_PROPERTIES, body)
        assert answer.status_code == 400
        assert answer.json()["status"] == "error"
        assert answer.json()["message"] == (
            "You can't create contact properties with the same name as a default contact property."
        )


def test_a_name_is_taken_once(api, people):
    answer = api.post(CONTACT_PROPERTIES, {"label": "Plan", "fieldType": "text"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid input")
    assert answer.json()["problems"][0]["path"] == "name"


def test_a_field_type_is_not_claimed_after_another_type(api, shop):
    from segments.upkeep import property_changes
    from segments.upkeep.property_changes import PropertyEdit

    api.post(CONTACT_PROPERTIES, {"label": "Size", "fieldType": "select", "options": [{"label": "1", "color": "red"}]})
    property_changes.change(shop, "size", PropertyEdit(kind="number"))
    listed = {each["name"]: each for each in api.get(CONTACT_PROPERTIES).json()["data"]["contactProperties"]}
    assert (listed["size"]["fieldType"], listed["size"]["dataType"]) == ("number", "number")
    assert listed["size"]["options"] == [{"label": "1", "name": "1", "color": "red"}]


JUNK = [5, -1, 1.5, True, "a\0b", "\t", [[]], {"a": {}}, [None], [5], [{"label": 5}], "x" * 20_000]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_junk_at_any_place_of_a_property_is_never_a_500(api, junk):
    whole = {"label": "A", "fieldType": "select"}
    keys = (
        "label",
        "name",
        "fieldType",
        "dataType",
        "options",
        "numberFormat",
        "currency",
        "dateFormat",
        "includeTime",
        "addressFields",
    )
    for body in [junk, *({**whole, "name": f"n{place}", key: junk} for place, key in enumerate(keys))]:
        answer = api.post(CONTACT_PROPERTIES, body)
        assert answer.status_code in (201, 400), (body, answer.content)
        assert api.get(CONTACT_PROPERTIES).status_code == 200
    for key in ("name", "type", "label", "options"):
        answer = api.post(PROPERTIES, {"name": "other", "type": "text", key: junk})
        assert answer.status_code in (201, 400, 409), (key, answer.content)


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ([], [""]), ({}, ["label", "fieldType"]), ({"label": "A", "fieldType": "colour"}, ["fieldType"]),
        ({"label": "", "fieldType": 5, "dataType": "x"}, ["label", "fieldType", "dataType"]),
        ({"label": "???", "fieldType": "text"}, ["name"]), ({"label": "A", "name": "", "fieldType": "text"}, ["name"]),
        ({"label": "A", "fieldType": "number", "options": [{"label": "x"}]}, ["options"]),
        ({"label": "A", "fieldType": "select", "options": [{"color": "red"}, 5]}, ["options[0]", "options[1]"]),
        ({"label": "A", "fieldType": "number", "numberFormat": "roman"}, ["numberFormat"]),
        ({"label": "A", "fieldType": "date", "dateFormat": "yy", "includeTime": "yes"}, ["dateFormat", "includeTime"]),
        ({"label": "A", "fieldType": "address", "addressFields": []}, ["addressFields"]),
        ({"label": "A", "name": "n" * 201, "fieldType": "text"}, ["name"]),
        ({"label": "l" * 201, "name": "n", "fieldType": "text"}, ["label"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_contact_property(api, body, paths):
    answer = api.post(CONTACT_PROPERTIES, body)
    assert (answer.status_code, [each["path"] for each in answer.json()["problems"]]) == (400, paths)
    assert not Property.objects.exists()


# --- the catalogue ----------------------------------------------------------------------------------------------


def test_the_catalogue_says_what_contacts_have(api, people):
    Property.objects.filter(name="plan").update(options=["Pro", "Free"])
    data = api.get(PROPERTIES).json()["data"]
    found = {each["property"]: each for each in data["properties"]}
    assert data["count"] == len(found) == len(BUILTIN) + 3
    plan = found["customProperties.plan"]
    assert (plan["name"], plan["label"], plan["type"], plan["known"], plan["missing"]) == ("plan", "plan", "text", 3, 0)
    assert (plan["fillRate"], plan["distinct"], plan["options"]) == (1.0, 2, ["Pro", "Free"])
    assert {each["value"].lower(): each["count"] for each in plan["values"]} == {"pro": 2, "free": 1}
    assert "starts_with" in plan["operators"]
    size = found["customProperties.size"]
    assert (size["lowest"], size["highest"], round(size["fillRate"], 2)) == (1, 1, 0.33)
    assert found["email"]["fillRate"] == 0


@pytest.mark.parametrize(
    ("text", "first"), [("pla", "customProperties.plan"), ("COUN", "country"), ("many", "customProperties.orders")]
)
def test_a_few_letters_find_properties_and_values(api, people, text, first):
    found = api.get(PROPERTIES, search=text).json()["data"]["properties"]
    assert found[0]["property"] == first


def test_nothing_is_found_for_what_is_not_there(api, people):
    assert api.get(PROPERTIES, search="100%_").json()["data"] == {"count": 0, "properties": []}
    assert api.get(PROPERTIES, search="a\0").status_code == 400


def test_a_property_that_has_yet_to_be_counted_is_listed_all_the_same(api, people, monkeypatch):
    refresh(people)
    monkeypatch.setattr(catalogue, "SMALL", 0)
    declare(people, fresh="text")
    found = {each["property"]: each for each in api.get(PROPERTIES).json()["data"]["properties"]}
    assert (found["customProperties.fresh"]["known"], found["customProperties.fresh"]["asOf"]) == (None, None)
    assert api.get(PROPERTIES, search="fres").json()["data"]["count"] == 1


# --- changing ---------------------------------------------------------------------------------------------------


def test_a_property_is_created_described_and_offered(api):
    body = {"name": "tier", "type": "text", "label": "Loyalty tier", "options": ["Gold"]}
    made = api.post(PROPERTIES, body)
    assert made.status_code == 201
    assert made.json()["data"]["property"] == {"property": "customProperties.tier", **body}
    assert api.post(PROPERTIES, body).status_code == 409
    changed = api.patch(f"{PROPERTIES}/tier", {"label": "Tier", "addOptions": ["Silver"], "removeOptions": ["Gold"]})
    assert changed.status_code == 200, changed.content
    assert changed.json()["data"]["property"]["options"] == ["Silver"]
    assert changed.json()["data"]["property"]["label"] == "Tier"
    assert api.patch(f"{PROPERTIES}/tier", {"removeOptions": ["Bronze"]}).status_code == 400


def test_another_type_is_refused_while_it_would_break_a_segment_or_lose_a_value(api, people, pro):
    answer = api.patch(f"{PROPERTIES}/plan", {"type": "boolean"})
    assert (answer.status_code, answer.json()["status"]) == (409, "error")
    assert [each["_id"] for each in answer.json()["segments"]] == [pro]
    assert answer.json()["values"]["rejected"] == 3
    answer = api.patch(f"{PROPERTIES}/orders", {"type": "number"})
    assert answer.status_code == 409
    assert answer.json()["values"]["firstRejects"][0]["value"] == '"many"'
    assert Property.objects.get(name="orders").type == "text"


def test_another_type_converts_and_tells_what_it_removed(api, people):
    sent = {"type": "number", "dropRejects": True}
    dry = api.patch(f"{PROPERTIES}/orders", {**sent, "dryRun": True}).json()["data"]
    assert (dry["dryRun"], dry["values"]["converted"], Property.objects.get(name="orders").type) == (True, 1, "text")
    done = api.patch(f"{PROPERTIES}/orders", sent).json()["data"]
    assert (done["property"]["type"], done["values"]["converted"], done["values"]["rejected"]) == ("number", 1, 1)
    bo = Contact.objects.get(first_name="Bo")
    assert [(each["contactId"], each["value"]) for each in done["values"]["rejects"]] == [(bo.wire_id, '"many"')]
    assert Contact.objects.get(first_name="Ana").custom["orders"] == 3
    assert "orders" not in bo.custom


def test_more_removed_values_than_an_answer_can_name_are_refused(api, people, monkeypatch):
    monkeypatch.setattr("segments.api.properties.MOST_REJECTS", 0)
    answer = api.patch(f"{PROPERTIES}/orders", {"type": "number", "dropRejects": True})
    assert answer.status_code == 409
    assert Contact.objects.get(first_name="Bo").custom["orders"] == "many"


def test_a_property_in_use_is_not_deleted_unless_it_is_said_what_becomes_of_the_segments(api, people, pro):
    answer = api("DELETE", f"{PROPERTIES}/plan")
    assert answer.status_code == 409
    assert [(each["_id"], each["name"]) for each in answer.json()["segments"]] == [(pro, "Pro")]
    dry = api("DELETE", f"{PROPERTIES}/plan?segments=delete&dryRun=true").json()["data"]
    assert (dry["holders"], [each["_id"] for each in dry["deletedSegments"]], dry["dryRun"]) == (3, [pro], True)
    assert Segment.objects.live().filter(pk=pro).exists()
    done = api("DELETE", f"{PROPERTIES}/plan?instead=customProperties.orders").json()["data"]
    assert [each["_id"] for each in done["rewrittenSegments"]] == [pro]
    assert not Property.objects.filter(name="plan").exists()
    assert count(api, pro) == 0
    done = api("DELETE", f"{PROPERTIES}/customProperties.orders?segments=delete").json()["data"]
    assert [each["_id"] for each in done["deletedSegments"]] == [pro]
    assert api.get(f"/api/segments/{pro}").status_code == 404
    assert not Contact.objects.filter(custom__has_key="orders").exists()


def test_a_substitution_tag_is_deleted_by_its_full_name(api, shop):
    api.post(f"/api/workspaces/{DEMO}/contacts", {"firstName": "Ana", "substitutionTags": {"coupon/1": "X"}})
    assert api("DELETE", f"{PROPERTIES}/substitutionTags.coupon/1").json()["data"]["holders"] == 1
    assert not shop.substitution_tags.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "paths"),
    [
        ("POST", "", [], [""]), ("POST", "", {}, ["name", "type"]), ("POST", "", {"name": "a", "type": "colour"}, ["type"]),
        ("POST", "", {"name": "email", "type": "text"}, ["name"]), ("POST", "", {"name": 5, "type": "text"}, ["name"]),
        ("POST", "", {"name": "a", "type": "number", "options": ["x"]}, ["options"]),
        ("PATCH", "/plan", {}, [""]), ("PATCH", "/plan", [], [""]), ("PATCH", "/plan", {"dryrun": True, "type": "list"}, ["dryrun"]),
        ("PATCH", "/plan", {"type": 5, "addOptions": "x", "dryRun": "yes", "segments": "keep"}, ["type", "addOptions", "segments", "dryRun"]),
        ("DELETE", "/plan?dry_run=true", None, ["dry_run"]), ("DELETE", "/plan?segments=x&dryRun=1", None, ["segments", "dryRun"]),
        ("DELETE", "/plan?instead=customProperties.plam", None, ["instead"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_change_is_said_and_nothing_is_done(api, people, pro, method, path, body, paths):
    answer = api(method, PROPERTIES + path, body)
    assert (answer.status_code, sorted(each["path"] for each in answer.json()["problems"])) == (400, sorted(paths))
    assert set(Property.objects.values_list("name", "type")) == {
        ("plan", "text"),
        ("orders", "text"),
        ("size", "number"),
    }


def test_what_is_not_theirs_is_unknown(api, rival_api, rival, people):
    made = api.get(CONTACT_PROPERTIES).json()["data"]["contactProperties"][-1]["_id"]
    for caller, pk in [(rival_api, made), (api, UNKNOWN), (api, "x"), (api, "%00")]:
        answer = caller.get(f"/api/contact-properties/{pk}")
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Contact property not found"})
    for path in (CONTACT_PROPERTIES, PROPERTIES):
        for method in ("GET", "POST"):
            assert rival_api(method, path, {"label": "A"}).json() == {
                "status": "fail",
                "message": "Workspace not found",
            }
    for method in ("PATCH", "DELETE"):
        answer = rival_api(method, f"{PROPERTIES}/plan", {"label": "A"})
        assert (answer.status_code, answer.json()["message"]) == (404, "Workspace not found")
        for name in ("plan", "email", "substitutionTags.x", "%00", "a/b"):
            answer = rival_api(method, f"/api/workspaces/{rival.pk}/properties/{name}", {"label": "A"})
            assert (answer.status_code, answer.json()["message"]) == (404, "Property not found"), name
    reader = Api(ApiKey.objects.issue(people, "reader", "read")[1])
    assert reader.get(PROPERTIES).status_code == 200
    for method, path in [
        ("POST", PROPERTIES),
        ("PATCH", f"{PROPERTIES}/plan"),
        ("DELETE", f"{PROPERTIES}/plan"),
        ("POST", CONTACT_PROPERTIES),
    ]:
        assert reader(method, path, {"label": "A", "fieldType": "text"}).status_code == 403
    assert Property.objects.count() == 3
