"""Every address of the admin: who may open it, and that it shows and does nothing of a workspace one is not in.

A new address has to be added to `SPECIAL`, a new model to `MODELS`: who of the Demo shop may open it. Gus is a guest
there, Ana an agent, Bo an admin; Mallory owns another shop and is nobody in this one.
"""

import json
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from django.urls import get_resolver

import segmenter.urls  # noqa: F401  which finds the pages of the admin
from contacts.models import Contact, ImportJob, Property, SubstitutionTag
from segments.models import Pin, Segment
from tests.staff import STRANGERS
from workspaces.models import ApiKey, Member, Workspace

pytestmark = pytest.mark.django_db

EVERYBODY = "gus ana bo mallory"
OF_THE_SHOP = "gus ana bo"

# Who may look at one, and who may add, and delete, one. Mallory may do as much in her own shop, so lists open for her.
MODELS = {
    "segments/segment": (OF_THE_SHOP, "ana bo", "ana bo"),
    "contacts/contact": (OF_THE_SHOP, "ana bo", "ana bo"),
    "contacts/importjob": ("ana bo", "ana bo", ""),
    "segments/pin": ("ana bo", "ana bo", "ana bo"),
    "contacts/substitutiontag": ("ana bo", "ana bo", "ana bo"),
    "contacts/property": ("bo", "bo", "bo"),
    "workspaces/apikey": ("bo", "bo", "bo"),
    "workspaces/member": ("bo", "bo", "bo"),
    "workspaces/workspace": ("bo", "", ""),
    "auth/user": ("", "", ""),
    "auth/group": ("", "", ""),
}


def crud(model, looks, adds, deletes):
    elsewhere = " mallory" if looks else ""
    return {
        f"{model}/": looks + elsewhere,
        f"{model}/add/": adds + (" mallory" if adds else ""),
        f"{model}/<path:object_id>/history/": looks,
        f"{model}/<path:object_id>/delete/": deletes,
        f"{model}/<path:object_id>/change/": looks,
        f"{model}/<path:object_id>/": looks,
    }


_IMPORT = "contacts/importjob/<str:import_id>"
_LIVE = "segments/segment/live/<str:workspace_id>"
SPECIAL = {
    "": EVERYBODY,
    "login/": "",  # who is signed in is sent on
    "logout/": "",  # by POST alone
    "password_change/": EVERYBODY,
    "password_change/done/": EVERYBODY,
    "autocomplete/": EVERYBODY,
    "jsi18n/": EVERYBODY,
    "r/<path:content_type_id>/<path:object_id>/": "",
    r"^(?P<app_label>workspaces|contacts|segments|auth)/$": EVERYBODY,
    "(?P<url>.*)$": "",
    "workspaces/apikey/<int:key_id>/revoke/": "bo",
    "contacts/property/<int:property_id>/type/": "bo",
    **{f"{_IMPORT}/{name}/": "ana bo" for name in ["file", "columns", "check", "run", "done", "progress", "rejects"]},
    f"{_IMPORT}/cancel/": "",  # by POST alone
    "contacts/contact/export/": EVERYBODY,  # each of their own workspace
    "contacts/contact/pin/": "ana bo mallory",
    "contacts/contact/<int:contact_id>/why/<str:segment_id>/": OF_THE_SHOP,
    "segments/segment/<str:segment_id>/message/": OF_THE_SHOP,
    "segments/segment/<str:segment_id>/people/": OF_THE_SHOP,
    "segments/segment/<str:segment_id>/export/": OF_THE_SHOP,
    "segments/segment/<str:segment_id>/versions/": OF_THE_SHOP,
    "segments/segment/<str:segment_id>/versions/<int:number>/restore/": "ana bo",  # by POST; else it leads to the list
    "segments/segment/<str:segment_id>/versions/<int:number>/delete/": "ana bo",
    "auth/user/<id>/password/": "",
    **{
        f"{_LIVE}/{name}/": OF_THE_SHOP
        for name in ["choose", "values", "suggest", "told", "copy", "count", "people", "facets", "why"]
    },
}
MAY_OPEN = SPECIAL | {address: who for model, who in MODELS.items() for address, who in crud(model, *who).items()}
WITH_IDS = sorted(address for address in MAY_OPEN if "<" in address and "P<" not in address)
BY_POST = {f"{_LIVE}/{name}/" for name in ["count", "people", "facets", "why"]}
QUERIES = {
    "autocomplete/": {"app_label": "segments", "model_name": "pin", "field_name": "contact", "term": ""},
    f"{_LIVE}/values/": {"property": "email"},
    f"{_LIVE}/told/": {"id": "<str:segment_id>"},
    f"{_LIVE}/copy/": {"segment": "<str:segment_id>"},
}
FOLDERS = {f"{model._meta.app_label}/{model._meta.model_name}": model for model in admin.site._registry}
OURS = re.compile("demo", re.IGNORECASE)  # what stands in everything of the Demo shop


