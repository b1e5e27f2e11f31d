"""Tiledesk's leads over HTTP: its contacts one by one, in lists that segments narrow, and as a file."""

import csv
import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.columnar.refresh import refresh
from contacts.models import Contact, Property, wire_id
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Pin, rewrite_pins
from segments.rules.tree import All, Condition, Not
from segments.saving import drafts
from tests.callers import UNKNOWN, Caller, basic, person
from tests.conftest import DEMO
from tests.people import add, custom, declare, found
from workspaces.models import Member, Role

pytestmark = pytest.mark.django_db

LEADS = f"/v3/{DEMO}/leads"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make(call, **body):
    answer = call.post(LEADS, body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def path(lead, rest=""):
    return f"{LEADS}/{lead['_id']}{rest}"


def names(answer):
    assert answer.status_code == 200, answer.content
    return " ".join(lead["fullname"] for lead in answer.json()["leads"])


def listed(call, query=""):
    return names(call.get(f"{LEADS}?{query}"))


def segment_of(shop, rule, name="Some"):
    return drafts.create(shop, Draft(name, rule, rule_given=True))


# --- one by one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["/v3", "/v2", "/v1", ""])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_life_of_a_lead(call, base, slash):
    leads = f"{base}/{DEMO}/leads"
    made = call.post(leads + slash, {"lead_id": "L-1", "fullname": "Mario Rossi", "email": "mario@x.example", "attributes": {"plan": "pro", "age": 44}})  # fmt: skip
    assert made.status_code == 200
    lead = made.json()
    stamp = lead["createdAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    attributes = {"plan": "pro", "age": 44}
    assert lead == {
        "_id": lead["_id"], "id": lead["_id"], "lead_id": "L-1", "fullname": "Mario Rossi", "email": "mario@x.example",
        "phone": None, "company": None, "note": None, "streetAddress": None, "city": None, "region": None, "zipcode": None,
        "country": None, "tags": [], "attributes": attributes, "properties": attributes, "status": 100,
        "id_project": DEMO, "createdBy": "system", "createdAt": stamp, "updatedAt": stamp, "__v": 0,
    }  # fmt: skip
    one = f"{leads}/{lead['_id']}"
    assert call.get(one + slash).json() == lead
    put = call.put(one + slash, {"phone": "+393331234567", "city": "Turin", "tags": ["vip"]})
    assert put.json() == {**lead, "phone": "+393331234567", "city": "Turin", "tags": ["vip"], "updatedAt": put.json()["updatedAt"]}  # fmt: skip
    assert call.get(leads + slash).json() == {"perPage": 40, "count": 1, "leads": [put.json()]}
    assert call("PATCH", f"{one}/attributes{slash}", {"age": 45}).json()["attributes"] == {"plan": "pro", "age": 45}
    assert call("POST", f"{one}/properties{slash}", {"city": "x"}).json()["properties"]["city"] == "x"
    assert call("PATCH", f"{one}/properties{slash}", {"city": None}).json()["properties"] == {"plan": "pro", "age": 45}
    assert call.put(f"{one}/tag{slash}", ["vip", "new"]).json()["tags"] == ["vip", "new"]
    assert call("DELETE", f"{one}/tag/vip{slash}").json()["tags"] == ["new"]
    assert call.get(f"{leads}/csv{slash}").status_code == 200
    gone = call("DELETE", one + slash)
    assert (gone.status_code, gone.json()["status"]) == (200, 1000)
    assert call.get(leads + slash).json() == {"perPage": 40, "count": 0, "leads": []}


def test_a_lead_is_a_contact_like_any_other(shop, call, api):
    lead = make(call, lead_id="L-1", fullname="Mario Maria Rossi", email="mario@x.example", attributes={"plan": "pro"})
    contact = Contact.objects.get(pk=int(lead["_id"], 16))
    assert (contact.external_id, contact.first_name, contact.last_name) == ("L-1", "Mario", "Maria Rossi")
    assert Property.objects.get(name="plan").type == "text"
    assert found(shop, custom("plan", "is", "PRO")) == "Mario"
    api.post(f"/api/workspaces/{DEMO}/contacts", {"externalId": "L-1", "email": "mario@x.example", "country": "IT"})
    assert call.get(path(lead)).json()["country"] == "IT"


def test_without_a_lead_id_one_is_made_and_the_same_address_may_come_twice(shop, call):
    first, second = (make(call, fullname="Mario", email="family@x.example") for _ in range(2))
    assert UUID.fullmatch(first["lead_id"])
    assert first["lead_id"] != second["lead_id"]
    assert shop.contacts.count() == 2


def test_a_lead_id_that_is_known_updates_that_lead(shop, call):
    lead = make(call, lead_id=7, fullname="Mario Rossi", email="mario@x.example", attributes={"plan": "pro"})
    again = make(call, lead_id="7", email="new@x.example", attributes={"age": 3})
    assert (again["_id"], again["lead_id"], shop.contacts.count()) == (lead["_id"], "7", 1)
    assert (again["fullname"], again["email"]) == ("Mario Rossi", "new@x.example")
    assert again["attributes"] == {"plan": "pro", "age": 3}


@pytest.mark.django_db(transaction=True)
def test_fifty_posts_of_one_new_lead_at_once_make_one_lead(shop, ana):
    ready = threading.Barrier(8)

    def send(turn):
        try:
            if turn < 8:
                ready.wait(timeout=30)
            return Caller(basic("ana@shop.example")).post(LEADS, {"lead_id": "same", "attributes": {f"a{turn % 5}": turn}})  # fmt: skip
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["_id"] for answer in answers}) == 1
    assert shop.contacts.count() == 1
    assert shop.contacts.get().custom.keys() == {"a0", "a1", "a2", "a3", "a4"}


