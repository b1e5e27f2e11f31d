"""Contacts over HTTP: one by one, listed, searched, filtered and sorted, page by page in both directions."""

import functools
import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.columnar.refresh import refresh
from contacts.models import Contact, Property
from segments.engine.cursors import Cursor
from tests.callers import UNKNOWN
from tests.conftest import DEMO, Api
from tests.people import add, declare
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db

CONTACTS, SEARCH = f"/api/workspaces/{DEMO}/contacts", f"/api/workspaces/{DEMO}/contacts/search"


@pytest.fixture
def people(shop):
    declare(shop, plan="text", orders="number", vip="boolean", seen="date", likes="list")
    add(shop, "Ana", last_name="Ruiz", email="Ana.Ruiz@post.example", phone="+34600123456", plan="pro", orders=3)
    add(shop, "BO", last_name="Ólafsson", external_id="CRM-77", plan="Free", orders=10, vip=True)
    add(shop, "Cleo", email="cleo@shop.example", seen="2024-06-01", vip=False)
    add(shop, "Dan", last_name="Straße", plan="free", orders=3)
    return shop


def shown(answer):
    assert answer.status_code == 200, answer.content
    return " ".join(each["firstName"] for each in answer.json()["data"]["contacts"])


def search(api, **body):
    return api.post(SEARCH, body)


# --- one contact ------------------------------------------------------------------------------------------------


def test_a_contact_is_found_by_its_id(api, people):
    ana = Contact.objects.get(first_name="Ana")
    answer = api.get(f"/api/contacts/{ana.wire_id}")
    assert answer.status_code == 200
    contact = answer.json()["data"]["contact"]
    assert (contact["_id"], contact["name"], contact["email"]) == (ana.wire_id, "Ana Ruiz", "Ana.Ruiz@post.example")
    assert contact["customProperties"] == {"plan": "pro", "orders": 3}


def test_a_status_is_set_listed_and_taken_away(api, people):
    ana, bo = (Contact.objects.get(first_name=name) for name in ("Ana", "BO"))
    for contact, status in ((ana, "Lead"), (bo, "lead")):
        answer = api("PUT", f"/api/contacts/{contact.wire_id}/status", {"status": status})
        assert (answer.status_code, answer.json()["data"]["contact"]["status"]) == (200, status)
    data = api.get(f"/api/workspaces/{DEMO}/statuses").json()["data"]
    assert data["count"] == 1
    assert data["statuses"][0]["contactCount"] == 2
    assert data["statuses"][0]["name"] in ("Lead", "lead")
    is_lead = {"property": "status", "operator": "is", "value": "LEAD", "dataType": "string"}
    assert shown(search(api, filter={"type": "and", "predicates": [is_lead]})) == "Ana BO"
    answer = api("PUT", f"/api/contacts/{ana.wire_id}/status", {"status": None})
    assert "status" not in answer.json()["data"]["contact"]
    assert shown(search(api, filter={"type": "and", "predicates": [is_lead]})) == "BO"


def test_setting_a_status_leaves_everything_else_as_it_was(api, people):
    lead = add(people, "Eve", lifecycle="temporary")
    before = api.get(f"/api/contacts/{lead.wire_id}").json()["data"]["contact"]
    after = api("PUT", f"/api/contacts/{lead.wire_id}/status", {"status": "x"}).json()["data"]["contact"]
    assert after.pop("status") == "x"
    assert after.pop("updatedAt") > before.pop("updatedAt")
    assert after == before
    assert Contact.objects.get(pk=lead.pk).lifecycle == "temporary"