def addresses(patterns, before=""):
    for each in patterns:
        if hasattr(each, "url_patterns"):
            yield from addresses(each.url_patterns, before + str(each.pattern))
        else:
            yield before + str(each.pattern)


def furnished(held, user):
    """The ids that stand in addresses, by what they are called there."""
    group, _ = Group.objects.get_or_create(name="everybody")
    segment, contact = held["segments.segment"], held["contacts.contact"]
    by_model = {kind.replace(".", "/"): obj.pk for kind, obj in held.items()}
    return {
        "<path:object_id>": by_model | {"auth/user": user.pk, "auth/group": group.pk},
        "<int:key_id>": held["workspaces.apikey"].pk,
        "<str:import_id>": held["contacts.importjob"].pk,
        "<int:property_id>": held["contacts.property"].pk,
        "<int:contact_id>": contact.pk,
        "<str:segment_id>": segment.pk,
        "<int:number>": 1,
        "<str:workspace_id>": segment.workspace_id,
        "<path:content_type_id>": ContentType.objects.get_for_model(Contact).pk,
        "<id>": user.pk,
    }


UNKNOWN = "987654"  # which fits both sorts of ids


def filled(address, ids):
    model = "/".join(address.split("/")[:2])
    for name, value in ids.items():
        chosen = value.get(model, ids["<int:contact_id>"]) if isinstance(value, dict) else value
        address = address.replace(name, str(chosen))
    address = address.replace(r"^(?P<app_label>workspaces|contacts|segments|auth)/$", "segments/")
    return "/admin/" + address.replace("(?P<url>.*)$", "no/such/page")


def ask(client, address, ids):
    """Where it ends, with which status, and what is shown."""
    where = filled(address, ids)
    if address in BY_POST:
        body = {"rule": None, "property": "email", "who": "demo@example.org"}
        response = client.post(where, json.dumps(body), content_type="application/json")
    else:
        query = {name: ids.get(value, value) for name, value in QUERIES.get(address, {}).items()}
        response = client.get(where, query, follow=True)
    content = b"".join(response) if response.streaming else response.content
    shown = re.sub(r'(name="csrfmiddlewaretoken" value)="\w+"', r"\1", content.decode())  # may spell any name
    return response.request["PATH_INFO"], response.status_code, shown


def opens(client, address, ids):
    where, status, _ = ask(client, address, ids)
    kept_away = where != filled(address, ids) and where in ("/admin/", "/admin/login/")
    return status == 200 and not kept_away


@pytest.fixture
def our_ids(ours, staff):
    return furnished(ours, staff["ana"])


@pytest.fixture
def their_ids(theirs, staff):
    return furnished(theirs, staff["mallory"])


def test_every_address_is_listed_here():
    get_resolver().url_patterns  # noqa: B018 (everything registers itself first)
    assert set(addresses(admin.site.urls[0])) == MAY_OPEN.keys()
    assert FOLDERS.keys() == MODELS.keys()


def _marked(address):
    """An export has a transaction of its own."""
    marks = pytest.mark.django_db(transaction=True) if address.endswith("/export/") else ()
    return pytest.param(address, marks=marks)


@pytest.mark.parametrize("address", [*map(_marked, MAY_OPEN)])
def test_people_open_what_their_role_lets_them(browser, our_ids, their_ids, address):
    for name in EVERYBODY.split():
        client = browser(name)
        assert opens(client, address, our_ids) == (name in MAY_OPEN[address].split()), name
        shown = ask(client, address, our_ids)[2]
        assert not (OURS if name == "mallory" else STRANGERS).search(shown.replace("mallory", "")), name
    assert opens(Client(), address, our_ids) == (address == "login/")
    assert not OURS.search(ask(Client(), address, our_ids)[2])