@pytest.mark.django_db(transaction=True)
def test_tags_added_at_once_are_all_there(shop, call):
    lead = make(call, lead_id="L-1")

    def send(turn):
        try:
            return Caller(basic("ana@shop.example")).put(path(lead, "/tag"), [f"tag{turn}"]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(18))) == {200}
    assert sorted(call.get(path(lead)).json()["tags"]) == sorted(f"tag{turn}" for turn in range(18))


def test_a_put_changes_what_it_names(shop, call):
    lead = make(call, lead_id="L-1", fullname="Ana Maria Ruiz", email="a@x.example", attributes={"plan": "pro", "age": 4})  # fmt: skip
    Contact.objects.update(first_name="Ana Maria", last_name="Ruiz")
    put = lambda **body: call.put(path(lead), body).json()  # noqa: E731
    assert put()["updatedAt"] == lead["updatedAt"]
    assert put(attributes={"age": 5})["attributes"] == {"age": 5}
    assert put(attributes={})["attributes"] == {}
    sent_back = put(**{**call.get(path(lead)).json(), "note": "hello", "lead_id": "other", "id_project": UNKNOWN})
    assert (sent_back["note"], sent_back["lead_id"], sent_back["id_project"]) == ("hello", "L-1", DEMO)
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name) == ("Ana Maria", "Ruiz")
    assert put(fullname="Bea")["fullname"] == "Bea"
    emptied = put(fullname=None, email=None, note="", tags=None)
    assert [emptied[key] for key in ("fullname", "email", "note", "tags")] == [None, None, None, []]
    for name in ("company", "note", "streetAddress", "city", "region", "zipcode", "country"):
        assert put(**{name: f"my {name}"})[name] == f"my {name}"
    assert {key: put(status=status)["status"] for key, status in (("a", 50), ("b", "100"), ("c", 1000))} == {"a": 50, "b": 100, "c": 1000}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "rest", "body", "paths"),
    [
        ("PUT", "", {"email": "no address"}, ["email"]),
        ("PUT", "", {"status": 7, "fullname": {"a": 1}, "tags": [[1]]}, ["status", "fullname", "tags"]),
        ("PUT", "", {"attributes": "x"}, ["attributes"]),
        ("PUT", "", {"attributes": {"age": "old", "": 1}}, ["attributes.age", "attributes."]),
        ("PUT", "", {"city": "x\0"}, ["city"]),
        ("PUT", "", {"note": "x" * 10_001}, ["note"]),
        ("PUT", "", [], [""]),
        ("PUT", "", "x", [""]),
        ("PATCH", "/attributes", [1], ["attributes"]),
        ("PATCH", "/attributes", {"age": "old"}, ["attributes.age"]),
        ("POST", "/properties", {"age": [1, 2]}, ["properties.age"]),
        ("PATCH", "/properties", "null", ["properties"]),
        ("PUT", "/tag", ["x", {"a": 1}], [""]),
    ],
)
def test_what_is_refused_names_every_place_and_saves_nothing(shop, call, method, rest, body, paths):
    declare(shop, age="number")
    lead = make(call, lead_id="L-1", fullname="Mario", attributes={"age": 4})
    answer = call(method, path(lead, rest), body)
    assert (answer.status_code, answer.json()["msg"]) == (400, "Error updating object.")
    assert [problem["path"] for problem in answer.json()["problems"]] == paths
    assert call.get(path(lead)).json() == lead


