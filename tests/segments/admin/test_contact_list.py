"""The admin's list of contacts: searched, narrowed, paged, exported, and people of it pinned into segments."""

import html
import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from contacts.columnar.busy import SnapshotBusy
from contacts.columnar.refresh import refresh
from contacts.models import Contact, Status
from segments.admin import contact_list
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import PinKind
from segments.rules.tree import All
from segments.saving import drafts, pins
from segments.saving.pins import Wish
from tests.people import add, custom, declare
from tests.staff import text
from workspaces.models import Member, Role, Workspace

pytestmark = pytest.mark.django_db

LIST = "/admin/contacts/contact/"
PIN = f"{LIST}pin/"


@pytest.fixture
def ana(browser):
    return browser("ana")


@pytest.fixture
def people(shop):
    declare(shop, plan="text")
    add(shop, "Lena", last_name="Sanz", email="lena@example.org", external_id="C-1", plan="pro", tags=["VIP"],
        created_at="2024-03-01T12:00:00Z")  # fmt: skip
    add(shop, "Elena", last_name="Groß", email="elena@example.org", external_id="C-11", phone="+34612345678",
        created_at="2024-03-02T12:00:00Z")  # fmt: skip
    add(shop, "Jana", phone="+34600111222", lifecycle=Status.TEMPORARY, created_at="2024-03-03T12:00:00Z")
    add(shop, "Gone", email="gone@example.org", lifecycle=Status.TRASHED)
    return shop


def names(response):
    assert response.status_code == 200
    return [
        html.unescape(name) for name in re.findall(r'<th scope="row" dir="auto"><a [^>]*>([^<]*)</a>', body(response))
    ]


def body(response):
    return response.content.decode()


def linked(response, rel):
    found = re.search(rf'href="([^"]*)" rel="{rel}"', body(response))
    return found and html.unescape(found[1])


def listed(client, **query):
    return " ".join(name.split()[0] for name in names(client.get(LIST, query)))


def pk(name):
    return Contact.objects.get(first_name=name).pk


# --- searching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("lena", "Elena Lena"),
        (" LENA sanz ", "Lena"),
        ("sanz example.org", "Lena"),
        ("ELENA@exam", "Elena"),
        ("gross", "Elena"),
        ("C-1", "Elena Lena"),
        ("C-11", "Elena"),
        ("+34 612 34 56", "Elena"),  # four words, each of them a part of her number
        ("+34-612-34", "Elena"),
        ("612345", "Elena"),
        ("34", "Jana Elena"),
        ("nobody", ""),
        ("%", ""),
        ("lena jana", ""),
        ("gone", ""),
    ],
)
@pytest.mark.parametrize("refreshed", [False, True])
def test_somebody_is_found_by_parts_of_what_they_are_called(ana, people, refreshed, term, found):
    if refreshed:
        refresh(people)
    assert listed(ana, q=term) == found


@pytest.mark.parametrize("write", [str, lambda number: f"{number:024x}"])
def test_somebody_is_found_by_the_id_that_addresses_have(ana, people, write):
    added = Contact.objects.create(id=987654300, workspace=people, first_name="Numbered")
    assert listed(ana, q=write(added.pk)) == "Numbered"


def test_somebody_found_by_their_id_is_not_offered_as_a_search(ana, people):
    """Which would find nobody, or others."""
    added = Contact.objects.create(id=987654300, workspace=people, first_name="Numbered")
    shown = body(ana.get(LIST, {"q": str(added.pk)}))
    assert "Numbered" in shown
    assert "Build a segment of these" not in shown
    assert "format=csv" not in shown
    assert "format=csv" in body(ana.get(LIST, {"q": "lena"}))


@pytest.mark.parametrize(
    ("address", "query", "status"),
    [
        (LIST, {"segment": "\0"}, 200),
        (LIST, {"state": "trashed", "q": "\0"}, 200),
        (LIST, {"workspace": "\0"}, 404),
        ("/admin/contacts/importjob/add/", {"workspace": "\0"}, 404),
        ("/admin/segments/segment/%00/versions/", {}, 404),
        (
            "/admin/autocomplete/",
            {"term": "\0", "app_label": "segments", "model_name": "pin", "field_name": "contact"},
            200,
        ),
    ],
)
def test_nul_in_an_address_is_no_failure(ana, people, address, query, status):
    assert ana.get(address, query).status_code == status


