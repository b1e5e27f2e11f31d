"""Many people at once: as if they had come one after the other, whoever else writes, over HTTP exactly once."""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import properties
from contacts.importing.imports import import_contacts
from contacts.models import MOST_PROPERTIES, MOST_TAGS, Contact, ContactMark, Property, SubstitutionTag
from contacts.values import Kind
from contacts.writing import bulk, staging, upserts
from segments.engine import audience
from segments.rules.tree import All, Condition
from tests.conftest import DEMO, Api
from tests.people import add, custom, declare, found
from workspaces import idempotency
from workspaces.models import ApiKey, KeptAnswer, Workspace
from workspaces.problems import Invalid, Problem

pytestmark = pytest.mark.django_db(transaction=True)


def changes(workspace, *documents):
    schema = properties.schema(workspace)
    return [bulk.read(document, schema) for document in documents]


def bring(workspace, *documents):
    """What became of each document, in words, and the first name of whom it was about."""
    outcomes = bulk.upsert(workspace, changes(workspace, *documents))
    names = dict(Contact.objects.values_list("id", "first_name"))
    return [f"{outcome.became} {names.get(outcome.contact_id, '')}".strip() for outcome in outcomes]


# --- who is who ------------------------------------------------------------------------------------------------------


def test_people_are_found_by_external_id_then_by_e_mail_and_added_otherwise(shop):
    Contact.objects.create(workspace=shop, external_id="1", first_name="Ana")
    Contact.objects.create(workspace=shop, email="bea@x.example", first_name="Bea")
    assert bring(
        shop,
        {"externalId": "1", "email": "bea@x.example", "plan": "pro"},
        {"email": "BEA@x.example", "lastName": "Ruiz"},
        {"externalId": "2", "email": "bea@x.example", "firstName": "Bea's son"},
        {"firstName": "Cem"},
        {"firstName": "Cem"},
        {"externalId": "1"},
    ) == ["updated Ana", "updated Ana", "created Bea's son", "created Cem", "created Cem", "updated Ana"]
    assert [(one.first_name, one.last_name, one.email, one.custom) for one in Contact.objects.order_by("id")] == [
        ("Ana", "Ruiz", "BEA@x.example", {"plan": "pro"}),
        ("Bea", "", "bea@x.example", {}),
        ("Bea's son", "", "bea@x.example", {}),
        ("Cem", "", "", {}),
        ("Cem", "", "", {}),
    ]


def test_of_several_with_one_address_the_first_who_is_not_in_the_trash_counts(shop, rival):
    Contact.objects.create(workspace=rival, email="ana@x.example", first_name="Stranger")
    Contact.objects.create(workspace=shop, email="ana@x.example", first_name="Gone", lifecycle="trashed")
    Contact.objects.create(workspace=shop, email="Ana@x.example", first_name="Ana")
    Contact.objects.create(workspace=shop, email="ana@x.example", first_name="Other")
    assert bring(shop, {"email": "ana@X.example", "city": "Rome"}) == ["updated Ana"]


def test_the_same_key_twice_is_one_person_and_the_last_says_what_holds(shop):
    outcomes = bulk.upsert(
        shop,
        changes(
            shop,
            {"externalId": "1", "firstName": "Ana", "plan": "free", "substitutionTags": {"a": "1", "b": "2"}},
            {"email": "bea@x.example", "firstName": "Bea"},
            {"externalId": "1", "plan": "pro", "substitutionTags": {"a": "3"}},
            {"email": "Bea@X.example", "lastName": "Ruiz"},
        ),
    )
    assert [outcome.became for outcome in outcomes] == ["created", "created", "updated", "updated"]
    ana, bea, again, twice = (outcome.contact_id for outcome in outcomes)
    assert (again, twice) == (ana, bea)
    assert ana < bea
    kept = Contact.objects.get(pk=ana)
    assert (kept.first_name, kept.custom) == ("Ana", {"plan": "pro"})
    assert kept.substitution_tags == {"a": "3", "b": "2"}
    assert Contact.objects.count() == 2