@pytest.mark.parametrize("body", [{"lead_id": {"$ne": 1}}, {"lead_id": "x" * 1001}, {"email": "a"}, {"attributes": 4}, [1], "x"])  # fmt: skip
def test_a_post_that_is_refused_makes_no_lead(shop, call, body):
    answer = call.post(LEADS, body)
    assert (answer.status_code, answer.json()["success"], len(answer.json()["problems"])) == (400, False, 1)
    assert not shop.contacts.exists()


def test_attributes_may_be_called_as_built_in_properties_are(shop, call):
    lead = make(call, lead_id="L-1", fullname="Mario", attributes={"company": "Acme", "country": "IT"})
    assert (lead["company"], lead["attributes"]) == (None, {"company": "Acme", "country": "IT"})
    assert found(shop, custom("company", "is", "acme")) == "Mario"
    assert found(shop, Condition("company", "is_known", None)) == ""
    made = call.post(f"/v3/{DEMO}/segments", {"name": "x", "filters": [{"field": "attributes.city", "operator": "=", "value": "x"}]})  # fmt: skip
    assert made.status_code == 200


def test_tags_are_added_once_and_removed_in_any_case(call):
    lead = make(call, lead_id="L-1")
    tagged = lambda *tags: call.put(path(lead, "/tag"), list(tags)).json()["tags"]  # noqa: E731
    assert tagged("tag1", "tag2") == ["tag1", "tag2"]
    assert tagged("tag2", "tag3", "a/b c") == ["tag1", "tag2", "tag3", "a/b c"]
    assert call("DELETE", path(lead, "/tag/TAG2")).json()["tags"] == ["tag1", "tag3", "a/b c"]
    assert call("DELETE", path(lead, f"/tag/{quote('a/b c')}")).json()["tags"] == ["tag1", "tag3"]
    assert call("DELETE", path(lead, "/tag/nobody's")).json()["tags"] == ["tag1", "tag3"]


@pytest.mark.parametrize("body", [[], [""], None, {}, '"x"', "null", 4])
def test_without_a_tag_none_is_added(call, body):
    lead = make(call, lead_id="L-1")
    answer = call.put(path(lead, "/tag"), body)
    assert (answer.status_code, answer.json()) == (400, {"success": False, "message": "No tag specified"})


# --- the trash ---------------------------------------------------------------------------------------------------------


def test_a_lead_in_the_trash_is_in_no_audience_and_comes_back(shop, call):
    lead = make(call, lead_id="L-1", fullname="Mario Rossi", email="mario@x.example")
    make(call, lead_id="L-2", fullname="Bea")
    segment = segment_of(shop, All(()))
    call("DELETE", path(lead))
    assert (listed(call), audience.of(segment).count) == ("Bea", 1)
    assert call.get(path(lead)).json()["status"] == 1000
    assert listed(call, "status=1000") == "Mario Rossi"
    assert listed(call, "status=1000&full_text=rossi&with_email=1&email=MARIO@x.example") == "Mario Rossi"
    for query in ("full_text=bea", "tags=x", f"segment={segment.pk}"):
        assert listed(call, f"status=1000&{query}") == ""
    assert call("PATCH", path(lead, "/attributes"), {"a": 1}).json()["status"] == 1000
    assert call.put(path(lead), {"status": 100}).json()["status"] == 100
    assert (listed(call, "sort=fullname&direction=1"), audience.of(segment).count) == ("Bea Mario Rossi", 2)
    call("DELETE", path(lead))
    assert make(call, lead_id="L-1")["status"] == 100