def test_somebody_of_another_workspace_is_not_found_by_their_id(ana, people, rival):
    assert listed(ana, q=f"{add(rival, 'Rival').pk:024x}") == ""


def test_who_was_just_written_is_found(ana, people):
    refresh(people)
    assert listed(ana, q="Newcomer") == ""
    add(people, "Newcomer")
    assert listed(ana, q="Newcomer") == "Newcomer"
    Contact.objects.filter(first_name="Newcomer").delete()
    assert listed(ana, q="Newcomer") == ""


@pytest.mark.parametrize("term", ["a\0b", "one two three four five six seven eight nine ten eleven"])
def test_a_search_that_cannot_be_is_told(ana, people, term):
    shown = text(ana.get(LIST, {"q": term}))
    assert "Search " in shown
    assert "character" in shown or "10 at most" in shown


def test_what_is_typed_is_shown_and_is_no_html(ana, people):
    response = ana.get(LIST, {"q": "<b>vpi</b>"})
    assert "Nothing called '<b>vpi</b>'" in html.unescape(body(response))
    assert "<b>vpi" not in body(response)
    assert "Clear search" in text(response)


def test_a_script_gets_what_changes_and_nothing_else(ana, people):
    answer = ana.get(LIST, {"q": "jana"}, headers={"Accept": "text/vnd.fragment"})
    assert names(answer) == ["Jana"]
    assert "<html" not in body(answer)
    assert "no-store" in answer["Cache-Control"]


# --- narrowing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found", "said"),
    [
        ({}, "Jana Elena Lena", ""),
        ({"state": "active"}, "Elena Lena", "State: Active"),
        ({"state": "temporary"}, "Jana", "State: Temporary"),
        ({"state": "trashed"}, "Gone", "State: Trashed"),
        ({"state": "trashed", "q": "gone@ex"}, "Gone", "State: Trashed"),
        ({"state": "trashed", "q": "lena"}, "", "State: Trashed"),
        ({"tag": "vip"}, "Lena", "Tag: vip"),
        ({"since": "2024-03-02"}, "Jana Elena", "Created from: 2 Mar 2024"),
        ({"until": "2024-03-02"}, "Elena Lena", "Created until: 2 Mar 2024"),
        ({"since": "2024-03-02", "until": "2024-03-02"}, "Elena", "Created from: 2 Mar 2024"),
        ({"email": "yes"}, "Elena Lena", "E-mail: has one"),
        ({"phone": "no", "q": "lena"}, "Lena", "Phone: has none"),
        ({"segment": "Paying"}, "Lena", "In segment: Paying"),
        ({"segment": "Paying", "email": "no"}, "", "E-mail: has none"),
    ],
)
def test_the_list_is_narrowed_and_says_how(ana, people, query, found, said):
    drafts.create(people, Draft("Paying", custom("plan", "is", "pro"), rule_given=True))
    response = ana.get(LIST, query)
    assert " ".join(name.split()[0] for name in names(response)) == found
    assert " ".join(said.split()) in " ".join(text(response).split())


def test_a_filter_is_taken_away_and_the_others_stay(ana, people):
    response = ana.get(LIST, {"email": "yes", "tag": "vip", "q": "lena"})
    address = re.search(r'href="([^"]*)" aria-label="Remove the filter Tag: vip"', body(response))[1]
    assert sorted(html.unescape(address).lstrip("?").split("&")) == ["email=yes", "q=lena"]
    assert names(ana.get(LIST + html.unescape(address))) == ["Elena Groß", "Lena Sanz"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"plan": "pro"}, "plan: is no filter; use state, tag, segment,"),
        ({"state": "dead"}, "State: Select a valid choice"),
        ({"since": "2024-02-30"}, "Created from: Enter a valid date"),
        ({"segment": "Nobody's"}, "In segment: There is no segment Nobody's."),
        ({"segment": "Alike"}, "More than one segment is called Alike."),
        ({"state": "trashed", "tag": "vip"}, "Tag: is not known of people who are trashed"),
        ({"older": "x"}, "older: is not a cursor"),
    ],
)
def test_what_is_no_filter_lists_nobody_and_is_told(ana, people, query, problem):
    for _ in range(2):
        drafts.create(people, Draft("Alike", All(), rule_given=True), unique_name=False)
    response = ana.get(LIST, query)
    assert problem in text(response)
    assert names(response) == []


