"""The admin's first page: how a workspace is doing, for those who belong to it."""

import html
import itertools
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from segments.dialects.draft import Draft
from segments.saving import drafts
from tests.callers import join
from tests.people import add, custom, declare
from workspaces.models import ApiKey, Role

pytestmark = pytest.mark.django_db


def shown(client, **query):
    response = client.get(reverse("admin:index"), query)
    assert response.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


@pytest.fixture
def furnished(shop):
    declare(shop, plan="text", vip="boolean")
    add(shop, "Lena", plan="pro")
    add(shop, "Jana", plan="free", created_at="2020-01-01T00:00:00Z")
    drafts.create(shop, Draft("Paying", custom("plan", "is", "pro"), rule_given=True))
    return shop


def test_a_guest_sees_contacts_and_segments_with_their_numbers(furnished):
    words = shown(join(furnished, "gus", Role.GUEST))
    assert "Demo shop Contacts 2 +1 today Segments 1" in words
    assert "Paying People whose plan is pro. 1" in words
    assert "Build a segment" not in words


def test_a_broken_segment_is_named(furnished):
    drafts.create(furnished, Draft("Old", custom("vip", "is", True), rule_given=True))
    furnished.properties.filter(name="vip").delete()
    words = shown(join(furnished, "ana", Role.AGENT))
    assert "Old cannot be counted: its rule no longer fits." in words
    assert "Paying People whose plan is pro. 1" in words


def test_an_empty_workspace_shows_the_first_steps(shop):
    words = shown(join(shop, "bo", Role.ADMIN))
    assert "Import contacts" in words
    assert "Build a segment" in words
    assert "Create an API key" in words


def test_the_first_steps_are_ticked_off_one_by_one(shop):
    bo = join(shop, "bo", Role.ADMIN)
    assert "Done:" not in shown(bo)
    ApiKey.objects.issue(shop, "tests", "read")
    assert "✓ Done: Create an API key" in shown(bo)
    add(shop, "Lena")
    assert "✓ Done: Import contacts" in shown(bo)
    assert "✓ Done: Build a segment" not in shown(bo)


def test_somebody_of_two_workspaces_switches_between_them_and_sees_no_third(furnished, rival):
    ana = join(furnished, "ana", Role.AGENT)
    assert "Rival shop" not in shown(ana)
    assert "Demo shop Contacts 2" in shown(ana, workspace=rival.pk)
    join(rival, "ana", Role.GUEST)
    assert "Rival shop Workspace Demo shop Rival shop" in shown(ana, workspace=rival.pk)
    assert "Contacts 0" in shown(ana, workspace=rival.pk)


@pytest.mark.parametrize("wanted", ["\0", "x", "f" * 24, " " * 30])
def test_an_address_that_names_no_workspace_shows_the_first_one(furnished, wanted):
    assert "Demo shop Contacts 2" in shown(join(furnished, "ana", Role.AGENT), workspace=wanted)


def test_somebody_of_no_workspace_is_told(db):
    User.objects.create(username="new", is_staff=True)
    client = Client()
    client.force_login(User.objects.get())
    assert "You belong to no workspace yet." in shown(client)


def test_the_dashboard_costs_the_same_number_of_queries_however_many_segments(
    furnished, django_assert_num_queries, django_assert_max_num_queries
):
    ana = join(furnished, "ana", Role.AGENT)
    with django_assert_max_num_queries(25) as first:
        shown(ana)
    for number in range(10):
        drafts.create(furnished, Draft(f"More {number}", custom("plan", "is", "free"), rule_given=True))
    with django_assert_num_queries(len(first)):
        shown(ana)


@pytest.mark.parametrize("file", sorted(Path().glob("*/static/**/*.css")), ids=str)
def test_a_style_sheet_closes_what_it_opens(file):
    """Else what follows holds only inside of that."""
    plain = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
    depths = list(itertools.accumulate((char == "{") - (char == "}") for char in plain))
    assert (min(depths), depths[-1]) == (0, 0)
