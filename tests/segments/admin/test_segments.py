"""A segment's page in the admin without any JavaScript: saved, refused, counted, deleted."""

import html
import json
import re

import pytest
from django.utils import timezone

from contacts.models import Contact
from segments.models import Pin, Segment
from segments.rules import tree
from segments.rules.tree import InSegment
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add, custom
from tests.staff import PRO, act, edit, errors, page, rule, saved, text, write

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("stored", [False, True])
def test_ana_writes_a_segment_and_reads_the_sentence_the_count_and_who_is_in(browser, shop, staff, lena, stored):
    add(shop, "Jana <b>", plan="free")
    typed = json.dumps({"version": 1, "rule": json.loads(rule(PRO))}) if stored else rule(PRO)
    saved(write(browser("ana"), shop, description="Who pays", rule=typed))
    segment = Segment.objects.get()
    assert segment.rule == {"version": 1, "rule": {"all": [PRO]}}
    assert (segment.description, segment.created_by, segment.name_is_unique) == ("Who pays", staff["ana"], True)
    shown = " ".join(text(browser("gus").get(page("segments.segment", "change", segment.pk))).split())
    assert "People whose plan is pro." in shown
    assert re.search(r"1 of 2 in Demo shop, at \d+ \w{3} \d{4}, \d\d:\d\d:\d\d \(Europe/Madrid\)", shown)
    assert "Lena, lena@example.org" in shown
    assert "Jana" not in shown


def test_ten_people_are_shown_and_all_are_counted(browser, shop, lena):
    Contact.objects.bulk_create(Contact(workspace=shop, first_name=f"Guest{n}") for n in range(1200))
    segment = drafts.create(shop, Draft("Everyone", tree.All(), rule_given=True))
    shown = text(browser("ana").get(page("segments.segment", "change", segment.pk)))
    assert "1,201 of 1,201" in shown
    assert [n for n in range(12) if f"Guest{n} " in shown] == list(range(9))


def test_every_problem_of_a_rule_is_shown_with_its_path_and_nothing_typed_is_lost(browser, shop, lena):
    typed = rule(
        {"property": "customProperties.plann", "operator": "is", "value": "pro"},
        {"property": "customProperties.orders", "operator": "contains", "value": 1},
        {"property": "customProperties.since", "operator": "after", "value": "soon"},
    ).replace(", ", " ,\r\n   ")
    response = write(browser("ana"), shop, name="Odd", description="My words", rule=typed)
    found = errors(response)["rule"]
    assert "rule.all[0].property: there is no property 'customProperties.plann'" in found
    assert "did you mean customProperties.plan" in found
    assert "rule.all[1].operator" in found
    assert "rule.all[2].value" in found
    shown = html.unescape(response.content.decode())
    assert typed in shown
    assert "My words" in shown
    assert not Segment.objects.exists()
    assert not shop.properties.filter(name="plann").exists()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("{", "This is not JSON"),
        ("[]", "Give an object"),
        ("{}", "none of the forms"),
        ('{"version": 2, "rule": {"all": []}}', "reads version 1"),
        ('{"version": 1}', "a rule is an object like"),
        ('{"all": [{"any": 3}]}', "rule.all[0]: is none of the forms"),
        ('{"all": [], "all": []}', "This names 'all' twice."),
        ('{"segment": "\\u0000"}', "NUL"),
        (json.dumps({**PRO, "value": []}), "rule.value"),
        (json.dumps({**PRO, "value": [[]]}), "rule.value"),
        ('{"not": ' * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ('{"not": ' * 50 + "1" + "}" * 50, "10 deep"),
        (json.dumps({"any": [PRO] * 501}), "500 conditions"),
    ],
)
def test_a_rule_that_is_none_is_refused_and_stays_as_typed(browser, shop, lena, typed, reason):
    response = write(browser("ana"), shop, rule=typed)
    assert reason in errors(response)["rule"]
    assert typed in html.unescape(response.content.decode())


def test_a_taken_name_and_a_bad_rule_are_told_together(browser, shop, lena):
    saved(write(browser("ana"), shop))
    found = errors(write(browser("ana"), shop, rule=rule({**PRO, "operator": "like"})))
    assert "A segment called Pro exists already" in found["name"]
    assert "rule.all[0].operator" in found["rule"]
    found = errors(write(browser("ana"), shop, rule='{"all": 1}'))
    assert found.keys() == {"name", "rule"}
    found = errors(write(browser("ana"), shop, name="", rule=rule({**PRO, "operator": "like"})))
    assert found.keys() == {"name", "rule"}
    assert errors(write(browser("ana"), shop, name="")).keys() == {"name"}