def test_what_is_the_same_is_unchanged_and_leaves_no_mark(shop):
    document = {"externalId": "1", "firstName": "Ana", "tags": ["a"], "seats": 3, "substitutionTags": {"x": "y"}}
    assert bring(shop, document) == ["created Ana"]
    before = Contact.objects.values().get()
    assert bring(shop, document, {"externalId": "1", "seats": None, "nickname": None}) == ["updated Ana"] * 2
    assert bring(shop, {"externalId": "1", "seats": 3}) == ["updated Ana"]
    assert bring(shop, document, {**document, "seats": 3.0}) == ["unchanged Ana"] * 2
    after = Contact.objects.values().get()
    assert after | {"updated_at": 0} == before | {"updated_at": 0}
    assert after["updated_at"] > before["updated_at"]


def test_null_takes_away_and_nobody_is_left_with_an_empty_value(shop):
    document = {
        "externalId": "1",
        "email": "a@x.example",
        "phone": "+34600111222",
        "firstName": "Ana",
        "lastName": "Ruiz",
    }
    bring(shop, {**document, "tags": ["a"], "city": "Rome", "plan": "pro", "substitutionTags": {"x": "y", "z": "1"}})
    nothing = dict.fromkeys(["email", "phone", "lastName", "tags", "city", "plan"])
    assert bring(shop, {"externalId": "1", **nothing, "substitutionTags": {"x": None}}) == ["updated Ana"]
    ana = Contact.objects.get()
    assert (ana.email, ana.phone, ana.last_name, ana.tags, ana.profile, ana.custom) == ("", "", "", [], {}, {})
    assert ana.substitution_tags == {"z": "1"}


def test_an_external_id_that_is_given_up_can_be_somebody_elses_at_once(shop):
    Contact.objects.create(workspace=shop, external_id="1", email="ana@x.example", first_name="Ana")
    assert bring(
        shop,
        {"email": "ana@x.example", "externalId": None},
        {"externalId": "1", "firstName": "Bea"},
        {"email": "ana@x.example", "city": "Rome"},
    ) == ["updated Ana", "created Bea", "updated Ana"]