def test_only_an_owner_erases_a_lead_for_good(shop, call):
    lead, segment = make(call, lead_id="L-1"), segment_of(shop, None)
    Pin.objects.create(segment=segment, contact=Contact.objects.get(), kind="included")
    rewrite_pins(segment)
    answer = call("DELETE", path(lead, "/physical"))
    assert (answer.status_code, answer.json()) == (403, {"success": False, "msg": "Unauthorized."})
    Member.objects.update(role=Role.OWNER)
    answer = call("DELETE", path(lead, "/physical"))
    assert (answer.status_code, answer.json()["_id"]) == (200, lead["_id"])
    assert not shop.contacts.exists()
    assert audience.of(segment).count == 0
    assert call.get(path(lead)).status_code == 404


# --- lists -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(shop):
    declare(shop, plan="text")
    add(shop, "Ana", {"city": "Turin"}, ["vip"], last_name="Ruiz", email="ana@x.example", plan="pro", external_id="3")
    add(shop, "Bea", {"city": "Milan"}, ["vip", "new"], email="Bea.Ana@y.example", plan="free", external_id="1")
    add(shop, "Cem", {"city": "Aosta"}, ["New York"], plan="pro", external_id="2")
    add(shop, "Dov", lifecycle="temporary", email="dov@x.example", plan="pro")
    add(shop, "Eva", lifecycle="trashed", email="eva@x.example", plan="pro", tags=["vip"])
    add(shop, "", email="nameless@x.example")
    Contact.objects.filter(first_name="").update(first_name=" ")
    return shop


def firsts(call, query):
    answer = call.get(f"{LEADS}?sort=_id&direction=1&{query}")
    assert answer.status_code == 200, answer.content
    leads = answer.json()["leads"]
    assert answer.json()["count"] == len(leads)
    return " ".join(lead["fullname"].split()[0] if lead["fullname"] else "-" for lead in leads)


QUERIES = [
    ("", "Ana Bea Cem -"),
    ("status=100", "Ana Bea Cem -"),
    ("status=50", "Dov"),
    ("status=1000", "Eva"),
    ("email=ANA@x.example", "Ana"),
    ("email=ana", ""),
    ("tags=vip", "Ana Bea"),
    ("tags=VIP&tags=new", "Bea"),
    ("tags=York", ""),
    ("with_email=1", "Ana Bea -"),
    ("with_fullname=true", "Ana Bea Cem"),
    ("with_email=1&with_fullname=1&tags=vip&email=&tags=&full_text=", "Ana Bea"),
    ("full_text=ana", "Ana Bea"),
    ("full_text=RUIZ", "Ana"),
    ("full_text=ruiz ana", "Ana"),
    ("full_text=an", ""),
    ("full_text=ruiz an", ""),
    ("full_text=an ruiz", ""),
    ("full_text=x.example", "Ana -"),
    ("full_text=nobody", ""),
    ("full_text=%2B..", ""),
    ("full_text=.*", ""),
    ("status=50&full_text=dov", "Dov"),
    ("status=1000&tags=vip", "Eva"),
]


@pytest.mark.parametrize(("query", "who"), QUERIES)
def test_whom_a_list_finds(people, call, query, who):
    assert firsts(call, query) == who