def test_a_refused_change_keeps_the_saved_segment_and_shows_its_count(browser, shop, lena):
    saved(write(browser("ana"), shop))
    segment = Segment.objects.get()
    taken = drafts.create(shop, Draft("Taken", None, rule_given=True))
    response = edit(browser("ana"), segment, name=taken.name, rule='{"not": ' + rule(PRO) + "}", description="New")
    assert "name" in errors(response)
    assert "People whose plan is pro." in text(response)
    segment.refresh_from_db()
    assert (segment.name, segment.rule, segment.description) == ("Pro", {"version": 1, "rule": {"all": [PRO]}}, "")


def test_a_segment_needs_no_rule(browser, shop, lena):
    saved(write(browser("ana"), shop, rule=" "))
    segment = Segment.objects.get()
    assert segment.rule is None
    assert "0 of 1" in text(browser("ana").get(page("segments.segment", "change", segment.pk)))


def test_segments_cannot_refer_to_each_other_in_a_circle(browser, shop, lena):
    first = drafts.create(shop, Draft("First", custom("plan", "is", "pro"), rule_given=True))
    second = drafts.create(shop, Draft("Second", InSegment(first.pk), rule_given=True))
    found = errors(edit(browser("ana"), first, rule=json.dumps({"segment": second.pk})))
    assert "circle: First → Second → First" in found["rule"]
    shown = text(browser("ana").get(page("segments.segment", "change", second.pk)))
    assert "People who are in First." in " ".join(shown.split())


def test_renaming_keeps_what_a_client_sent(browser, shop, lena):
    held = Draft("Wire", custom("plan", "is", "pro"), True, dialect="swipeone", document={"as": "sent"})
    segment = drafts.create(shop, held)
    saved(edit(browser("ana"), segment, name="Renamed"))
    segment.refresh_from_db()
    assert segment.name == "Renamed"
    assert segment.sent_as("swipeone") == {"as": "sent"}
    saved(edit(browser("ana"), segment, rule=rule(PRO)))
    segment.refresh_from_db()
    assert segment.sent_as("swipeone") is None


def test_a_rule_whose_property_is_gone_opens_and_says_why(browser, shop, lena):
    saved(write(browser("ana"), shop))
    shop.properties.filter(name="plan").delete()
    segment = Segment.objects.get()
    shown = browser("ana").get(page("segments.segment", "change", segment.pk))
    assert shown.status_code == 200
    assert text(shown).count("Nobody can say who is in: rule.all[0].property: there is no property") == 2


def test_a_count_that_has_to_wait_says_so(browser, shop, ours, monkeypatch):
    from contacts.columnar.busy import SnapshotBusy

    def busy(*args, **options):
        raise SnapshotBusy

    monkeypatch.setattr("contacts.columnar.snapshot.refresh", busy)
    monkeypatch.setattr("contacts.columnar.snapshot.connection", Standalone())
    monkeypatch.setattr("django.conf.settings.SNAPSHOT_MARKS_BEFORE_REFRESH", 1)
    add(shop, "One"), add(shop, "Two")
    shown = browser("ana").get(page("segments.segment", "change", ours["segments.segment"].pk))
    assert shown.status_code == 200
    assert "try again soon" in text(shown)


class Standalone:
    """A connection outside of the test's transaction, as far as the snapshot looks at it."""

    in_atomic_block = False


def test_deleting_a_segment_that_others_use_is_refused_and_names_them(browser, shop, ours):
    used = ours["segments.segment"]
    user = drafts.create(shop, Draft("Leads", tree.Not(InSegment(used.pk)), rule_given=True))
    client = browser("ana")
    refused = client.post(page("segments.segment", "delete", used.pk), {"post": "yes"})
    assert "Segment Leads" in " ".join(text(refused).split())
    act(client, "segments.segment", "delete_selected", [used.pk], post="yes")
    assert Segment.objects.count() == 2
    act(client, "segments.segment", "delete_selected", [used.pk, user.pk], post="yes")
    assert not Segment.objects.exists()
    assert not Pin.objects.exists()


def test_a_segment_that_a_client_deleted_is_not_there(browser, shop, ours):
    Segment.objects.filter(pk=ours["segments.segment"].pk).update(deleted_at=timezone.now())
    assert browser("ana").get(page("segments.segment", "change", ours["segments.segment"].pk)).status_code == 302
    assert "demo" not in text(browser("ana").get(page("segments.pin", "changelist")))