KEYS = {
    "externalId": st.sampled_from(["1", "2", None]),
    "email": st.sampled_from(["a@x.example", "A@X.example", "b@x.example", "c@x.example", None]),
}
DOCUMENTS = st.fixed_dictionaries(
    {"firstName": st.sampled_from(["Ana", "Bea"])},
    optional={
        **KEYS,
        "city": st.sampled_from(["Rome", None]),
        "tags": st.sampled_from([["a"], [], None]),
        "plan": st.sampled_from(["pro", 5, True, None, ["x"], "12"]),
        "customProperties": st.fixed_dictionaries({}, optional={"n": st.sampled_from([5, "5", "five", None])}),
        "substitutionTags": st.dictionaries(st.sampled_from("xy"), st.sampled_from(["1", None]), max_size=2),
    },
)
STORED = st.fixed_dictionaries(
    {"external_id": st.sampled_from(["", "1", "2"]), "email": st.sampled_from(["", "a@x.example", "b@x.example"])},
    optional={"lifecycle": st.sampled_from(["active", "trashed"]), "custom": st.just({"plan": "old"})},
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(
    stored=st.lists(STORED, max_size=4), documents=st.lists(DOCUMENTS, min_size=1, max_size=8), cut=st.integers(1, 8)
)
def test_in_bulk_is_one_after_the_other(db, stored, documents, cut):
    singly, together = (Workspace.objects.create(name=name) for name in ("singly", "together"))
    for fields in {each["external_id"] or object(): each for each in stored}.values():
        for workspace in (singly, together):
            Contact.objects.create(workspace=workspace, first_name="Stored", **fields)
    before = set(singly.contacts.values_list("id", flat=True))
    expected, outcomes = [], []
    for part in (documents[:cut], documents[cut:]):
        expected += [upserted(singly, change) for change in readable(singly, part)]
        outcomes += bulk.write(together, readable(together, part))
    same = dict(zip(people(singly), people(together), strict=True))
    assert [outcome.contact_id or None for outcome in outcomes] == [same.get(each) for each in expected]
    assert [outcome.became for outcome in outcomes].count("created") == len({*expected} - {None} - before)
    assert list(people(singly).values()) == list(people(together).values())
    assert declared(singly) == declared(together)


def readable(workspace, documents):
    schema, read = properties.schema(workspace), []
    for document in documents:
        with contextlib.suppress(Invalid):
            read.append(bulk.read(document, schema))
    return read


def upserted(workspace, change):
    """By itself, the way the API does it; the id, None if it was refused."""
    try:
        return upserts.upsert(workspace, change)[0].pk
    except Invalid:
        return None


def people(workspace):
    hidden = ("id", "workspace_id", "created_at", "updated_at")
    return {
        row["id"]: {name: value for name, value in row.items() if name not in hidden}
        for row in workspace.contacts.order_by("id").values()
    }


def declared(workspace):
    tags = workspace.substitution_tags.values_list("tag", flat=True)
    return dict(workspace.properties.values_list("name", "type")), set(tags)


# --- rows that are not taken -----------------------------------------------------------------------------------------


def test_a_row_that_is_refused_declares_nothing_and_is_in_nobodys_way(shop):
    declare(shop, seats="number")
    outcomes = bulk.upsert(
        shop,
        changes(
            shop,
            {"firstName": "Ana", "fresh": 1},
            {"firstName": "Bea", "fresh": "many", "other": "x"},
            {"firstName": "Cem", "fresh": "2", "other": True},
        ),
    )
    assert [outcome.became for outcome in outcomes] == ["created", "error", "created"]
    assert outcomes[1].problems == [Problem("customProperties.fresh", "is not a number")]
    assert declared(shop)[0] == {"seats": "number", "fresh": "number", "other": "boolean"}
    assert found(shop, custom("fresh", "is", 2)) == "Cem"


def test_a_row_for_whose_properties_there_is_no_room_is_refused(shop):
    declare(shop, **{f"p{number}": "text" for number in range(MOST_PROPERTIES - 1)})
    outcomes = bulk.upsert(
        shop, changes(shop, {"firstName": "A", "x": 1, "y": 1}, {"firstName": "B", "x": 1}, {"firstName": "C", "z": 1})
    )
    assert [outcome.became for outcome in outcomes] == ["error", "created", "error"]
    assert "has 499 and this would add 2" in outcomes[0].problems[0].message
    assert Property.objects.count() == MOST_PROPERTIES


def test_substitution_tags_have_a_limit_too(shop):
    tags = {f"t{number}": "x" for number in range(MOST_TAGS)}
    outcomes = bulk.upsert(
        shop,
        changes(shop, {"firstName": "A", "substitutionTags": tags}, {"firstName": "B", "substitutionTags": {"t": 1}}),
    )
    assert [outcome.became for outcome in outcomes] == ["created", "error"]
    with pytest.raises(Invalid, match="500 substitution tags"):
        upserts.upsert(shop, *changes(shop, {"firstName": "C", "substitutionTags": {"t": 1}}))
    assert SubstitutionTag.objects.count() == MOST_TAGS


@pytest.mark.parametrize("document", [{}, {"plan": "pro"}, {"email": ""}, {"externalId": None}, {"tags": ["a"]}, [], "x", None, 5])  # fmt: skip
def test_a_document_about_nobody_is_refused(shop, document):
    with pytest.raises(Invalid, match="give"):
        bulk.read(document, properties.schema(shop))


# --- with others -----------------------------------------------------------------------------------------------------


def run_together(*works):
    """Each in a thread of its own with a connection of its own, all at the same moment."""
    start = threading.Barrier(len(works))

    def run(work):
        start.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def csv_of(key, value):
    return BytesIO(f"{key},plan\n{value},csv\n".encode())


@pytest.mark.parametrize(("key", "column"), [("email", "email"), ("externalId", "id")])
def test_fifty_writers_of_one_new_person_make_one_person(shop, key, column):
    document = {key: "ana@x.example", "firstName": "Ana"}
    crowd = [{key: f"p{number}@x.example", "firstName": "P"} for number in range(30)]
    works = []
    for number in range(50):
        mine = {**document, "orders": number}
        works.append(
            [
                lambda mine=mine: upserts.upsert(shop, *changes(shop, mine)),
                lambda mine=mine, crowd=crowd[:: 1 if number % 2 else -1]: bulk.upsert(
                    shop, changes(shop, *crowd, mine)
                ),
                lambda: import_contacts(shop, csv_of(column, "ana@x.example"), column),
            ][number % 3]
        )
    run_together(*works)
    assert Contact.objects.filter(**{{"email": "email", "id": "external_id"}[column]: "ana@x.example"}).count() == 1
    assert Contact.objects.count() == 1 + len(crowd)
    assert Property.objects.filter(name="orders").count() == 1


def test_ten_thousand_people_hold_few_locks(shop):
    documents = [{"email": f"p{number}@x.example", "plan": "pro"} for number in range(9_000)]
    documents += [{"externalId": f"{number}", "plan": "pro"} for number in range(1_000)]
    held, merge = [], staging.merge

    def counting(cursor, *rest):
        held.append(cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()[0])
        return merge(cursor, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "merge", counting)
        outcomes = bulk.upsert(shop, changes(shop, *[{**each, "firstName": "P"} for each in documents]))
    assert {outcome.became for outcome in outcomes} == {"created"}
    assert held[0] < 300
    assert ContactMark.objects.count() == 0
    assert len({outcome.contact_id for outcome in outcomes}) == 10_000


def test_what_others_got_in_the_way_of_is_done_again(shop, monkeypatch):
    """Somebody who heeds no locks adds her in between."""
    find, added = bulk.keys.find, []

    def late(*arguments):
        found = find(*arguments)
        if not added:
            added.append(ThreadPoolExecutor(1).submit(intruder).result())
        return found

    def intruder():
        try:
            return Contact.objects.create(workspace=shop, external_id="1", first_name="Ana")
        finally:
            connection.close()

    monkeypatch.setattr(bulk.keys, "find", late)
    assert bring(shop, {"externalId": "1", "city": "Rome"}, {"externalId": "2", "firstName": "Bea"}) == [
        "updated Ana",
        "created Bea",
    ]


def test_a_race_that_never_ends_is_an_error(shop, monkeypatch):
    def deadlock():
        calls.append(1)
        raise psycopg.errors.DeadlockDetected

    calls = []
    with pytest.raises(psycopg.errors.DeadlockDetected):
        staging.undisturbed(deadlock)
    assert len(calls) == staging.ATTEMPTS


def test_a_type_that_changes_meanwhile_is_the_type_in_which_values_are_written(shop):
    read = changes(shop, {"firstName": "Ana", "orders": "12"}, {"firstName": "Bea", "orders": "lots"})
    properties.declare(shop, {"orders": Kind.NUMBER})
    assert [outcome.became for outcome in bulk.upsert(shop, read)] == ["created", "error"]
    assert Contact.objects.get().custom == {"orders": 12}


def test_people_are_found_by_rules_as_soon_as_they_are_there(shop):
    add(shop, "Zoe", plan="free")
    bring(shop, *({"externalId": f"{number}", "firstName": "Ana", "plan": "pro"} for number in range(3)))
    assert found(shop, custom("plan", "is", "pro")) == "Ana Ana Ana"
    assert ContactMark.objects.count() == 0


def test_more_than_a_batch_is_written_batch_by_batch(shop, monkeypatch):
    monkeypatch.setattr(bulk, "ROWS_A_BATCH", 3)
    documents = [{"externalId": str(number % 5), "firstName": f"P{number}"} for number in range(8)]
    outcomes = bulk.upsert(shop, changes(shop, *documents))
    assert [outcome.became for outcome in outcomes] == ["created"] * 5 + ["updated"] * 3
    assert sorted(Contact.objects.values_list("first_name", flat=True)) == ["P3", "P4", "P5", "P6", "P7"]


# --- over HTTP -------------------------------------------------------------------------------------------------------

BULK = f"/api/workspaces/{DEMO}/contacts/bulk"
ANA = {"externalId": "1", "email": "ana@x.example", "firstName": "Ana", "plan": "pro", "substitutionTags": {"c": "X"}}


def sent(api, body, key="", type_="application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-api-key": api.key, **({"idempotency-key": key} if key else {})}
    return api.client.generic("POST", BULK, content, content_type=type_, headers=headers)


def lines(*documents):
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in documents)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("wrap", "type_"),
    [
        (lambda documents: json.dumps(documents).encode(), "application/json"),
        (lambda documents: json.dumps({"contacts": documents}).encode(), "application/json; charset=utf-8"),
        (lambda documents: lines(*documents), "application/x-ndjson"),
        (lambda documents: lines(*documents, b"", b"  ") + b"\r\n", "application/x-ndjson"),
    ],
    ids=["a list", "an object", "lines", "lines with blank ones"],
)
def test_every_row_is_answered_in_order(shop, api, wrap, type_, slash):
    Contact.objects.create(workspace=shop, external_id="2", first_name="Bea")
    documents = [
        ANA,
        {"externalId": "2", "customProperties": {"plan": "free"}},
        {"externalId": "3", "email": "nobody", "phone": 5, "tags": [{}]},
        {"externalId": "2"},
        {"plan": "pro"},
        {**ANA, "lastName": "Ruiz"},
    ]
    answer = api.client.generic(
        "POST", BULK + slash, wrap(documents), content_type=type_, headers={"x-api-key": api.key}
    )
    assert (answer.status_code, answer["content-type"], answer.json()["status"]) == (200, "application/json", "success")
    data, (bea, ana) = answer.json()["data"], Contact.objects.order_by("id")
    results = data.pop("results")
    assert data == {"count": 6, "created": 1, "updated": 3, "unchanged": 0, "error": 2}
    assert [(row["index"], row["status"], row["_id"]) for row in results] == [
        (0, "created", ana.wire_id), (1, "updated", bea.wire_id), (2, "error", None), (3, "updated", bea.wire_id),
        (4, "error", None), (5, "updated", ana.wire_id),
    ]  # fmt: skip
    assert [[problem["path"] for problem in row["problems"]] for row in results] == [
        [],
        [],
        ["email", "tags"],
        [],
        [""],
        [],
    ]
    assert (ana.last_name, ana.custom, bea.custom) == ("Ruiz", {"plan": "pro"}, {"plan": "free"})
    assert ContactMark.objects.count() == 0