@pytest.mark.parametrize("body", [{}, [], {"status": 5.5e300}, {"status": ["x"]}, {"status": {}}, {"status": "a\0"}, {"status": "x" * 10_001}])  # fmt: skip
def test_a_status_is_a_text(api, people, body):
    path = f"/api/contacts/{Contact.objects.first().wire_id}/status"
    answer = api("PUT", path, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["problems"][0]["path"] == "status"


def test_nobody_reaches_a_contact_that_is_not_theirs_or_in_the_trash(api, rival_api, people):
    ana, gone = Contact.objects.get(first_name="Ana"), add(people, "Gone", lifecycle="trashed")
    missing = [(api, gone.wire_id), (rival_api, ana.wire_id), (api, UNKNOWN), (api, "x"), (api, "f" * 24), (api, "%00")]
    for caller, pk in missing:
        for method, ending, body in [
            ("GET", "", None), ("PUT", "/status", {"status": "x"}), ("POST", "/tags", {"tags": ["x"]}),
        ]:  # fmt: skip
            answer = caller(method, f"/api/contacts/{pk}{ending}", body)
            assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Contact not found"})
    assert not Contact.objects.filter(tags__contains=["x"]).exists()
    assert not people.tags.exists()


def test_another_workspace_is_an_unknown_one(rival_api, people):
    for method, path in [
        ("GET", CONTACTS), ("POST", SEARCH), ("GET", f"/api/workspaces/{DEMO}/statuses"),
    ]:  # fmt: skip
        answer = rival_api(method, path, {})
        assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Workspace not found"})


def test_a_key_that_may_only_read_lists_and_searches_but_changes_nothing(shop, people):
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    ana = Contact.objects.get(first_name="Ana").wire_id
    assert reader.get(CONTACTS).status_code == 200
    assert reader.post(SEARCH, {}).status_code == 200
    for method, path in [
        ("POST", CONTACTS),
        ("PUT", f"/api/contacts/{ana}/status"),
        ("POST", f"/api/contacts/{ana}/tags"),
    ]:
        assert reader(method, path, {"firstName": "X", "status": "x", "tags": []}).status_code == 403


# --- looking for people -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("", "Ana BO Cleo Dan"), ("   ", "Ana BO Cleo Dan"), ("ana", "Ana"), ("ANA RUIZ", "Ana"), ("ruiz ana", "Ana"),
        ("ana olaf", ""), ("ólaf", "BO"), ("O\u0301LAF", "BO"), ("strasse", "Dan"), ("post.example", "Ana"),
        (".example", "Ana Cleo"), ("crm-77", "BO"), ("600 123 456", "Ana"), ("(600) 123-456", "Ana"),
        ("+34600123456", "Ana"), ("%", ""), ("_", ""), (".*", ""), ("pro", ""), ("'; DROP TABLE", ""),
    ],
)  # fmt: skip
def test_who_is_found_by_some_words(api, people, text, who):
    answer = api.get(CONTACTS, searchText=text)
    assert shown(answer) == who
    assert answer.json()["data"]["count"] == len(who.split())


def test_somebody_just_written_is_found_at_once(api, people):
    api.post(CONTACTS, {"fullName": "Zoë Quirk", "email": "zoe@post.example"})
    assert shown(api.get(CONTACTS, searchText="quir")) == "Zoë"


@pytest.mark.parametrize(
    ("predicates", "joiner", "who"),
    [
        ([], "and", "Ana BO Cleo Dan"),
        ([("customProperties.plan", "is", "FREE", "string")], "and", "BO Dan"),
        ([("customProperties.plan", "is", "free", "string"), ("customProperties.orders", "greater_than", 5, "number")], "and", "BO"),
        ([("customProperties.plan", "is", "pro", "string"), ("email", "contains", "cleo", "string")], "or", "Ana Cleo"),
        ([("email", "starts_with", "ANA", "string")], "and", "Ana"),
        ([("email", "is_unknown", "", "string")], "and", "BO Dan"),
    ],
)  # fmt: skip
def test_a_search_by_conditions(api, people, predicates, joiner, who):
    written = [dict(zip(("property", "operator", "value", "dataType"), each)) for each in predicates]
    answer = search(api, filter={"type": joiner, "predicates": written}, limit=100)
    assert shown(answer) == who
    assert answer.json()["data"]["count"] == len(who.split())