def test_a_segment_of_another_workspace_is_no_filter(ana, people, rival):
    theirs = drafts.create(rival, Draft("Theirs", All(), rule_given=True))
    for named in ("Theirs", theirs.pk):
        assert f"There is no segment {named}." in text(ana.get(LIST, {"segment": named}))


def test_a_broken_segment_is_told(ana, people):
    segment = drafts.create(people, Draft("Paying", custom("plan", "is", "pro"), rule_given=True))
    people.properties.all().delete()
    assert "plan" in text(ana.get(LIST, {"segment": segment.pk}))


def test_a_search_becomes_a_segment(ana, people):
    response = ana.get(LIST, {"q": "lena", "email": "yes", "phone": "no"})
    address = html.unescape(re.search(r'href="([^"]*)">Build a segment of these', body(response))[1])
    typed = ana.get(address).context["adminform"].form["rule"].value()
    posted = {"workspace": people.pk, "name": "Found", "description": "", "rule": typed, "confirmed": "more"}
    assert ana.post(reverse("admin:segments_segment_add"), posted).status_code == 302
    assert audience.of(people.segments.get(name="Found")).count == 1


# --- paging ----------------------------------------------------------------------------------------------------------


def test_pages_lead_to_the_end_and_back_while_people_come_and_go(ana, people, monkeypatch):
    monkeypatch.setattr(contact_list, "PAGE", 4)
    Contact.objects.bulk_create(Contact(workspace=people, first_name=f"P{number:02}") for number in range(20))
    refresh(people)
    before = [str(contact) for contact in people.contacts.exclude(lifecycle="trashed").order_by("-pk")]
    response, seen = ana.get(LIST), []
    assert "1–4 of 23 contacts" in text(response)
    while True:
        seen += names(response)
        add(people, f"Late{len(seen)}")
        if not (address := linked(response, "next")):
            break
        response = ana.get(LIST + address)
    assert seen == before
    people.contacts.filter(first_name="P07").delete()
    back = names(response)
    while address := linked(response, "prev"):
        response = ana.get(LIST + address)
        back = names(response) + back
    now = [str(contact) for contact in people.contacts.exclude(lifecycle="trashed").order_by("-pk")]
    assert back[:4] == now[:4]  # a full first page, though those on the second are shown again for it
    assert set(back) == set(now)
    assert "1–4 of 28 contacts" in text(response)


def test_the_trash_is_paged_both_ways_and_counted_up_to_a_point(ana, people, monkeypatch):
    monkeypatch.setattr(contact_list, "PAGE", 2)
    monkeypatch.setattr(contact_list, "MOST_COUNTED", 4)
    Contact.objects.bulk_create(
        Contact(workspace=people, first_name=f"T{number}", lifecycle="trashed") for number in range(5)
    )
    response = ana.get(LIST, {"state": "trashed"})
    assert "More than 4 contacts" in text(response)
    pages = [names(response)]
    while address := linked(response, "next"):
        response = ana.get(LIST + address)
        pages.append(names(response))
    assert pages == [["T4", "T3"], ["T2", "T1"], ["T0", "Gone"]]
    response = ana.get(LIST + linked(response, "prev"))
    assert names(response) == ["T2", "T1"]
    assert names(ana.get(LIST + linked(response, "prev"))) == ["T4", "T3"]


