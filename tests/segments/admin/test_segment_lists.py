"""The list of segments, the people of one, and the segments of a contact."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from segments.engine.cursors import Cursor
from segments.rules import tree
from segments.rules.tree import InSegment
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add, custom
from tests.segments.admin.builder import STALE
from tests.staff import text

pytestmark = pytest.mark.django_db


# --- the list of segments --------------------------------------------------------------------------------------------


def test_the_list_says_each_segments_sentence_and_number(ana, people, segment):
    drafts.create(people, Draft("In it", InSegment(segment.pk), rule_given=True))
    drafts.create(people, Draft("Pinned only", None, rule_given=True))
    broken = drafts.create(people, Draft("Broken", custom("vip", "is", True), rule_given=True))
    drafts.create(people, Draft("Uses broken", InSegment(broken.pk), rule_given=True))
    people.properties.filter(name="vip").delete()
    shown = text(ana.get(reverse("admin:segments_segment_changelist")))
    for words in (
        "Paying People whose plan is pro or team. 6 ",
        "In it People who are in Paying. 6 ",
        "Pinned only The people who are pinned in, and nobody else. 0 ",
        "Broken Nobody can say who is in: rule.property: there is no property 'customProperties.vip'",
        "Uses broken Nobody can say who is in: segment",
    ):
        assert words in shown


def test_the_list_of_one_workspace_costs_the_same_number_of_queries_however_long(
    ana, people, segment, django_assert_num_queries
):
    address = reverse("admin:segments_segment_changelist")
    drafts.create(people, Draft("In it", InSegment(segment.pk), rule_given=True))
    with CaptureQueriesContext(connection) as first:
        ana.get(address)
    for number in range(20):
        drafts.create(people, Draft(f"More {number}", InSegment(segment.pk), rule_given=True))
    with django_assert_num_queries(len(first)):
        ana.get(address)


# --- why, on the page of a contact -----------------------------------------------------------------------------------


def test_a_contacts_page_says_which_segments_they_are_in_and_why(ana, people, segment):
    lapsed = drafts.create(
        people, Draft("Lapsed", tree.read_node({"all": [{"segment": segment.pk}, {"not": STALE}]}, ""), rule_given=True)
    )
    broken = drafts.create(people, Draft("Broken", custom("vip", "is", True), rule_given=True))
    people.properties.filter(name="vip").delete()
    cleo = people.contacts.get(first_name="Cleo")
    shown = text(ana.get(reverse("admin:contacts_contact_change", args=[cleo.pk])))
    assert "Nobody can say: Broken , why" in shown
    assert "✗ Not in: Lapsed , why not" in shown
    assert "✓ In: Paying , why" in shown
    shown = text(ana.get(reverse("admin:contacts_contact_why", args=[cleo.pk, lapsed.pk])))
    for words in (
        "Cleo is not in Lapsed",
        "✓ met: they are in Paying why",
        "✗ not met: not ✓ met: last is more than 90 days ago (has: 1 Jan 2001 ) must not be met",
    ):
        assert words in shown
    assert "there is no property" in text(ana.get(reverse("admin:contacts_contact_why", args=[cleo.pk, broken.pk])))


def test_why_is_not_told_of_another_workspaces_people_or_segments(ana, people, rival, segment):
    theirs = drafts.create(rival, Draft("Theirs", tree.All(), rule_given=True))
    mallory, lena = add(rival, "Mallory"), people.contacts.first()
    for contact, of in [(mallory, theirs), (mallory, segment), (lena, theirs)]:
        assert ana.get(reverse("admin:contacts_contact_why", args=[contact.pk, of.pk])).status_code == 404


def test_a_segments_page_says_where_it_is_used_and_how_a_program_gets_its_people(ana, people, segment):
    page = reverse("admin:segments_segment_change", args=[segment.pk])
    assert "No other segment names it." in text(ana.get(page))
    drafts.create(people, Draft("Lapsed", InSegment(segment.pk), rule_given=True))
    shown = text(ana.get(page))
    assert "Used in: Lapsed" in shown
    assert f"/api/segments/{segment.pk}/contacts" in shown


# --- everybody in a segment ------------------------------------------------------------------------------------------


def test_people_are_paged_both_ways_and_nobody_comes_twice(ana, people, segment, monkeypatch):
    monkeypatch.setattr("segments.admin.segment_people.PAGE", 4)
    address = reverse("admin:segments_segment_people", args=[segment.pk])

    def names(response):
        return re.findall(r"/contacts/contact/\d+/change/\">([^<]*)<", response.content.decode())

    def linked(response, rel):
        found = re.search(rf'href="([^"]*)" rel="{rel}"', response.content.decode())
        return found and html.unescape(found[1])

    first = ana.get(address)
    assert "6 people" in text(first)
    assert (names(first), linked(first, "prev")) == (["Ana", "Ben", "Cleo", "Dora"], None)
    second = ana.get(address + linked(first, "next"))
    assert (names(second), linked(second, "next")) == (["Emil", "Finn"], None)
    assert names(ana.get(address + linked(second, "prev"))) == ["Ana", "Ben", "Cleo", "Dora"]


def test_people_of_another_workspaces_segment_are_not_shown(ana, people, rival):
    theirs = drafts.create(rival, Draft("Theirs", tree.All(), rule_given=True))
    assert ana.get(reverse("admin:segments_segment_people", args=[theirs.pk])).status_code == 404


@pytest.mark.parametrize("cursor", ["x", Cursor(1, 2**62).write(), Cursor(-1, 0).write()])
def test_a_cursor_that_is_none_is_told(ana, segment, cursor):
    shown = text(ana.get(reverse("admin:segments_segment_people", args=[segment.pk]), {"after": cursor}))
    assert "Nobody can say who is in: after" in shown