def test_without_a_filter_a_search_is_for_everybody(api, people):
    for body in ({}, {"filter": None}, {"filter": {}}, {"filter": {"type": "and", "predicates": []}}):
        assert shown(api.post(SEARCH, body)) == "Ana BO Cleo Dan"


def test_the_usual_page_has_20_in_a_list_and_10_in_a_search(api, shop):
    for number in range(25):
        add(shop, f"P{number}")
    assert len(api.get(CONTACTS).json()["data"]["contacts"]) == 20
    assert len(search(api).json()["data"]["contacts"]) == 10
    assert len(search(api, limit=1000).json()["data"]["contacts"]) == 25


def test_a_search_declares_nothing_and_names_everything_that_is_wrong(api, people):
    unknown = {"property": "customProperties.plam", "operator": "is", "value": "x", "dataType": "string"}
    sort = [{"property": "emial"}, {"property": "tags"}, {"property": "email", "order": "up"}, "x"]
    answer = search(api, filter={"type": "xor", "predicates": [unknown]}, sort=sort, limit=0, searchAfter=5)
    assert answer.status_code == 400
    assert [each["path"] for each in answer.json()["problems"]] == [
        "filter.type", "filter.predicates[0].property", "sort[2].order", "sort[3]", "sort[0].property",
        "sort[1].property", "limit", "searchAfter",
    ]  # fmt: skip
    suggested = {each["path"]: each.get("allowed") for each in answer.json()["problems"]}
    assert suggested["filter.predicates[0].property"] == ["customProperties.plan"]
    assert suggested["sort[0].property"] == ["email"]
    assert not Property.objects.filter(name="plam").exists()


BAD_QUERIES = [
    ({"sort": "emial"}, "sort"), ({"sort": "customProperties.plam"}, "sort"), ({"sort": "tags"}, "sort"),
    ({"sort": "address"}, "sort"), ({"sort": "email", "order": "2"}, "order"), ({"order": "up"}, "order"),
    ({"searchText": "a\0b"}, "searchText"), ({"searchText": "x" * 10_001}, "searchText"),
    ({"searchText": "a " * 11}, "searchText"), ({"limit": "0"}, "limit"), ({"limit": "1e3"}, "limit"),
    ({"searchAfter": "x"}, "searchAfter"), ({"searchBefore": "\ud800".encode("utf-8", "surrogatepass")}, "searchBefore"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "path"), BAD_QUERIES)
def test_a_bad_query_is_400_and_says_where(api, people, query, path):
    answer = api.get(CONTACTS, **query)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert answer.json()["problems"][0]["path"] == path


def test_an_unknown_order_suggests_the_nearest_property(api, people):
    answer = api.get(CONTACTS, sort="customProperties.plam")
    assert answer.json()["problems"][0]["allowed"] == ["customProperties.plan"]


JUNK = [None, 5, -1, 1.5, True, "x", "a\0b", [], [[]], {}, {"a": []}, "x" * 20_000]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_at_any_place_of_a_search_is_never_a_500(api, people, junk):
    one = {"property": "email", "operator": "is", "value": "x", "dataType": "string"}
    bodies = [junk]
    bodies += [{key: junk} for key in ("filter", "limit", "sort", "searchAfter", "searchBefore")]
    bodies += [{"filter": {"type": junk, "predicates": [one]}}, {"filter": {"type": "and", "predicates": junk}}]
    bodies += [{"filter": {"type": "and", "predicates": [junk]}}]
    bodies += [{"filter": {"type": "and", "predicates": [{**one, key: junk}]}} for key in one]
    bodies += [{"sort": [junk]}, {"sort": [{"property": junk}]}, {"sort": [{"property": "email", "order": junk}]}]
    for body in bodies:
        answer = api.post(SEARCH, body)
        assert answer.status_code in (200, 400), (body, answer.content)
        assert answer.json()["status"] == ("success" if answer.status_code == 200 else "error")


