"""The page on which a message is seen as people would read it, without any JavaScript."""

import html
import re

import pytest

from contacts.columnar.busy import SnapshotBusy
from contacts.models import Contact, SubstitutionTag
from segments import messages
from segments.dialects.draft import Draft
from segments.saving import drafts
from tests.callers import join
from tests.people import add, custom, declare
from workspaces.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def pro(shop):
    declare(shop, plan="text")
    SubstitutionTag.objects.create(workspace=shop, tag="coupon", fallback="NONE")
    for name in ("Ana", "Bo", "Cem", "Dov", "Eva", "Fay"):
        add(shop, name, plan="pro")
    # Two of six, so that one is among any five.
    Contact.objects.filter(first_name__in=["Ana", "Eva"]).update(substitution_tags={"coupon": "<b>&"})
    return drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))


@pytest.fixture
def gus(shop):
    return join(shop, "gus", Role.GUEST)


def shown(client, segment, headers=None, **sent):
    address = f"/admin/segments/segment/{segment.pk}/message/"
    response = client.post(address, sent, headers=headers or {}) if sent else client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def words(page):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_a_guest_sees_the_message_as_five_people_would_read_it(gus, pro):
    page = shown(gus, pro, text="Dear {{firstName}},\r\n{{coupon}} {{plan}}")
    read = re.findall(r'<div class="read"[^>]*>([^<]*)</div>', page)
    assert len(read) == 5
    with_coupon = {f"Dear {name},\n&lt;b&gt;&amp; pro" for name in ("Ana", "Eva")}
    assert set(read) <= {f"Dear {name},\nNONE pro" for name in ("Bo", "Cem", "Dov", "Fay")} | with_coupon
    assert set(read) & with_coupon
    said = words(page)
    assert "firstName: everybody has it" in said
    assert "coupon is missing for 67%: the fallback is used for 4 people" in said
    assert "5 of 6 people, picked at random" in said
    assert "Dear {{firstName}},\n{{coupon}} {{plan}}" in html.unescape(page)  # still in the field


def test_it_begins_with_a_greeting(gus, pro):
    page = shown(gus, pro)
    assert "Hi {{firstName|there}}," in html.unescape(page)
    assert "Hi Bo," in words(page)


def test_what_is_wrong_is_marked_at_its_place_with_the_nearest_name(gus, pro):
    page = shown(gus, pro, text="Hello\n<i> {{cupon|x}} and {{ no\n{{ }}")
    assert [html.unescape(each) for each in re.findall("<mark>(.*?)</mark>", page)] == ["{{cupon|x}}", "{{", "{{ }}"]
    said = words(page)
    assert "Line 2: <i> {{cupon|x}} and {{ no There is no such name. Did you mean coupon ?" in said
    assert "Line 2: <i> {{cupon|x}} and {{ no {{ stands here without a name and }} behind it." in said
    assert "Line 3: {{ }} There is no tag ''." in said


def test_as_html_values_are_escaped_and_the_message_stands_in_a_frame_without_scripts(gus, pro):
    page = shown(gus, pro, text='<p style="color: red">{{coupon}}</p><script>x()</script>', html="on")
    frames = re.findall(r'<iframe sandbox title="[^"]*" srcdoc="([^"]*)"></iframe>', page)
    assert len(frames) == 5
    read = {html.unescape(each) for each in frames}
    assert read == {f'<p style="color: red">{each}</p><script>x()</script>' for each in ("NONE", "&lt;b&gt;&amp;")}
    assert "<script>x()" not in page


def test_what_changes_while_somebody_types_comes_alone(gus, pro):
    part = shown(gus, pro, headers={"Accept": "text/vnd.fragment"}, text="{{plan}}")
    assert "<html" not in part
    assert "plan: everybody has it" in words(part)


def test_nobody_and_what_cannot_be_said(gus, pro, shop, monkeypatch):
    nobody = drafts.create(shop, Draft("None", custom("plan", "is", "none"), rule_given=True))
    said = words(shown(gus, nobody, text="{{plan}}"))
    assert "Nobody is in None now" in said
    assert "everybody" not in said
    assert "is longer than 100,000 characters" in words(shown(gus, pro, text="x" * 100_001))

    def busy(*args, **options):
        raise SnapshotBusy

    with monkeypatch.context() as patched:
        patched.setattr(messages.audience, "several", busy)
        assert "try again soon" in words(shown(gus, pro, text="kept"))
    shop.properties.all().delete()
    said = words(shown(gus, pro, text="kept"))
    assert "Nobody can say: " in said
    assert "kept" in said
