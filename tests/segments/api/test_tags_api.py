"""Tags over HTTP: what contacts carry, what clients say of it, and a rename that moves nobody."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from contacts.columnar.refresh import refresh
from contacts.models import Contact, Tag
from segments.dialects.draft import Draft
from segments.models import Segment
from segments.rules.tree import All, Any, Condition, Not
from segments.saving import drafts
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import add
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

TAGS = f"/api/workspaces/{DEMO}/tags"


@pytest.fixture
def people(shop):
    add(shop, "Ana", tags=["VIP", "beta"])
    add(shop, "Bo", tags=["vip"])
    add(shop, "Cleo", tags=["Küche 5"])
    add(shop, "Dan")
    return shop


def tags_of(api):
    return {each["label"]: each for each in api.get(TAGS).json()["data"]["tags"]}


def carried():
    return {contact.first_name: contact.tags for contact in Contact.objects.all()}


# --- the documented page ----------------------------------------------------------------------------------------


def test_create_answers_201_with_the_documented_tag(api):
    answer = api.post(TAGS, {"label": "VIP", "color": "#FF5733"})
    assert (answer.status_code, answer.json()["status"]) == (201, "success")
    tag = answer.json()["data"]["tag"]
    assert {key: tag[key] for key in ("label", "name", "workspaceId", "color")} == {
        "label": "VIP", "name": "vip", "workspaceId": DEMO, "color": "#FF5733",
    }  # fmt: skip
    assert api.get(f"/api/tags/{tag['_id']}").json()["data"]["tag"] == tag
    listed = api.get(TAGS).json()["data"]
    assert listed["count"] == 1
    assert listed["tags"] == [{**tag, "contactCount": 0}]


def test_tags_that_contacts_carry_are_listed_with_how_many_do(api, people):
    api.post(TAGS, {"label": "Nobody's", "color": "sky"})
    found = tags_of(api)
    assert {label.lower(): each["contactCount"] for label, each in found.items()} == {
        "beta": 1, "küche 5": 1, "nobody's": 0, "vip": 2,
    }  # fmt: skip
    assert found["Küche 5"]["name"] == "küche-5"
    assert tags_of(api) == found
    assert Tag.objects.count() == 4


def test_the_contacts_of_a_tag_are_paged(api, people):
    found = tags_of(api)
    vip = next(each for label, each in found.items() if label.lower() == "vip")
    data = api.get(f"/api/tags/{vip['_id']}/contacts", limit=1).json()["data"]
    assert ([each["name"] for each in data["contacts"]], data["count"]) == (["Ana"], 2)
    data = api.get(f"/api/tags/{vip['_id']}/contacts", limit=1, searchAfter=data["searchAfter"]).json()["data"]
    assert [each["name"] for each in data["contacts"]] == ["Bo"]
    newest = api.get(f"/api/tags/{vip['_id']}/contacts", order="-1").json()["data"]["contacts"]
    assert [each["name"] for each in newest] == ["Bo", "Ana"]


def test_a_label_is_taken_once_whatever_its_case(api, people):
    assert api.post(TAGS, {"label": "Gold"}).status_code == 201
    answer = api.post(TAGS, {"label": "GOLD"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "label")


def test_tags_that_look_alike_in_addresses_have_names_of_their_own(api):
    names = [api.post(TAGS, {"label": label}).json()["data"]["tag"]["name"] for label in ("C++", "C#", "c", "!", "?")]
    assert names == ["c", "c-2", "c-3", "tag", "tag-2"]


def test_a_label_that_is_another_tags_name_is_a_tag_of_its_own(api, people):
    api.post(TAGS, {"label": "Küche-5!"})  # its name is küche-5, which a contact then carries as a label
    add(people, "Eve", tags=["küche-5"])
    assert {label: each["contactCount"] for label, each in tags_of(api).items() if "5" in label} == {
        "Küche 5": 1, "Küche-5!": 0, "küche-5": 1,
    }  # fmt: skip


# --- the tags of a contact --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ([], []), (["new"], ["new"]), (["vip", "VIP"], ["VIP"]), (["küche-5"], ["Küche 5"]),
        ([{"label": "Gold", "color": "amber"}, "beta"], ["Gold", "beta"]), (["a", "b", "a"], ["a", "b"]),
    ],
)  # fmt: skip
def test_the_tags_that_are_sent_replace_those_that_were_there(api, people, sent, held):
    api.post(TAGS, {"label": "VIP"})
    api.get(TAGS)
    ana = Contact.objects.get(first_name="Ana")
    answer = api.post(f"/api/contacts/{ana.wire_id}/tags", {"tags": sent})
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["contact"]["tags"] == held
    ana.refresh_from_db()
    assert ana.tags == held
    assert set(held) <= set(tags_of(api))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "tags"), ({}, "tags"), ({"tags": "vip"}, "tags"), ({"tags": [5]}, "tags[0]"), ({"tags": ["a", ""]}, "tags[1]"),
        ({"tags": [{"color": "sky"}]}, "tags[0].label"), ({"tags": [{"label": "a", "color": 5}]}, "tags[0].color"),
        ({"tags": ["a\0"]}, "tags[0]"), ({"tags": ["x" * 10_001]}, "tags[0]"), ({"tags": [None]}, "tags[0]"),
        ({"tags": [{"label": "a", "color": "x" * 51}]}, "tags[0].color"), ({"tags": [["a"]]}, "tags[0]"),
    ],
)  # fmt: skip
def test_bad_tags_of_a_contact_are_refused_and_nothing_changes(api, people, body, path):
    ana = Contact.objects.get(first_name="Ana")
    answer = api.post(f"/api/contacts/{ana.wire_id}/tags", body)
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, path)
    assert carried()["Ana"] == ["VIP", "beta"]
    assert not Tag.objects.exists()


@pytest.mark.parametrize(("body", "path"), [([], ""), ({}, "label"), ({"label": ""}, "label"), ({"label": 5}, "label"), ({"label": " "}, "label"), ({"label": "a\0"}, "label"), ({"label": "a", "color": []}, None), ({"label": "a", "color": 5}, "color"), ({"label": "a", "color": "\0"}, "color")])  # fmt: skip
def test_a_bad_tag_is_refused_with_its_place(api, body, path):
    answer = api.post(TAGS, body)
    if path is None:
        assert answer.status_code == 201  # an empty colour is none
        return
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, path)


def test_a_label_may_be_as_long_as_a_text(api, shop):
    long = "long " * 2_000
    add(shop, "Ana", tags=[long])
    assert api.post(TAGS, {"label": long}).status_code == 201
    assert tags_of(api)[long]["contactCount"] == 1


# --- renaming ---------------------------------------------------------------------------------------------------

VIP, BETA = Condition("tags", "includes", "Vip"), Condition("tags", "includes", "beta")
RULES = [
    VIP, Not(VIP), All((VIP, BETA)), Any((VIP, Not(BETA))), Condition("tags", "includes", ("beta", "VIP")),
    Condition("tags", "includes_all", ("vip", "beta")), Not(Condition("tags", "is_known")),
    Condition("firstName", "is", "vip"),
]  # fmt: skip


@pytest.mark.parametrize("refreshed", [False, True])
@pytest.mark.django_db(transaction=True)
def test_after_a_rename_everybody_is_in_the_segments_that_they_were_in(api, people, refreshed):
    trashed = add(people, "Gone", tags=["viP", "x"], lifecycle="trashed")
    if refreshed:
        refresh(people)
    made = [drafts.create(people, Draft(f"S{number}", rule, rule_given=True)) for number, rule in enumerate(RULES)]

    def members():
        return [api.get(f"/api/segments/{each.pk}/count").json()["data"]["count"] for each in made]

    def of(segment):
        return [each["_id"] for each in api.get(f"/api/segments/{segment.pk}/contacts").json()["data"]["contacts"]]

    before = [of(each) for each in made]
    assert members() == [2, 2, 1, 4, 2, 1, 1, 0]
    tag = next(each for label, each in tags_of(api).items() if label.lower() == "vip")
    updated = Contact.objects.get(first_name="Bo").updated_at
    answer = api.patch(f"/api/tags/{tag['_id']}", {"label": "Platinum"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["data"]["tag"]["label"], answer.json()["data"]["tag"]["name"]) == ("Platinum", "platinum")
    assert answer.json()["data"]["tag"]["_id"] == tag["_id"]
    assert [of(each) for each in made] == before
    assert carried() == {
        "Ana": ["Platinum", "beta"], "Bo": ["Platinum"], "Cleo": ["Küche 5"], "Dan": [], "Gone": ["Platinum", "x"],
    }  # fmt: skip
    assert trashed.pk
    assert Contact.objects.get(first_name="Bo").updated_at == updated
    assert Segment.objects.get(pk=made[4].pk).tree == Condition("tags", "includes", ("beta", "Platinum"))
    assert Segment.objects.get(pk=made[7].pk).tree == RULES[7]
    assert set(tags_of(api)) == {"Platinum", "beta", "Küche 5"}


def test_criteria_that_were_sent_say_the_new_label(api, people):
    sent = {"property": "tags", "operator": "includes", "value": "VIP", "dataType": "string"}
    body = {"name": "A", "criteria": {"type": "and", "predicates": [sent]}}
    segment = api.post(f"/api/workspaces/{DEMO}/segments", body).json()["data"]["segment"]["_id"]
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]
    api.patch(f"/api/tags/{tag}", {"label": "Gold"})
    predicates = api.get(f"/api/segments/{segment}").json()["data"]["segment"]["criteria"]["predicates"]
    assert [each["value"] for each in predicates] == ["Gold"]


def test_another_spelling_is_written_on_everybody(api, people):
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]
    assert api.patch(f"/api/tags/{tag}", {"label": "Vip"}).status_code == 200
    assert (carried()["Ana"], carried()["Bo"]) == (["Vip", "beta"], ["Vip"])


def test_a_colour_changes_alone(api, people):
    tag = api.post(TAGS, {"label": "VIP", "color": "red"}).json()["data"]["tag"]["_id"]
    answer = api.patch(f"/api/tags/{tag}", {"color": "sky"})
    assert (answer.json()["data"]["tag"]["label"], answer.json()["data"]["tag"]["color"]) == ("VIP", "sky")
    assert api.patch(f"/api/tags/{tag}", {}).json()["data"]["tag"]["color"] == "sky"
    assert carried()["Bo"] == ["vip"]


def test_two_tags_never_become_one(api, people):
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]
    api.post(TAGS, {"label": "Registered"})
    for taken in ("BETA", "registered"):  # carried by somebody, or only registered
        answer = api.patch(f"/api/tags/{tag}", {"label": taken, "color": "sky"})
        assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "label")
    assert carried()["Ana"] == ["VIP", "beta"]
    assert Tag.objects.get(pk=tag).color == ""


def test_a_segment_that_waits_for_the_new_label_is_in_the_way(api, people):
    waiting = drafts.create(people, Draft("Waiting", Not(Condition("tags", "includes", "gold")), rule_given=True))
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]
    answer = api.patch(f"/api/tags/{tag}", {"label": "Gold"})
    assert (answer.status_code, answer.json()["status"]) == (409, "error")
    assert [(each["_id"], each["name"]) for each in answer.json()["segments"]] == [(waiting.pk, "Waiting")]
    assert carried()["Bo"] == ["vip"]


@pytest.mark.django_db(transaction=True)
def test_a_tag_is_made_once_however_many_name_it_at_the_same_time(shop, api):
    contacts = [add(shop, f"P{number}") for number in range(12)]

    def tagged(contact):
        try:
            return Api(api.key).post(f"/api/contacts/{contact.wire_id}/tags", {"tags": ["New"]}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(tagged, contacts)) == {200}
    assert Tag.objects.count() == 1
    assert tags_of(api)["New"]["contactCount"] == 12


@pytest.mark.django_db(transaction=True)
def test_two_renames_at_once_leave_the_tag_with_those_who_carry_it(people, api):
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]

    def renamed(label):
        try:
            return Api(api.key).patch(f"/api/tags/{tag}", {"label": label}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(renamed, [f"New {number}" for number in range(8)])) == {200}
    label = Tag.objects.get(pk=tag).label
    assert (carried()["Ana"], carried()["Bo"]) == ([label, "beta"], [label])


# --- whose tags -------------------------------------------------------------------------------------------------


def test_a_tag_of_another_workspace_is_an_unknown_one(api, rival_api, shop):
    tag = api.post(TAGS, {"label": "VIP"}).json()["data"]["tag"]["_id"]
    for caller, pk in [(rival_api, tag), (api, UNKNOWN), (api, "x"), (api, "%00")]:
        for method, ending in [("GET", ""), ("PATCH", ""), ("GET", "/contacts")]:
            answer = caller(method, f"/api/tags/{pk}{ending}", {"label": "X"} if method == "PATCH" else None)
            assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Tag not found"})
    for method in ("GET", "POST"):
        answer = rival_api(method, TAGS, {"label": "X"})
        assert (answer.status_code, answer.json()["message"]) == (404, "Workspace not found")
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert reader.get(TAGS).status_code == 200
    assert reader.post(TAGS, {"label": "X"}).status_code == 403
    assert reader.patch(f"/api/tags/{tag}", {"label": "X"}).status_code == 403
    assert Tag.objects.get().label == "VIP"