def test_while_the_engine_is_busy_everybody_is_listed_and_a_search_waits(ana, people, monkeypatch):
    def busy(*args, **kwargs):
        raise SnapshotBusy

    monkeypatch.setattr(contact_list.contact_search.audience, "several", busy)
    response = ana.get(LIST)
    assert names(response) == ["Jana", "Elena Groß", "Lena Sanz"]
    assert "3 contacts" in text(response)
    assert "Many contacts are being taken in just now" in text(ana.get(LIST, {"q": "lena"}))
    assert names(ana.get(LIST, {"q": "lena"})) == []


@pytest.mark.parametrize("name", ["ana", "root"])
@pytest.mark.parametrize("query", [{}, {"q": "p lena"}, {"state": "trashed"}, {"tag": "vip", "email": "yes"}])
def test_a_list_costs_no_more_queries_however_long(browser, people, name, query, django_assert_max_num_queries):
    client = browser(name)
    refresh(people)
    with django_assert_max_num_queries(20) as first:
        client.get(LIST, query)
    Contact.objects.bulk_create(Contact(workspace=people, first_name=f"P{number}") for number in range(60))
    Contact.objects.bulk_create(Contact(workspace=people, first_name="T", lifecycle="trashed") for _ in range(60))
    for number in range(3):
        Workspace.objects.create(name=f"Other {number}")
        drafts.create(people, Draft(f"Segment {number}", None, rule_given=True))
    refresh(people)
    with django_assert_max_num_queries(len(first) + 1) as second:  # whether there is a next page
        client.get(LIST, query)
    for query_ in second:
        assert "OFFSET" not in query_["sql"]
        assert (
            "count(*)" not in query_["sql"].lower()
            or "LIMIT" in query_["sql"]
            or "contacts_contact" not in query_["sql"]
        )


# --- who sees what ---------------------------------------------------------------------------------------------------


def test_of_several_workspaces_one_is_listed_at_a_time(ana, staff, people, rival):
    Member.objects.create(workspace=rival, user=staff["ana"], role=Role.GUEST)
    add(rival, "Rita")
    assert listed(ana) == "Jana Elena Lena"
    assert listed(ana, workspace=rival.pk) == "Rita"
    assert listed(ana, workspace__id__exact=rival.pk) == "Rita"
    shown = body(ana.get(LIST, {"workspace": rival.pk}))
    assert "Demo shop" in shown
    assert "Choose Rita" not in shown  # a guest there
    assert ana.get(PIN, {"workspace": rival.pk}).status_code == 404


def test_a_workspace_one_is_not_in_is_as_unknown_as_one_that_is_not(ana, people, rival):
    add(rival, "Rita")
    answers = [
        ana.get(address, {"workspace": pk}) for address in (LIST, f"{LIST}export/") for pk in (rival.pk, "f" * 24)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert not any("Rita" in body(answer) for answer in answers)


def test_a_guest_looks_and_exports_and_changes_nothing(browser, people):
    client = browser("gus")
    shown = body(client.get(LIST))
    assert "Jana" in shown
    assert not re.search("Delete chosen|to a segment|Add contact|action-select", shown)
    assert client.post(PIN, {"_selected_action": [pk("Jana")]}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [pk("Jana")], "post": "yes"})
    assert people.contacts.filter(first_name="Jana").exists()


def test_nobody_without_an_account_sees_the_list(people):
    for address in (LIST, PIN, f"{LIST}export/"):
        assert Client().get(address).status_code == 302


def test_somebody_without_a_workspace_sees_no_list(browser, people):
    Member.objects.all().delete()
    assert browser("ana").get(LIST).status_code == 403
    Workspace.objects.all().delete()
    assert "You belong to no workspace yet" in text(browser("root").get(LIST))


def test_an_empty_workspace_says_how_contacts_come(ana, shop):
    shown = html.unescape(body(ana.get(LIST)))
    assert "No contacts yet" in shown
    assert f"http://testserver/api/workspaces/{shop.pk}/contacts" in shown
    assert 'curl -X POST -H "x-api-key: YOUR_API_KEY"' in shown