@pytest.mark.parametrize("name", OF_THE_SHOP.split())
def test_what_is_of_another_workspace_is_as_unknown_as_what_does_not_exist(browser, our_ids, their_ids, name):
    unknown = dict.fromkeys(their_ids, UNKNOWN) | {"<path:content_type_id>": our_ids["<path:content_type_id>"]}
    client = browser(name)
    for address in WITH_IDS:
        assert not opens(client, address, their_ids), address
        if not address.startswith("auth/"):  # where every one is refused, known or not
            told = [plain(ask(client, address, ids)) for ids in (their_ids, unknown)]
            assert told[0] == told[1], address


def test_somebody_of_ours_is_not_explained_by_a_segment_of_theirs(browser, our_ids, their_ids):
    mixed = our_ids | {"<str:segment_id>": their_ids["<str:segment_id>"]}
    assert not opens(browser("bo"), "contacts/contact/<int:contact_id>/why/<str:segment_id>/", mixed)


def plain(asked):
    """An answer without the id that was asked for and without what is new in every page."""
    where, status, shown = asked
    shown = re.sub(r"ID “[^”]*”", "ID …", shown)
    return status, where == "/admin/", re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", shown)


# --- what is done, chosen and suggested ----------------------------------------------------------------------------------


def everything(workspace):
    """All rows that belong to a workspace, of every model of the admin."""
    paths = {Pin: "segment__workspace", Workspace: "pk"}
    kinds = (Segment, Contact, ImportJob, Pin, SubstitutionTag, Property, ApiKey, Member, Workspace)
    return {
        kind: list(kind.objects.filter(**{paths.get(kind, "workspace"): workspace.pk}).order_by("pk").values())
        for kind in kinds
    }


@pytest.mark.parametrize("name", OF_THE_SHOP.split())
def test_no_bulk_action_and_no_post_reaches_into_another_workspace(browser, rival, our_ids, their_ids, name):
    before, client = everything(rival), browser(name)
    for model, pk in their_ids["<path:object_id>"].items():
        for action in {"delete_selected", *admin.site._registry[FOLDERS[model]].actions}:
            sent = {"action": action, "_selected_action": [pk], "post": "yes", "confirmed": "yes"}
            client.post(f"/admin/{model}/", {**sent, "select_across": "1"})
    for address in WITH_IDS:
        client.post(filled(address, their_ids), {"post": "yes", "name": "taken", "to": "list", "drop_rejects": "on"})
    assert everything(rival) == before


@pytest.mark.parametrize("name", EVERYBODY.split())
def test_popups_hold_nothing_of_another_workspace(browser, our_ids, their_ids, name):
    client, foreign = browser(name), OURS if name == "mallory" else STRANGERS
    for model in MODELS:
        for address in ("", "add/"):
            for asked in ({"_popup": "1"}, {"_popup": "1", "_to_field": "id"}, {"_popup": "1", "q": "a"}):
                shown = client.get(f"/admin/{model}/{address}", asked, follow=True).content.decode()
                assert not foreign.search(shown.replace("mallory", "")), (model, address, asked)


def test_no_field_of_any_model_suggests_anything_of_another_workspace(browser, our_ids, their_ids):
    links = [
        (model, field.name)
        for model in admin.site._registry
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.ManyToManyField)
    ]
    assert len(links) > 8
    for name in EVERYBODY.split():
        client, foreign = browser(name), OURS if name == "mallory" else STRANGERS
        for model, field in links:
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field}
            for term in ("", "demo", "rival", "a"):
                answer = client.get("/admin/autocomplete/", {**asked, "term": term})
                if answer.status_code == 200:
                    assert not foreign.search(json.dumps(answer.json()["results"])), (name, model, field)


@pytest.mark.parametrize("name", EVERYBODY.split())
def test_history_and_recent_actions_are_of_ones_own(browser, our_ids, their_ids, name):
    """Bo changes something in each workspace as if he were of both; the others do not read of it."""
    member = Member.objects.create(
        workspace_id=their_ids["<str:workspace_id>"], user=User.objects.get(username="bo"), role=70
    )
    for ids in (our_ids, their_ids):
        browser("bo").post(f"/admin/workspaces/apikey/{ids['<int:key_id>']}/change/", {"name": "renamed"})
    member.delete()
    foreign = OURS if name == "mallory" else STRANGERS
    for address in ("/admin/", f"/admin/workspaces/apikey/{our_ids['<int:key_id>']}/history/"):
        shown = browser(name).get(address, follow=True).content.decode()
        if (name, address) != ("bo", "/admin/"):  # what he did himself
            assert not foreign.search(shown.replace("mallory", "")), address