def test_a_line_that_is_no_json_is_an_error_of_its_own(shop, api):
    body = lines(ANA, b"{broken", b"", b"[" * 200 + b"]" * 200, b"\xff", b'{"firstName": "\\ud800"}', {"externalId": "2", "firstName": "Bea"})  # fmt: skip
    data = sent(api, body, type_="application/x-ndjson").json()["data"]
    assert [row["status"] for row in data["results"]] == ["created", "error", "error", "error", "error", "created"]
    assert [row["problems"][0]["message"].partition(":")[0].partition(",")[0] for row in data["results"][1:5]] == [
        "line 2",
        "line 4",
        "line 5",
        "line 6",
    ]


ODD = ["x", "a\0b", 5, -1.5, True, None, [], ["x"], [1], [[]], {}, {"a": 1}, {"a": {"b": [None]}}, "x" * 10_001, 2**60]


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:10])
def test_an_odd_value_anywhere_is_taken_or_named_and_never_breaks_anything(shop, api, value):
    declare(shop, num="number", flag="boolean", seen="date", likes="list", word="text")
    keys = ["externalId", "email", "phone", "firstName", "fullName", "tags", "birthday", "teamSize", "address",
            "socialMediaUrls", "customProperties", "substitutionTags", "num", "flag", "seen", "likes", "word", "fresh", "createdAt", "_id"]  # fmt: skip
    documents = [{"lastName": f"P{place}", key: value} for place, key in enumerate(keys)] + [value, {str(value): "x", "lastName": "P"}]  # fmt: skip
    answer = sent(api, documents)
    assert answer.status_code == 200
    for row in answer.json()["data"]["results"]:
        assert (row["status"] == "error") == bool(row["problems"])
    for reference in properties.schema(shop).references():
        audience.matching(shop, Condition(reference, "is_known"))
    assert audience.matching(shop, All(())).count == Contact.objects.count()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400), ({"contacts": {}}, 400), ({"contacts": None}, 400), ("x", 400), (5, 400), (None, 400), (ANA, 400),
        (b"", 400), (b"{", 400), (b"[1,", 400), (b"\xff", 400), (b"[" * 5000, 400), (b"[" * 500 + b"]" * 500, 400),
        ([{}] * 10_001, 400), ([], 200), ({"contacts": []}, 200), ([[[[]]]], 200),
    ],
)  # fmt: skip
def test_what_is_no_list_of_contacts_is_refused_whole(shop, api, body, status):
    for key in ("", "k"):
        answer = sent(api, body, key)
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["message"] == "Invalid input"
            assert answer.json()["problems"]
            assert not KeptAnswer.objects.exists()
    assert not Contact.objects.exists()


