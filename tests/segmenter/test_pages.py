"""What every page sends along to the browser."""

import re

import pytest
from django.urls import reverse

from segments.dialects.draft import Draft
from segments.rules.tree import All
from segments.saving import drafts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address", ["/admin/login/", "/admin/", "/healthz", "/api/none", "/api/docs", "/static/segmenter/theme.css"]
)
def test_nothing_of_elsewhere_is_loaded_or_run_and_nobody_frames_us(client, address):
    policy = client.get(address).headers["Content-Security-Policy"]
    assert policy.split("; ")[0] == "default-src 'self'"
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_pages_hold_no_script_and_no_style_of_their_own(admin_client, shop):
    for name in ("index", "segments_segment_add", "segments_segment_changelist", "contacts_contact_add"):
        shown = admin_client.get(reverse(f"admin:{name}")).content.decode()
        inline = [attributes for attributes, body in re.findall(r"<script([^>]*)>([^<]*)", shown) if body.strip()]
        assert all('type="application/json"' in attributes for attributes in inline), name
        assert not re.search(r"<style|\sstyle=|\son\w+=", shown), name
        assert not re.search(r"""(src|href)=["'](https?:)?//""", shown), name


def test_a_page_may_show_more_but_never_runs_what_stands_in_it(admin_client, shop):
    segment = drafts.create(shop, Draft("All", All(), rule_given=True))
    for address in ("/api/docs", f"/admin/segments/segment/{segment.pk}/message/"):
        policy = admin_client.get(address).headers["Content-Security-Policy"]
        directives = dict(each.split(" ", 1) for each in policy.split("; "))
        assert directives["default-src"] == "'self'"
        assert directives["img-src"] == "'self' data:"
        assert not directives.keys() & {"script-src", "script-src-elem", "connect-src"}
        shown = admin_client.get(address).content.decode()
        assert not re.search(r"<script(?![^>]* src=)[^>]*>|\son\w+=", shown), address