@pytest.mark.parametrize("depth", [98, 200, 1_000, 5_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"x":', "}")])
def test_a_bomb_of_brackets_is_400_wherever_it_is_put(api, people, depth, brackets):
    left, right = brackets
    bomb = left * depth + "1" + right * depth
    ana = Contact.objects.get(first_name="Ana").wire_id
    predicate = f'{{"property": "email", "operator": "is", "value": {bomb}, "dataType": "string"}}'
    for method, path, text in [
        ("POST", SEARCH, bomb), ("POST", SEARCH, f'{{"filter": {bomb}}}'), ("POST", SEARCH, f'{{"sort": {bomb}}}'),
        ("POST", SEARCH, f'{{"filter": {{"type": "and", "predicates": [{predicate}]}}}}'),
        ("POST", f"/api/workspaces/{DEMO}/segments", f'{{"name": "A", "criteria": {{"type": "and", "predicates": [{predicate}]}}}}'),
        ("POST", f"/api/contacts/{ana}/tags", f'{{"tags": {bomb}}}'),
        ("PUT", f"/api/contacts/{ana}/status", f'{{"status": {bomb}}}'),
        ("POST", CONTACTS, f'{{"firstName": "A", "address": {bomb}, "x": 1}}'),
    ]:  # fmt: skip
        answer = api(method, path, text)
        harmless = path == CONTACTS or (text == bomb and text.startswith("{"))  # a key that nobody knows
        assert (answer.status_code < 300) == (depth < 99 and harmless), (path, text[:80], answer.content)
        assert "status" in answer.json()


# --- sorting ----------------------------------------------------------------------------------------------------

SORTED = ["firstName", "email", "customProperties.plan", "customProperties.orders", "customProperties.vip",
          "customProperties.seen", "customProperties.note", "createdAt"]  # fmt: skip


@pytest.fixture(params=["marked", "in the delta", "in chunks", "in all three"])
def many(request, shop, settings, monkeypatch):
    """Sixty people with many equal and many missing values, wherever the snapshot may hold them."""
    if request.param == "in chunks":
        monkeypatch.setattr("contacts.columnar.columns.FEW_VALUES", 5)  # so that texts are held as texts too
    if request.param in ("in chunks", "in all three"):
        settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 0, 17
    declare(shop, plan="text", orders="number", vip="boolean", seen="date", note="text")
    chance = random.Random(5)
    moments = ["2024-06-01", "2024-05-31T22:00:00.000Z", "2024-06-01T10:00:00.000Z", "0001-01-02", None]
    notes = ["é", "e\u0301", "E", "z", "Z", "ß", "ss", "ﬁ", "𝒳", "\uffff", "\U0001f600", "a" * 300, "ǆ", None, None]

    def someone(number):
        values = {"plan": chance.choice(["pro", "PRO", "free", "team", None]), "vip": chance.choice([True, False, None]),
                  "orders": chance.choice([-1, 0, 0.5, 2**53, 1e-300, 7, None]), "seen": chance.choice(moments),
                  "note": chance.choice(notes)}  # fmt: skip
        known = {name: value for name, value in values.items() if value is not None}
        email = chance.choice(["", f"P{number}@post.example", f"{99 - number}@post.example"])
        return add(shop, chance.choice(["Ana", "ana", "Bo", "Cleo", ""]), email=email, **known)

    everybody = [someone(number) for number in range(60)]
    if request.param != "marked":
        refresh(shop)
    if request.param == "in all three":
        settings.SNAPSHOT_DELTA_BEFORE_MERGE = 100
        Contact.objects.filter(pk__in=[each.pk for each in everybody[10:25]]).update(last_name="touched")
        refresh(shop)
        Contact.objects.filter(pk__in=[each.pk for each in everybody[20:40]]).update(last_name="touched again")
    everybody[30].delete()
    return shop


def plainly_sorted(shop, *keys):
    """The ids in the order that is promised, by plain Python over the table."""
    from contacts.values import fold, span

    def value(contact, name):
        bare = name.removeprefix("customProperties.")
        held = {**contact.custom, "firstName": contact.first_name, "email": contact.email}.get(bare)
        if name == "createdAt":
            return contact.created_at.timestamp()
        if held is None or held == "":
            return None
        if bare == "seen":
            return span(held, shop.zone)[0]
        return fold(held) if isinstance(held, str) else held

    def compare(one, other):
        for name, descending in keys:
            a, b = value(one, name), value(other, name)
            if a != b:
                if a is None or b is None:
                    return 1 if a is None else -1
                return (1 if a > b else -1) * (-1 if descending else 1)
        return (one.pk - other.pk) * (-1 if keys[-1][1] else 1)

    ordered = sorted(shop.contacts.all(), key=functools.cmp_to_key(compare))
    return [contact.wire_id for contact in ordered]


def walked(ask, parameter, cursor=None):
    """The pages that have somebody on them, one after the other."""
    pages = []
    while True:
        data = ask(**({parameter: cursor} if cursor else {})).json()["data"]
        if not data["contacts"]:
            return pages
        pages.append(data)
        cursor = data[parameter]


def ids(pages):
    return [contact["_id"] for page in pages for contact in page["contacts"]]


ORDERS = [[(name, descending)] for name in SORTED for descending in (False, True)]
ORDERS += [[("customProperties.plan", False), ("customProperties.orders", True)],
           [("customProperties.vip", True), ("customProperties.plan", False), ("email", False)],
           [("customProperties.seen", False), ("customProperties.vip", False)]]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_every_order_is_walked_both_ways_as_promised(api, many):
    for keys, limit in zip(ORDERS, itertools.cycle([7, 59, 3, 100])):
        sort = [{"property": name, "order": "dsc" if descending else "asc"} for name, descending in keys]
        ask = functools.partial(search, api, sort=sort, limit=limit)
        expected = plainly_sorted(many, *keys)
        pages = walked(ask, "searchAfter")
        assert ids(pages) == expected, keys
        assert [len(page["contacts"]) for page in pages[:-1]] == [min(limit, 59)] * (len(pages) - 1)
        assert ask(searchAfter=pages[-1]["searchAfter"]).json()["data"]["contacts"] == []
        backward = ids(reversed(walked(ask, "searchBefore", pages[-1]["searchBefore"])))
        assert backward == expected[: len(backward)]
        assert len(backward) == len(expected) - len(pages[-1]["contacts"]), keys


def test_a_list_is_sorted_by_one_property_up_or_down(api, people):
    assert shown(api.get(CONTACTS, sort="customProperties.orders")) == "Ana Dan BO Cleo"
    assert shown(api.get(CONTACTS, sort="customProperties.orders", order="-1")) == "BO Dan Ana Cleo"
    assert shown(api.get(CONTACTS, sort="lastName", order="1")) == "Ana Dan BO Cleo"
    assert shown(api.get(CONTACTS, order="-1")) == "Dan Cleo BO Ana"


def test_people_of_a_segment_can_be_sorted_too(api, people):
    plan = {"property": "customProperties.plan", "operator": "is_known", "value": "", "dataType": "string"}
    made = api.post(
        f"/api/workspaces/{DEMO}/segments", {"name": "A", "criteria": {"type": "and", "predicates": [plan]}}
    )
    path = f"/api/segments/{made.json()['data']['segment']['_id']}/contacts"
    assert shown(api.get(path, sort="customProperties.orders", order="-1")) == "BO Dan Ana"


def test_a_cursor_belongs_to_its_order(api, people):
    for first, second in [
        ({"sort": "email"}, {"sort": "firstName"}), ({"sort": "email"}, {"sort": "email", "order": "-1"}),
        ({"sort": "email"}, {}), ({}, {"sort": "email"}),
    ]:  # fmt: skip
        cursor = api.get(CONTACTS, limit=1, **first).json()["data"]["searchAfter"]
        answer = api.get(CONTACTS, searchAfter=cursor, **second)
        assert answer.status_code == 400
        assert "sorted in another way" in answer.json()["problems"][0]["message"]
        assert api.get(CONTACTS, searchAfter=cursor, **first).status_code == 200


@pytest.mark.parametrize(
    "values", [(), (5, 6), ("text",), (True,), (None, None), (2**70,), (-(2**63),), ([],), ("\0",), (1e308,), (None,)]
)
def test_a_cursor_that_nobody_was_given_is_400_or_an_empty_page_and_never_a_500(api, people, values):
    for name in ("customProperties.orders", "customProperties.seen", "customProperties.vip", "email"):
        for pk, now in [(1, 1), (0, 0), (2**62, 2**62), (1, 253402300799999)]:
            cursor = Cursor(pk, now, name, values).write() if values != (2**70,) else "x"
            for parameter in ("searchAfter", "searchBefore"):
                answer = api.get(CONTACTS, sort=name, **{parameter: cursor})
                assert answer.status_code in (200, 400), (name, values, answer.content)


def test_a_walk_goes_on_after_the_property_took_another_type_only_from_the_start(api, shop):
    from segments.upkeep import property_changes
    from segments.upkeep.property_changes import PropertyEdit

    declare(shop, size="text")
    for name in ("1", "2", "3"):
        add(shop, name, size=name)
    cursor = api.get(CONTACTS, sort="customProperties.size", limit=1).json()["data"]["searchAfter"]
    property_changes.change(shop, "size", PropertyEdit(kind="number"))
    answer = api.get(CONTACTS, sort="customProperties.size", limit=1, searchAfter=cursor)
    assert answer.status_code == 400
    assert "begin again" in answer.json()["problems"][0]["message"]


@pytest.mark.django_db(transaction=True)
def test_a_sorted_walk_while_people_are_added_misses_and_repeats_nobody(api, shop, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 10, 20
    declare(shop, rank="number")
    for number in range(60):
        add(shop, f"P{number}", rank=number % 7)
    ask = functools.partial(api.get, CONTACTS, sort="customProperties.rank", order="-1", limit=7)
    members = {contact.wire_id for contact in Contact.objects.all()}
    stop = []

    def busy():
        chance = random.Random(1)
        while not stop:
            add(shop, "Late", rank=chance.randrange(7))
            Contact.objects.filter(first_name="P3").update(last_name=str(len(stop)))
            refresh(shop)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(busy)
        try:
            pages = walked(ask, "searchAfter")
            forward, backward = ids(pages), ids(walked(ask, "searchBefore", pages[-1]["searchBefore"]))
        finally:
            stop.append(1)
            running.result(timeout=30)
    assert len(forward) == len(set(forward))
    assert members <= set(forward)
    assert len(backward) == len(set(backward))
    seen_last = {contact.wire_id for contact in Contact.objects.filter(custom__rank=0)}
    assert members - seen_last <= set(backward)


def test_somebody_deleted_meanwhile_leaves_no_gap(shop, people):
    from segments.engine import audience, keyset_pages
    from segments.engine.keyset_pages import Key
    from segments.rules.tree import All

    found = audience.matching(people, All(()), also=["firstName"])
    Contact.objects.filter(first_name="BO").delete()
    page = keyset_pages.page(found, [Key("firstName")], 3)
    assert [contact.first_name for _, contact in page] == ["Ana", "Cleo", "Dan"]
    page = keyset_pages.page(found, [Key("firstName")], 2, before=page[1][0])
    assert [contact.first_name for _, contact in page] == ["Ana"]


def queries(ask, **parameters):
    ask(**parameters)  # the key notes its first use, and columns are fetched
    with CaptureQueriesContext(connection) as captured:
        assert ask(**parameters).status_code == 200
    return len(captured)


def test_the_number_of_queries_of_a_page_is_small_and_always_the_same(api, shop):
    for number in range(70):
        add(shop, f"P{number}", email=f"p{number}@post.example")
    list_ = functools.partial(api.get, CONTACTS, searchText="p", sort="email")
    assert queries(list_, limit=1) == queries(list_, limit=70) <= 2
    find = functools.partial(search, api, sort=[{"property": "email"}])
    assert queries(find, limit=1) == queries(find, limit=70) <= 4