def test_the_curl_of_an_empty_workspace_works(ana, shop, api):
    shown = html.unescape(body(ana.get(LIST)))
    sent, path = re.search(r"-d '([^']*)' \"http://testserver([^\"]*)\"", shown).groups()
    assert api("POST", path, sent).status_code in (200, 201)
    assert listed(ana) == "Ana"


# --- deleting --------------------------------------------------------------------------------------------------------


def test_those_chosen_are_deleted_after_a_question_and_their_pins_go(ana, people):
    segment = drafts.create(people, Draft("Pinned", None, rule_given=True))
    pins.pin(segment, [pk("Lena"), pk("Jana")], Wish())
    sent = {"action": "delete_selected", "_selected_action": [pk("Lena")], "select_across": "1"}
    asked = ana.post(f"{LIST}?q=lena", sent)
    assert "Are you sure" in text(asked)
    assert people.contacts.filter(first_name="Lena").exists()
    done = ana.post(f"{LIST}?q=lena", {**sent, "post": "yes"}, follow=True)
    assert names(done) == ["Elena Groß"]
    segment.refresh_from_db()
    assert [contact.first_name for contact in audience.of(segment).page(9)] == ["Jana"]


def test_deleting_nobody_is_told(ana, people):
    assert "must be selected" in text(ana.post(LIST, {"action": "delete_selected"}, follow=True))


# --- exporting -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestExport:
    def test_those_listed_are_exported_with_whoever_is_on_other_pages(self, ana, people, monkeypatch):
        monkeypatch.setattr(contact_list, "PAGE", 1)
        answer = ana.get(f"{LIST}export/", {"q": "lena", "format": "ndjson"})
        assert answer["Content-Disposition"] == 'attachment; filename="Demo shop contacts.ndjson"'
        lines = [json.loads(line) for line in b"".join(answer).splitlines()]
        assert sorted(line["firstName"] for line in lines) == ["Elena", "Lena"]

    def test_a_segment_is_exported_from_its_page(self, ana, people, rival):
        segment = drafts.create(people, Draft("Paying", custom("plan", "is", "pro"), rule_given=True))
        page = reverse("admin:segments_segment_people", args=[segment.pk])
        address = html.unescape(re.search(r'href="([^"]*)">CSV', body(ana.get(page)))[1])
        answer = ana.get(address)
        assert answer["Content-Disposition"] == 'attachment; filename="Paying.csv"'
        assert b"lena@example.org" in b"".join(answer)
        shown = body(ana.get(reverse("admin:segments_segment_change", args=[segment.pk])))
        assert f'"{address.partition("?")[0]}">Export' in shown
        theirs = drafts.create(rival, Draft("Theirs", All(), rule_given=True))
        assert ana.get(reverse("admin:segments_segment_export", args=[theirs.pk])).status_code == 404

    @pytest.mark.parametrize("query", [{"state": "trashed"}, {"format": "pdf"}, {"plan": "pro"}])
    def test_what_cannot_be_exported_is_told_on_the_list(self, ana, people, query):
        assert re.search("is 'pdf'|is no filter|no export", text(ana.get(f"{LIST}export/", query, follow=True)))


# --- pinning ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def vip(people):
    """Lena by the rule; Elena is kept out by hand."""
    segment = drafts.create(people, Draft("VIP", custom("plan", "is", "pro"), rule_given=True))
    pins.pin(segment, [pk("Elena")], Wish(PinKind.EXCLUDED))
    return segment


def hidden(response):
    return re.search(r'name="people" value="([^"]*)"', body(response))[1]


