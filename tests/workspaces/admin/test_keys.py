"""API keys in the admin: shown once, described, revoked."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.staff import STRANGERS, act, edit, errors, page, saved, text
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db


def test_a_new_keys_secret_is_shown_once(browser, shop, staff):
    client = browser("bo")
    asked = {"workspace": shop.pk, "name": "Website", "scope": "write", "expires_at_0": "", "expires_at_1": ""}
    shown = client.post(page("workspaces.apikey", "add"), asked)
    assert "You will not see this key again." in text(shown)
    assert "no-store" in shown.headers["Cache-Control"]
    key = ApiKey.objects.get()
    secret, within_curl = re.findall(r"sk_[0-9a-f]{48}", shown.content.decode())
    assert f'curl -H "x-api-key: {within_curl}" "http://testserver/api/workspaces/{shop.pk}/segments"' in text(shown)
    assert within_curl == secret
    assert key.digest == ApiKey.digest_of(secret)
    assert (key.name, key.scope, key.prefix) == ("Website", "write", secret[:10])
    assert Client().get(f"/api/workspaces/{shop.pk}/segments", headers={"x-api-key": secret}).status_code == 200
    for address in (
        page("workspaces.apikey", "changelist"),
        page("workspaces.apikey", "change", key.pk),
        page("workspaces.apikey", "history", key.pk),
        reverse("admin:index"),
    ):
        again = client.get(address).content.decode()
        assert secret not in again
        assert key.digest not in again
        assert address == reverse("admin:index") or key.prefix in again


def test_a_page_that_is_sent_twice_makes_one_key(browser, shop, staff):
    client = browser("bo")
    asked = {"workspace": shop.pk, "name": "Website", "scope": "read", "expires_at_0": "", "expires_at_1": ""}
    client.post(page("workspaces.apikey", "add"), asked)
    assert "is in use already" in errors(client.post(page("workspaces.apikey", "add"), asked))["name"]
    ApiKey.objects.update(revoked_at=timezone.now())
    client.post(page("workspaces.apikey", "add"), asked)
    assert ApiKey.objects.count() == 2


def test_a_key_cannot_be_over_before_it_begins(browser, shop, staff):
    asked = {"workspace": shop.pk, "name": "x", "scope": "read", "expires_at_0": "2020-01-01", "expires_at_1": "10:00"}
    assert "is over already" in errors(browser("bo").post(page("workspaces.apikey", "add"), asked))["expires_at"]


def test_a_key_says_how_it_is_used(browser, shop, staff):
    now = timezone.now()
    ApiKey.objects.issue(shop, "Idle", "read")
    used, _ = ApiKey.objects.issue(shop, "Used", "write", now - timedelta(days=3))
    ApiKey.objects.filter(pk=used.pk).update(last_used_at=now - timedelta(minutes=2, seconds=5), prefix="sk_9f2c123")
    words = " ".join(text(browser("bo").get(page("workspaces.apikey", "changelist"))).split())
    assert re.search(r"Idle sk_\w{7}… Demo shop Read Never Never No\. Revoke", words)
    assert re.search(r"Used sk_9f2c123… Demo shop Write 2 minutes ago Expired \d+ \w+ \d{4}, \d\d:\d\d No\.", words)


def test_a_keys_scope_cannot_be_changed_but_its_name_can(browser, ours):
    key = ours["workspaces.apikey"]
    digest = key.digest
    saved(edit(browser("bo"), key, name="Renamed", scope="write"))
    key.refresh_from_db()
    assert (key.name, key.scope, key.digest) == ("Renamed", "read", digest)


def test_a_revoked_key_opens_nothing_and_the_others_go_on(browser, shop, staff, theirs):
    client = browser("bo")
    gone, secret = ApiKey.objects.issue(shop, "gone", "read")
    kept, _ = ApiKey.objects.issue(shop, "kept", "read")
    ApiKey.objects.filter(pk=gone.pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    chosen = [gone.pk, theirs["workspaces.apikey"].pk]
    for asking in (
        act(client, "workspaces.apikey", "revoke", chosen),
        client.get(page("workspaces.apikey", "revoke", gone.pk)),
    ):
        assert "Revoke gone?" in text(asking)
        assert "Requests with it fail at once." in text(asking)
        assert "last used 2 minutes ago" in " ".join(text(asking).split())
        assert not STRANGERS.search(text(asking))
    assert client.get(page("workspaces.apikey", "revoke", theirs["workspaces.apikey"].pk)).status_code == 404
    assert Client().get(f"/api/workspaces/{shop.pk}/segments", headers={"x-api-key": secret}).status_code == 200
    shown = act(client, "workspaces.apikey", "revoke", chosen, confirmed="yes")
    assert "1 key is revoked" in text(shown)
    assert Client().get(f"/api/workspaces/{shop.pk}/segments", headers={"x-api-key": secret}).status_code == 401
    kept.refresh_from_db()
    assert kept.revoked_at is None
    assert ApiKey.objects.get(pk=theirs["workspaces.apikey"].pk).revoked_at is None
    assert "Revoked" in text(client.get(page("workspaces.apikey", "history", gone.pk)))