@pytest.mark.django_db(transaction=True)
def test_a_list_finds_the_same_in_marks_delta_and_chunks(people, call, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 3
    refresh(people)  # chunks
    Contact.objects.filter(first_name__in=["Bea", "Dov"]).update(updated_at=timezone.now())
    refresh(people)  # a delta
    Contact.objects.filter(first_name="Ana").update(updated_at=timezone.now())  # marks
    for query, who in QUERIES:
        assert (query, firsts(call, query)) == (query, who)
    assert listed(call, "sort=fullname&direction=1&with_fullname=1") == "Ana Ruiz Bea Cem"
    assert listed(call, "sort=city&with_fullname=1") == "Ana Ruiz Bea Cem"
    assert listed(call, "sort=updatedAt&with_fullname=1") == "Ana Ruiz Bea Cem"
    Contact.objects.filter(first_name="Ana").update(lifecycle="temporary")
    assert (firsts(call, ""), firsts(call, "status=50")) == ("Bea Cem -", "Ana Dov")


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ("", "Ana Cem"),
        ("tags=vip", "Ana"),
        ("full_text=ruiz", "Ana"),
        ("with_email=1&status=50", "Dov"),
        ("email=bea.ana@y.example", ""),
        ("status=1000", ""),
    ],
)
def test_a_segment_and_the_other_filters_narrow_together(people, call, query, who):
    segment = segment_of(people, custom("plan", "is", "pro"))
    assert firsts(call, f"segment={segment.pk}&{query}") == who


def test_a_segment_counts_with_its_pins(people, call):
    segment = segment_of(people, custom("plan", "is", "pro"))
    for name, kind in (("Bea", "included"), ("Ana", "excluded")):
        Pin.objects.create(segment=segment, contact=Contact.objects.get(first_name=name), kind=kind)
    rewrite_pins(segment)
    assert firsts(call, f"segment={segment.pk}") == "Bea Cem"


def test_a_segment_that_is_not_here_is_not_found(people, call, rival):
    theirs, gone = segment_of(rival, All(())), segment_of(people, All(()))
    drafts.delete(gone)
    for pk in (theirs.pk, gone.pk, UNKNOWN, "nonsense", "abcdefghijkl"):
        for where in (LEADS, f"{LEADS}/csv"):
            answer = call.get(f"{where}?segment={pk}")
            assert (answer.status_code, answer.json()) == (404, {"success": False, "msg": "Error segment not found"})


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", "Cem Bea Ana"),
        ("direction=1", "Ana Bea Cem"),
        ("direction=asc&sort=lead_id", "Bea Cem Ana"),
        ("sortField=lead_id", "Ana Cem Bea"),
        ("sort=city&direction=1", "Cem Bea Ana"),
        ("sort=email&direction=1", "Cem Ana Bea"),
        ("sort=email&direction=-1", "Bea Ana Cem"),
        ("sort=fullname", "Cem Bea Ana"),
        ("limit=2", "Cem Bea"),
        ("limit=2&page=1", "Ana"),
        ("limit=1&page=1&direction=1", "Bea"),
        ("page=1", ""),
        ("page=999999999&limit=1000", ""),
        ("limit=0", "Cem Bea Ana"),
    ],
)
def test_a_list_is_sorted_and_paged(people, call, query, order):
    body = call.get(f"{LEADS}?with_fullname=1&{query}").json()
    assert " ".join(lead["fullname"].split()[0] for lead in body["leads"]) == order
    assert body["count"] == 3


def test_leads_of_the_same_moment_come_in_one_order_over_all_pages(shop, call):
    for number in range(7):
        add(shop, f"L{number}")
    Contact.objects.update(created_at=timezone.now())
    pages = [listed(call, f"limit=3&page={page}") for page in range(3)]
    assert " ".join(pages) == "L6 L5 L4 L3 L2 L1 L0"


@pytest.mark.parametrize("query", ["limit=-1", "page=x", "direction=up", "sort=custom", "sort=__class__", "sort=tags", "sort=workspace__name", "status=7", "status=abc"])  # fmt: skip
def test_a_list_that_cannot_be_had_says_why(call, query):
    for where in (LEADS, f"{LEADS}/csv"):
        answer = call.get(f"{where}?{query}")
        assert answer.status_code == 400
        assert [problem["path"] for problem in answer.json()["problems"]] == [query.partition("=")[0]]


def test_a_list_names_every_problem_at_once(call):
    answer = call.get(f"{LEADS}?limit=x&status=7&sort=z&direction=q")
    assert [problem["path"] for problem in answer.json()["problems"]] == ["limit", "sort", "direction", "status"]
    answer = call.get(f"{LEADS}?full_text={'+'.join(f'w{number}' for number in range(51))}")
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "full_text")
    assert call.get(f"{LEADS}?email=%00&tags=%00").json()["problems"][1]["path"] == "tags.value"


