"""Pins in the admin: on their own page and on that of their segment."""

import re

import pytest

from segments.models import Pin, PinKind
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add
from tests.staff import act, bitmaps, edit, errors, page, people_of, saved, text
from workspaces.models import Member, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def vip(shop, staff):
    return drafts.create(shop, Draft("VIP", None, rule_given=True))


def pin(client, segment, contact, **more):
    asked = {"segment": segment.pk, "contact": contact.pk, "kind": "included", "reason": "asked for it", **more}
    return client.post(page("segments.pin", "add"), asked)


def test_ana_pins_lena_and_lena_is_in(browser, staff, vip, lena):
    saved(pin(browser("ana"), vip, lena))
    held = Pin.objects.get()
    assert (held.author, held.reason) == (staff["ana"], "asked for it")
    assert bitmaps(vip) == ([lena.pk], [])
    assert people_of(vip) == {"Lena"}
    saved(edit(browser("bo"), held, kind="excluded"))
    assert bitmaps(vip) == ([], [lena.pk])
    held.refresh_from_db()
    assert held.author == staff["ana"]
    saved(edit(browser("bo"), held, expires_at_0="2099-01-01", expires_at_1="00:00"))
    assert bitmaps(vip) == ([], [])
    saved(browser("ana").post(page("segments.pin", "delete", held.pk), {"post": "yes"}))
    assert people_of(vip) == set()


def test_someone_of_another_workspace_cannot_be_pinned_even_by_who_works_in_both(browser, staff, rival, vip, lena):
    Member.objects.create(workspace=rival, user=staff["ana"], role=Role.AGENT)
    stranger = add(rival, "Stranger")
    wrong = "Stranger is not in Demo shop, where the segment is."
    assert errors(pin(browser("ana"), vip, stranger)) == {"contact": wrong}
    assert errors(edit(browser("ana"), vip, **inline(stranger)))["contact"] == wrong
    assert not Pin.objects.exists()
    assert "exists" in errors([pin(browser("ana"), vip, lena), pin(browser("ana"), vip, lena)][1])["__all__"]


def inline(contact, place=0, **more):
    typed = {"contact": contact.pk, "kind": "included", "reason": "", "expires_at_0": "", "expires_at_1": "", **more}
    return {"pins-TOTAL_FORMS": place + 1, **{f"pins-{place}-{name}": value for name, value in typed.items()}}


def test_pins_are_added_and_taken_out_on_the_segments_page(browser, shop, staff, vip, lena):
    jana = add(shop, "Jana")
    saved(edit(browser("ana"), vip, name="VIPs", **inline(lena)))
    assert Pin.objects.get().author == staff["ana"]
    assert bitmaps(vip) == ([lena.pk], [])
    saved(edit(browser("bo"), vip, **inline(jana, 1, kind="excluded"), **{"pins-0-DELETE": "on"}))
    assert bitmaps(vip) == ([], [jana.pk])
    shown = text(browser("ana").get(page("segments.segment", "change", vip.pk)))
    assert "0 included, 1 excluded" in " ".join(shown.split())


def test_a_segment_with_too_many_pins_for_a_page_links_to_them(browser, shop, vip, monkeypatch):
    monkeypatch.setattr("workspaces.admin.scope.MOST_INLINE", 1)
    for name in ("One", "Two"):
        Pin.objects.create(segment=vip, contact=add(shop, name), kind=PinKind.INCLUDED)
    shown = browser("ana").get(page("segments.segment", "change", vip.pk))
    assert shown.context["inline_admin_formsets"] == []
    (link,) = re.findall(r'href="([^"]*)">2 included', shown.content.decode())
    assert len(browser("ana").get(link).context["cl"].result_list) == 2
    saved(edit(browser("ana"), vip, name="VIPs"))
    assert len(bitmaps(vip)[0]) == 2


@pytest.mark.parametrize("kind", ["segments.pin", "contacts.contact"])
@pytest.mark.parametrize("way", ["page", "action"])
def test_when_pins_go_the_bitmaps_follow(browser, shop, vip, lena, kind, way):
    jana, client = add(shop, "Jana"), browser("ana")
    saved(pin(client, vip, lena))
    saved(pin(client, vip, jana, kind="excluded"))
    assert bitmaps(vip) == ([lena.pk], [jana.pk])
    gone = {"segments.pin": Pin.objects.get(contact=lena), "contacts.contact": lena}[kind]
    if way == "page":
        saved(client.post(page(kind, "delete", gone.pk), {"post": "yes"}))
    else:
        act(client, kind, "delete_selected", [gone.pk], post="yes")
    assert not type(gone).objects.filter(pk=gone.pk).exists()
    assert bitmaps(vip) == ([], [jana.pk])