def test_those_chosen_are_pinned_after_the_numbers_were_shown(ana, staff, people, vip):
    chosen = [pk("Lena"), pk("Elena"), pk("Jana")]
    first = ana.post(f"{PIN}?q=a", {"_selected_action": chosen})
    assert "Add 3 people to a segment" in text(first)
    typed = {"people": hidden(first), "segment": "VIP", "reason": "beta tester", "until": ""}
    second = ana.post(f"{PIN}?q=a", typed)
    told = " ".join(text(second).split())
    assert "1 is in already, by the rule." in told
    assert "1 is kept out by hand now; that ends." in told
    assert "2 join: 1 person now, 3 then." in told
    assert audience.of(vip).count == 1
    third = ana.post(f"{PIN}?q=a", {**typed, "confirmed": vip.pk}, follow=True)
    assert third.redirect_chain == [(f"{LIST}?q=a", 302)]
    assert "3 people pinned into VIP: 2 new, 1 changed, 0 as before." in text(third)
    vip.refresh_from_db()
    assert audience.of(vip).count == 3
    held = vip.pins.values_list("kind", "reason", "author__username", "expires_at")
    assert set(held) == {("included", "beta tester", "ana", None)}
    assert LogEntry.objects.get().change_message == "Pinned in 3 people: beta tester."
    again = " ".join(text(ana.post(PIN, typed)).split())
    assert "3 are in already, pinned; these get the new reason and end." in again


def test_all_that_match_are_pinned_and_nobody_who_came_meanwhile(ana, people, vip, monkeypatch):
    monkeypatch.setattr(contact_list, "PAGE", 1)
    assert "Add all 2 to a segment…" in text(ana.get(LIST, {"q": "lena"}))
    first = ana.post(f"{PIN}?q=lena", {"across": "1"})
    add(people, "Lena the second")
    typed = {"people": hidden(first), "segment": vip.pk, "reason": "", "until": "2099-12-31"}
    ana.post(f"{PIN}?q=lena", {**typed, "confirmed": vip.pk})
    pinned = dict(vip.pins.values_list("contact__first_name", "expires_at"))
    assert pinned.keys() == {"Lena", "Elena"}
    assert {moment.isoformat() for moment in pinned.values()} == {"2099-12-31T23:00:00+00:00"}  # midnight in Madrid