def test_ten_thousand_and_one_lines_are_too_many(shop, api):
    answer = sent(api, b"{}\n" * 10_001, type_="application/x-ndjson")
    assert (answer.status_code, answer.json()["problems"][0]["message"]) == (
        400,
        "send at most 10,000 contacts in one call",
    )
    assert sent(api, b"{}\n" * 10_000, type_="application/x-ndjson").json()["data"]["error"] == 10_000


def test_who_may_not_may_not(shop, api, rival_api, settings):
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert sent(Api(""), [ANA]).status_code == 401
    assert sent(reader, [ANA]).status_code == 403
    assert (sent(rival_api, [ANA]).status_code, sent(rival_api, [ANA]).json()["message"]) == (
        404,
        "Workspace not found",
    )
    assert sent(api, [ANA], type_="text/csv").status_code == 415
    settings.BODY_LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    for key, type_ in (("", "application/json"), ("k", "application/json"), ("", "application/x-ndjson")):
        answer = sent(api, [ANA] * 3, key, type_)
        assert (answer.status_code, answer.json()["status"]) == (413, "error")
    assert not Contact.objects.exists()


# --- once and only once ----------------------------------------------------------------------------------------------


def test_the_same_request_with_the_same_key_is_answered_as_before_and_does_nothing(shop, api):
    first = sent(api, [ANA, {"firstName": "Bea"}], "k-1")
    assert "idempotent-replayed" not in first
    Contact.objects.filter(first_name="Ana").update(first_name="Renamed")
    again = sent(api, [ANA, {"firstName": "Bea"}], "k-1")
    assert (again.content, again["idempotent-replayed"], again["content-type"]) == (first.content, "true", "application/json")  # fmt: skip
    assert sorted(Contact.objects.values_list("first_name", flat=True)) == ["Bea", "Renamed"]
    assert sent(api, [ANA, {"firstName": "Bea"}]).json()["data"]["created"] == 1
    assert sent(api, [ANA, {"firstName": "Bea"}], "k-2").json()["data"]["created"] == 1


