"""Who sees and does what in the admin, by role. Ana, Bo and Gus work in the Demo shop, Mallory elsewhere."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

import segmenter.urls  # noqa: F401  which finds the pages of the admin
from contacts import properties
from segments.models import Pin, PinKind, Segment
from segments.saving import drafts
from segments.saving.drafts import By, Draft
from tests.people import add, declare
from tests.staff import PEOPLE, STRANGERS, act, errors, join, page, text
from workspaces.admin.scope import Scoped
from workspaces.models import ApiKey, Member, Role, Workspace

pytestmark = pytest.mark.django_db

# Who of the Demo shop may look at a model, and who may change it.
MAY = {
    "segments.segment": ("gus ana bo", "ana bo"),
    "contacts.contact": ("gus ana bo", "ana bo"),
    "segments.pin": ("ana bo", "ana bo"),
    "contacts.substitutiontag": ("ana bo", "ana bo"),
    "contacts.property": ("bo", "bo"),
    "workspaces.apikey": ("bo", "bo"),
    "workspaces.member": ("bo", "bo"),
    "workspaces.workspace": ("bo", "bo"),
}
DJANGOS_OWN = {"auth.user", "auth.group"}
# The role that a member needs to look at objects of a model, and to add, change and delete them.
ROLES = {
    "segments.segment": (Role.GUEST, Role.AGENT),
    "contacts.contact": (Role.GUEST, Role.AGENT),
    "contacts.importjob": (Role.AGENT, Role.AGENT),
    "segments.pin": (Role.AGENT, Role.AGENT),
    "contacts.substitutiontag": (Role.AGENT, Role.AGENT),
    "contacts.property": (Role.ADMIN, Role.ADMIN),
    "workspaces.apikey": (Role.ADMIN, Role.ADMIN),
    "workspaces.member": (Role.ADMIN, Role.ADMIN),
    "workspaces.workspace": (Role.ADMIN, Role.ADMIN),
}
PAGES_OF_THEIR_OWN = {"contacts.importjob"}  # tests/test_import_pages.py


# --- who sees what ---------------------------------------------------------------------------------------------------


def test_every_registered_model_is_looked_at_here():
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert registered == MAY.keys() | DJANGOS_OWN | PAGES_OF_THEIR_OWN


def test_each_admin_names_the_roles_of_this_table():
    ours = [each for each in admin.site._registry.values() if isinstance(each, Scoped)]
    inlines = [inline for each in ours for inline in each.inlines]
    named = [(each.model._meta.label_lower, (each.role_to_look, each.role_to_change)) for each in [*ours, *inlines]]
    assert dict(named) == ROLES
    assert all(roles == ROLES[label] for label, roles in named)  # an inline's too


@pytest.mark.parametrize("kind", MAY)
@pytest.mark.parametrize("name", PEOPLE)
def test_people_see_and_change_what_their_role_lets_them(browser, ours, theirs, name, kind):
    looks, changes = (name == "root" or name in who.split() for who in MAY[kind])
    pk, client = ours[kind].pk, browser(name)
    if name == "mallory":
        assert client.get(page(kind, "change", pk)).url == reverse("admin:index")
        return
    seen, refused = (200, 403)
    assert client.get(page(kind, "changelist")).status_code == (seen if looks else refused)
    assert client.get(page(kind, "change", pk)).status_code == (seen if looks else refused)
    assert (client.get(page(kind, "history", pk)).status_code == seen) == looks
    adds = changes if kind != "workspaces.workspace" else name == "root"
    assert client.get(page(kind, "add")).status_code == (seen if adds else refused)
    assert client.get(page(kind, "delete", pk)).status_code == (seen if adds else refused)
    assert ('name="_save"' in client.get(page(kind, "change", pk)).content.decode()) == changes
    if not changes:
        assert client.post(page(kind, "change", pk), {}).status_code == refused
        assert client.post(page(kind, "delete", pk), {"post": "yes"}).status_code == refused


@pytest.mark.parametrize("kind", MAY)
def test_a_member_sees_nothing_of_another_workspace(browser, ours, theirs, kind):
    client = browser("bo")
    for response in [
        client.get(page(kind, "changelist")),
        client.get(page(kind, "changelist"), {"q": "ival"}),
        client.get(page(kind, "change", ours[kind].pk)),
        client.get(page(kind, "history", ours[kind].pk)),
        *([] if kind == "workspaces.workspace" else [client.get(page(kind, "add"))]),
    ]:
        assert response.status_code == 200
        assert not STRANGERS.search(response.content.decode())
    assert STRANGERS.search(text(browser("root").get(page(kind, "changelist"))))


@pytest.mark.parametrize("kind", MAY)
def test_an_object_of_another_workspace_answers_as_an_unknown_one(browser, ours, theirs, kind):
    client = browser("bo")
    unknown = "f" * 24 if isinstance(theirs[kind].pk, str) else "987654"
    for view in ("change", "history", *(["delete"] if kind != "workspaces.workspace" else [])):
        answers = []
        for pk in (str(theirs[kind].pk), unknown):
            response = client.get(page(kind, view, pk), follow=True)
            answers.append((response.redirect_chain, text(response).replace(pk, "…")))
        assert answers[0] == answers[1]
        assert answers[0][0] == [(reverse("admin:index"), 302)]
    client.post(page(kind, "delete", theirs[kind].pk), {"post": "yes"})
    act(client, kind, "delete_selected", [theirs[kind].pk], post="yes")
    assert type(theirs[kind]).objects.filter(pk=theirs[kind].pk).exists()


def test_the_index_lists_what_a_person_may_open(browser, ours):
    def listed(name):
        response = browser(name).get(reverse("admin:index"))
        return {model["object_name"] for app in response.context["app_list"] for model in app["models"]}

    assert listed("gus") == {"Contact", "Segment"}
    assert listed("ana") == {"Contact", "ImportJob", "Segment", "Pin", "SubstitutionTag"}
    assert listed("bo") == listed("ana") | {"Property", "ApiKey", "Member", "Workspace"}
    assert listed("root") == listed("bo") | {"User", "Group"}


def test_it_is_called_segmenter_before_anybody_signs_in(db):
    response = Client().get(reverse("admin:login"))
    assert response.status_code == 200
    assert "Segmenter" in text(response)


def test_someone_of_the_workspace_who_is_no_staff_cannot_sign_in(browser, staff, ours):
    User.objects.filter(username="bo").update(is_staff=False)
    assert browser("bo").get(page("segments.segment", "changelist")).status_code == 302


def test_a_member_cannot_open_djangos_users(browser, staff):
    for kind in DJANGOS_OWN:
        assert browser("bo").get(page(kind, "changelist")).status_code == 403
        assert browser("root").get(page(kind, "changelist")).status_code == 200
        assert browser("root").get(page(kind, "add")).status_code == 200
    assert browser("root").get(page("auth.user", "change", staff["bo"].pk)).status_code == 200


def test_a_role_holds_in_its_own_workspace_only(browser, staff, ours, theirs):
    """Ana is an agent in the Demo shop and a guest in the rival one."""
    Member.objects.create(workspace=theirs["workspaces.workspace"], user=staff["ana"], role=Role.GUEST)
    client, segment = browser("ana"), theirs["segments.segment"]
    assert "rival VIP" in text(client.get(page("segments.segment", "changelist")))
    assert 'name="_save"' not in client.get(page("segments.segment", "change", segment.pk)).content.decode()
    assert client.post(page("segments.segment", "change", segment.pk), {"name": "x"}).status_code == 403
    assert client.get(page("segments.segment", "delete", segment.pk)).status_code == 403
    assert act(client, "segments.segment", "delete_selected", [segment.pk], post="yes").status_code == 403
    assert "rival reason" not in text(client.get(page("segments.pin", "changelist")))
    assert "Rival shop" not in client.get(page("segments.segment", "add")).content.decode()
    refused = client.post(page("segments.segment", "add"), {"workspace": segment.workspace_id, "name": "x", "rule": ""})
    assert "workspace" in errors(refused)
    refused = client.post(page("segments.pin", "add"), {"segment": segment.pk, "contact": "", "kind": "included"})
    assert "segment" in errors(refused)
    assert Segment.objects.filter(pk=segment.pk, name="rival VIP").exists()


# --- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in MAY if kind not in ("segments.pin", "workspaces.workspace")])
def test_the_workspaces_offered_are_a_persons_own(browser, ours, theirs, kind):
    def offered(name):
        form = browser(name).get(page(kind, "add")).context["adminform"].form
        return {workspace.name for workspace in form.fields["workspace"].queryset}

    assert offered("bo") == {"Demo shop"}
    assert offered("root") == {"Demo shop", "Rival shop"}


@pytest.mark.parametrize("field", ["segment", "contact"])
def test_what_is_suggested_for_a_pin_is_of_a_persons_own_workspaces(browser, ours, theirs, field):
    asked = {"app_label": "segments", "model_name": "pin", "field_name": field, "term": ""}

    def suggested(name, **more):
        answer = browser(name).get(reverse("admin:autocomplete"), {**asked, **more})
        return [each["text"] for each in answer.json()["results"]]

    assert len(suggested("ana")) == 1
    assert "demo" in suggested("ana")[0]
    assert suggested("ana", term="rival") == []
    assert len(suggested("root")) == 2


def test_what_is_typed_into_the_address_shows_nothing_of_another_workspace(browser, ours, theirs):
    asked = {"segment": theirs["segments.segment"].pk, "contact": theirs["contacts.contact"].pk}
    for response in (
        browser("ana").get(page("segments.pin", "add"), asked),
        browser("ana").post(page("segments.pin", "add"), {**asked, "kind": "included"}),
    ):
        assert response.status_code == 200
        assert not STRANGERS.search(text(response))
    assert Pin.objects.count() == 2


def test_the_workspaces_to_filter_by_are_a_persons_own(browser, staff, ours, theirs):
    second = Workspace.objects.create(name="Second shop")
    Member.objects.create(workspace=second, user=staff["bo"], role=Role.ADMIN)
    for kind in MAY.keys() - {"workspaces.workspace"}:
        shown = text(browser("bo").get(page(kind, "changelist")))
        assert "Second shop" in shown, kind
        assert "Rival shop" not in shown, kind


# --- how much it costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in MAY if kind != "contacts.contact"])  # its list: test_contact_list.py
@pytest.mark.parametrize("name", ["bo", "root"])
def test_a_list_costs_no_more_queries_however_long(browser, shop, ours, kind, name, django_assert_max_num_queries):
    client = browser(name)
    with django_assert_max_num_queries(20) as first:
        client.get(page(kind, "changelist"))
    for number in range(3):
        member = join(shop, f"more{number}", Role.USER)
        other = Workspace.objects.create(name=f"Other {number}")
        Member.objects.create(workspace=other, user=User.objects.get(username="bo"), role=Role.ADMIN)
        drafts.create(shop, Draft(f"Segment {number}", None, rule_given=True), By(member.user))
        lead = add(other, f"Lead {number}")
        Pin.objects.create(
            segment=Segment.objects.create(workspace=other, name="S", created_by=member.user),
            contact=lead,
            kind=PinKind.EXCLUDED,
            author=member.user,
        )
        declare(other, plan="text")
        properties.declare_tags(other, ["tag"])
        ApiKey.objects.issue(other, "key", "read")
    with django_assert_max_num_queries(len(first)):
        listed = client.get(page(kind, "changelist"))
    assert len(listed.context["cl"].result_list) >= 3