@pytest.mark.parametrize("query", ["", "segment={segment}&full_text=lead&tags=t&with_email=1&sort=fullname"])
def test_the_number_of_queries_is_the_same_for_many(shop, call, query):
    segment = segment_of(shop, Not(Condition("city", "is", "x")))
    counted = []
    assert call.get(LEADS).status_code == 200  # the first request of a client takes some for its login
    for _ in range(2):
        for number in range(10):
            add(shop, f"Lead {number}", tags=["t"], email=f"l{number}@x.example")
        with CaptureQueriesContext(connection) as queries:
            body = call.get(f"{LEADS}?limit=1000&{query.format(segment=segment.pk)}").json()
        counted.append((len(queries), body["count"]))
    assert [count for _, count in counted] == [10, 20]
    assert counted[0][0] == counted[1][0] < 12


# --- as a file ---------------------------------------------------------------------------------------------------------

HEADER = '"_id";"lead_id";"fullname";"email";"phone";"company";"note";"streetAddress";"city";"region";"zipcode";"country";"tags";"status";"id_project";"createdBy";"createdAt";"updatedAt"'


def file(call, query=""):
    answer = call.get(f"{LEADS}/csv?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return b"".join(answer.streaming_content).decode()


def rows(call, query=""):
    return list(csv.DictReader(io.StringIO(file(call, query), newline=""), delimiter=";"))


def test_a_file_has_always_the_same_columns(people, call):
    text = file(call, "email=nobody@x.example")
    assert text == HEADER + "\r\n"
    (ana,) = file(call, "email=ana@x.example").removeprefix(text).split("\r\n")[:-1]
    contact = Contact.objects.get(first_name="Ana")
    stamp = contact.created_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{contact.created_at.microsecond // 1000:03}Z"
    assert ana.startswith(
        f'"{wire_id(contact.pk)}";"3";"Ana Ruiz";"ana@x.example";"";"";"";"";"Turin";"";"";"";"vip";100;"{DEMO}";"system";"{stamp}"'
    )


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ("", "Ana Bea Cem Dov -"),
        ("status=100", "Ana Bea Cem -"),
        ("status=1000", "Eva"),
        ("tags=vip", "Ana Bea"),
        ("full_text=ana&with_email=1", "Ana Bea"),
        ("segment={pro}", "Ana Cem Dov"),
        ("segment={pro}&tags=vip", "Ana"),
        ("limit=2", "Ana Bea"),
        ("limit=2&page=1", "Cem Dov"),
        ("page=1", ""),
    ],
)
def test_a_file_honours_segment_and_filters(people, call, query, who):
    query = query.format(pro=segment_of(people, custom("plan", "is", "pro")).pk)
    found = [row["fullname"].split() for row in rows(call, f"sort=_id&direction=1&{query}")]
    assert " ".join(name[0] if name else "-" for name in found) == who


def test_a_file_is_longer_than_a_fetch(shop, call, monkeypatch):
    monkeypatch.setattr("segments.api.leads.ROWS_A_FETCH", 2)
    for number in range(5):
        add(shop, f"L{number}", tags=["a", "b"])
    found = rows(call, "direction=1")
    assert [(row["fullname"], row["tags"]) for row in found] == [(f"L{number}", "a,b") for number in range(5)]


@pytest.mark.parametrize(
    ("note", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("-5", "-5"),
        ('say "hi"; or\nnot', 'say "hi"; or\nnot'),
    ],
)
def test_a_cell_is_never_a_formula(call, note, cell):
    lead = make(call, lead_id="=L", fullname="=Mario", attributes={})
    call.put(path(lead), {"note": note, "phone": "+393331234567", "tags": ["=x", "y"]})
    (row,) = rows(call)
    assert (row["note"], row["phone"], row["lead_id"], row["fullname"], row["tags"]) == (cell, "+393331234567", "'=L", "'=Mario", "'=x,y")  # fmt: skip


# --- who may -----------------------------------------------------------------------------------------------------------