def test_another_request_with_the_same_key_is_a_conflict(shop, api):
    sent(api, [ANA], "k")
    answer = sent(api, [{**ANA, "firstName": "Other"}], "k")
    assert (answer.status_code, answer.json()["status"]) == (409, "error")
    assert "another body" in answer.json()["message"]
    assert Contact.objects.get().first_name == "Ana"


def test_a_key_is_its_workspaces_own(shop, api, rival, rival_api):
    sent(api, [ANA], "k")
    headers = {"x-api-key": rival_api.key, "idempotency-key": "k"}
    path = f"/api/workspaces/{rival.pk}/contacts/bulk"
    answer = rival_api.client.generic("POST", path, b"[]", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["data"]["count"]) == (200, 0)


@pytest.mark.parametrize("word", ["x" * 256, "a\x7fb"])
def test_a_key_that_is_none_is_refused(shop, api, word):
    answer = sent(api, [ANA], word)
    assert answer.status_code == 400, answer.content
    assert answer.json()["problems"][0]["path"] == "Idempotency-Key"
    assert not Contact.objects.exists()


def test_after_a_day_a_key_is_new_and_old_answers_go(shop, api, rival):
    sent(api, [{"firstName": "Ana"}], "k")
    rival.kept_answers.create(key="old", request=b"", answer=b"")
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23, minutes=59))
    assert "idempotent-replayed" in sent(api, [{"firstName": "Ana"}], "k")
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    again = sent(api, [{"firstName": "Bea"}], "k")
    assert again.json()["data"]["created"] == 1
    assert [answer.key for answer in KeptAnswer.objects.all()] == ["k"]


def test_of_two_at_once_with_one_key_one_works_and_the_other_waits_for_its_answer(shop, api):
    documents = [{"firstName": f"P{number}"} for number in range(300)]
    answers = run_together(*[lambda: sent(Api(api.key), documents, "k")] * 6)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer for answer in answers) == 1
    assert Contact.objects.count() == 300


def test_an_answer_that_cannot_be_kept_leaves_nobody_behind(shop, api, monkeypatch):
    monkeypatch.setattr(idempotency, "forget", lambda: 1 / 0)
    assert sent(api, [ANA], "k").status_code == 500
    assert not Contact.objects.exists()
    monkeypatch.undo()
    assert sent(api, [ANA], "k").json()["data"]["created"] == 1