def test_another_segment_than_the_one_shown_is_shown_first(ana, people, vip):
    other = drafts.create(people, Draft("Other", None, rule_given=True))
    typed = {"people": str(pk("Jana")), "segment": "Other", "reason": "", "until": "", "confirmed": vip.pk}
    assert "1 joins: 0 people now, 1 then." in text(ana.post(PIN, typed))
    assert not other.pins.exists()
    assert vip.pins.count() == 1


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"segment": ""}, "This field is required."),
        ({"segment": "Nobody's"}, "There is no segment Nobody's."),
        ({"until": "2001-01-01"}, "This is past."),
        ({"until": "soon"}, "Enter a valid date."),
        ({"reason": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_is_told_and_what_was_typed_stays(ana, people, vip, typed, problem):
    sent = {"people": str(pk("Jana")), "segment": "VIP", "reason": "kept words", "until": "", **typed}
    response = ana.post(PIN, {**sent, "confirmed": vip.pk})
    assert problem in text(response)
    assert hidden(response) == str(pk("Jana"))
    assert ("kept words" in body(response)) == ("reason" not in typed)
    assert vip.pins.count() == 1


def test_nobody_of_another_workspace_is_pinned_nor_into_one(ana, people, vip, rival):
    rita = add(rival, "Rita")
    theirs = drafts.create(rival, Draft("Theirs", None, rule_given=True))
    sent = {"people": f"{rita.pk},{pk('Jana')},x,{'9' * 30}", "segment": vip.pk, "reason": "", "until": ""}
    assert "1 of those chosen is not in Demo shop, or in the trash, and is left out." in " ".join(
        text(ana.post(PIN, sent)).split()
    )
    ana.post(PIN, {**sent, "confirmed": vip.pk})
    assert set(vip.pins.values_list("contact__first_name", flat=True)) == {"Elena", "Jana"}
    refused = ana.post(PIN, {**sent, "segment": theirs.pk, "confirmed": theirs.pk})
    assert f"There is no segment {theirs.pk}." in text(refused)
    assert not theirs.pins.exists()
    ana.post(
        f"{PIN}?workspace={rival.pk}", {**sent, "people": str(rita.pk), "segment": theirs.pk, "confirmed": theirs.pk}
    )
    assert not theirs.pins.exists()


def test_too_many_are_not_pinned_at_once(ana, people, vip, monkeypatch):
    monkeypatch.setattr("segments.admin.contact_pages.MOST_PINNED", 2)
    told = "3 people match and 2 can be pinned at once; narrow the list, or build a segment of these"
    assert told in text(ana.post(PIN, {"across": "1"}, follow=True))
    everybody = [pk(name) for name in ("Lena", "Elena", "Jana")]
    assert told in text(ana.post(PIN, {"_selected_action": everybody}, follow=True))


def test_nobody_chosen_is_told(ana, people, vip):
    assert "Nobody is chosen." in text(ana.get(PIN))
    assert "Nobody is chosen." in text(ana.post(PIN, {"segment": "VIP", "confirmed": vip.pk}))


def test_into_a_segment_whose_rule_is_broken_people_can_be_pinned(ana, people, vip):
    people.properties.all().delete()
    sent = {"people": str(pk("Jana")), "segment": "VIP", "reason": "", "until": ""}
    assert "Nobody can say who is in by the rule" in text(ana.post(PIN, sent))
    ana.post(PIN, {**sent, "confirmed": vip.pk})
    assert vip.pins.filter(contact__first_name="Jana", kind="included").exists()


# --- suggesting ------------------------------------------------------------------------------------------------------

ASKED = {"app_label": "segments", "model_name": "pin", "field_name": "contact"}


def suggested(client, term):
    answer = client.get(reverse("admin:autocomplete"), {**ASKED, "term": term})
    return sorted(each["text"].split()[0] for each in answer.json()["results"])


@pytest.mark.parametrize(
    ("term", "found"),
    [("", "Elena Gone Jana Lena"), ("sanz", "Lena"), ("lena ex", "Elena Lena"), ("C-11", "Elena"), ("61234", "Elena"), ("gone@", "Gone")],
)  # fmt: skip
def test_a_field_suggests_whom_one_may_mean(ana, people, rival, term, found):
    add(rival, "Rival Lena Sanz", email="lena@example.org", phone="+34612345678", external_id="C-11")
    assert " ".join(suggested(ana, term)) == found


@pytest.mark.parametrize("term", ["", "p"])
def test_suggestions_are_few_and_count_nobody_else(ana, people, term, django_assert_max_num_queries):
    Contact.objects.bulk_create(Contact(workspace=people, first_name=f"P{number}") for number in range(60))
    refresh(people)
    with django_assert_max_num_queries(12) as queries:
        assert len(suggested(ana, term)) == 20
    for query in queries:
        assert "LIKE" not in query["sql"].replace("LIKE LOWER('p%')", "") or '"lowered"' not in query["sql"]
        if "COUNT(*)" in query["sql"]:
            assert '"contacts_contact"."id" IN' in query["sql"]


# --- people of a segment ---------------------------------------------------------------------------------------------


def test_somebody_is_sought_among_the_people_of_a_segment(ana, people, monkeypatch):
    monkeypatch.setattr("segments.admin.segment_people.PAGE", 1)
    segment = drafts.create(people, Draft("All", All(), rule_given=True))
    address = reverse("admin:segments_segment_people", args=[segment.pk])
    first = ana.get(address, {"q": "lena"})
    assert "1–1 of 2 people found" in text(first)
    second = ana.get(address + linked(first, "next"))
    assert (names(first), names(second)) == (["Lena Sanz"], ["Elena Groß"])
    assert "2–2 of 2 people found" in text(second)
    assert linked(second, "next") is None
    assert "Nothing called 'vpi' in this segment." in html.unescape(text(ana.get(address, {"q": "vpi"})))


def test_a_segments_page_holds_a_curl_for_each_dialect(ana, people, vip):
    shown = html.unescape(body(ana.get(reverse("admin:segments_segment_change", args=[vip.pk]))))
    for address in (f"/api/segments/{vip.pk}/contacts", f"/v3/{people.pk}/leads?segment={vip.pk}", f'"id": "{vip.pk}"'):
        assert address in shown