ROUTES = [
    ("GET", "", None),
    ("PUT", "", {"fullname": "Mine"}),
    ("DELETE", "", None),
    ("DELETE", "/physical", None),
    ("PUT", "/tag", ["mine"]),
    ("DELETE", "/tag/vip", None),
    ("PATCH", "/attributes", {"mine": 1}),
    ("POST", "/properties", {"mine": 1}),
    ("PATCH", "/properties", {"mine": 1}),
]


@pytest.mark.parametrize(("method", "rest", "body"), ROUTES)
def test_a_lead_of_another_project_is_as_unknown_as_none(people, call, rival, method, rest, body):
    Member.objects.update(role=Role.OWNER)
    theirs = add(rival, "Theirs", tags=["vip"], external_id="T")
    before = Contact.objects.values().get(pk=theirs.pk)
    answers = {}
    for pk in (wire_id(theirs.pk), UNKNOWN, "0" * 24, "nonsense", "f" * 24, theirs.pk):
        answer = call(method, f"{LEADS}/{pk}{rest}", body)
        answers[answer.content.decode().replace(str(pk), "ID")] = answer.status_code
    told = '{"success":false,"error":"Lead not found with id ID"}' if "/tag" in rest else '{"success":false,"msg":"Object not found."}'  # fmt: skip
    assert answers == {told: 404}
    for project in (rival.pk, UNKNOWN):
        answer = call(method, f"/v3/{project}/leads/{wire_id(theirs.pk)}{rest}", body)
        assert (answer.status_code, answer.json()["msg"]) == (403, "you dont belong to the project.")
    assert Contact.objects.values().get(pk=theirs.pk) == before


def test_a_lead_id_of_another_project_is_free_here(call, rival, shop):
    theirs = add(rival, "Theirs", external_id="same")
    lead = make(call, lead_id="same", fullname="Ours")
    assert lead["_id"] != wire_id(theirs.pk)
    theirs.refresh_from_db()
    assert theirs.first_name == "Theirs"


@pytest.mark.parametrize(("method", "rest", "body"), [*ROUTES, ("GET", "csv", None), ("GET", "list", None), ("POST", "list", {})])  # fmt: skip
def test_checks_come_in_the_documented_order(people, method, rest, body):
    where = {"csv": "leads/csv", "list": "leads"}.get(rest, f"leads/{UNKNOWN}{rest}")
    stranger, guest = person("stranger@x.example"), person("guest@shop.example", people, Role.TEAMMATE)
    for sent in (body, "{"):
        anonymous = Caller()(method, f"/v3/nonsense/{where}", sent)
        assert (anonymous.status_code, anonymous.content) == (401, b"Unauthorized")
        assert anonymous["WWW-Authenticate"] == 'Basic realm="Users"'
        malformed = Caller(basic(stranger.email))(method, f"/v3/nonsense/{where}", sent)
        assert (malformed.status_code, malformed.json()) == (400, {"error": "Invalid project id: nonsense"})
        outside = Caller(basic(stranger.email))(method, f"/v3/{DEMO}/{where}", sent)
        assert (outside.status_code, outside.json()) == (403, {"success": False, "msg": "you dont belong to the project."})  # fmt: skip
        below = Caller(basic(guest.email))(method, f"/v3/{DEMO}/{where}", sent)
        assert (below.status_code, below.json()) == (403, {"success": False, "msg": "you dont have the required role."})


def test_a_superuser_owns_every_project(people, call):
    root = person("root@x.example")
    root.is_superuser = True
    root.save()
    ana = Contact.objects.get(first_name="Ana")
    assert Caller(basic(root.email))("DELETE", f"{LEADS}/{wire_id(ana.pk)}/physical").status_code == 200


@pytest.mark.parametrize(("method", "rest"), [("PATCH", f"/{UNKNOWN}"), ("DELETE", ""), ("POST", "/csv"), ("GET", f"/{UNKNOWN}/tag"), ("GET", f"/{UNKNOWN}/nothing")])  # fmt: skip
def test_a_route_that_there_is_not_answers_as_the_others(call, method, rest):
    answer = call(method, LEADS + rest)
    assert answer.status_code in (404, 405)
    assert answer.json()["success"] is False
