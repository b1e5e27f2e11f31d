"""The admin: who sees and does what in it, and what it refuses. Ana, Bo and Gus work in the Demo shop, Mallory elsewhere."""

import html
import json
import re
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pyroaring import BitMap64

import segmenter.urls  # noqa: F401  which finds the pages of the admin
from contacts import properties
from contacts.importing import uploads
from contacts.importing.import_jobs import Options
from contacts.models import Contact, ImportJob, Property, SubstitutionTag
from contacts.values import Kind
from contacts.writing import upserts
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Pin, PinKind, Segment, rewrite_pins
from segments.rules import tree
from segments.rules.tree import InSegment
from segments.saving import drafts
from segments.saving.versions import By
from tests.people import add, custom, declare
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
STRANGERS = re.compile("rival|mallory", re.IGNORECASE)  # what stands in everything of the other workspace
PEOPLE = ["gus", "ana", "bo", "mallory", "root"]


def join(workspace, name, role):
    user = User.objects.create(username=name, email=f"{name}@example.org", is_staff=True)
    return Member.objects.create(workspace=workspace, user=user, role=role)


@pytest.fixture
def staff(shop, rival):
    members = {
        "gus": join(shop, "gus", Role.GUEST),
        "ana": join(shop, "ana", Role.AGENT),
        "bo": join(shop, "bo", Role.ADMIN),
        "mallory": join(rival, "mallory", Role.OWNER),
    }
    root = User.objects.create(username="root", is_staff=True, is_superuser=True)
    return {**{name: member.user for name, member in members.items()}, "root": root}


def furnish(workspace, word, member):
    """One object of each model."""
    properties.declare(workspace, {f"{word}Plan": Kind.TEXT})
    properties.declare_tags(workspace, [f"{word}-coupon"])
    contact = add(workspace, f"{word} Customer", email=f"{word}@example.org", **{f"{word}Plan": "pro"})
    segment = drafts.create(workspace, Draft(f"{word} VIP", custom(f"{word}Plan", "is", "pro"), rule_given=True))
    pin = Pin.objects.create(segment=segment, contact=contact, kind=PinKind.INCLUDED, reason=f"{word} reason")
    rewrite_pins(segment)
    return {
        "segments.segment": segment,
        "contacts.contact": contact,
        "segments.pin": pin,
        "contacts.importjob": checked_import(workspace, f"{word}.csv"),
        "contacts.substitutiontag": workspace.substitution_tags.get(),
        "contacts.property": workspace.properties.get(),
        "workspaces.apikey": ApiKey.objects.issue(workspace, f"{word} key", "read")[0],
        "workspaces.member": member,
        "workspaces.workspace": workspace,
    }


def checked_import(workspace, name):
    """One that was tried out and could be started, with a row that would not be taken."""
    content = f"id,{name}\n1,a\n2,b,c\n".encode()
    job = uploads.begin(workspace, name)
    job.file_name, job.options = name, asdict(Options(key="id"))
    upload = uploads.Upload(job)
    upload.take(content)
    upload.finish()
    ImportJob.objects.filter(pk=job.pk).update(
        state="checked", options=job.options, dry_run=True, rows=2, position=2, created=1, rejected=1
    )
    job.rejects.create(text=f"3,,{name},has 3 cells\r\n")
    job.refresh_from_db()
    return job


@pytest.fixture
def ours(shop, staff):
    return furnish(shop, "demo", shop.members.get(user=staff["ana"]))


@pytest.fixture
def theirs(rival, staff):
    return furnish(rival, "rival", rival.members.get())


@pytest.fixture
def browser(staff):
    def sign_in(name):
        client = Client()
        client.force_login(staff[name])
        return client

    return sign_in


def page(kind, view, *args):
    return reverse(f"admin:{kind.replace('.', '_')}_{view}", args=args)


def text(response):
    """What is shown, without tags."""
    return html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode()))


def errors(response):
    assert response.status_code == 200, "it was saved"
    found = dict(response.context["adminform"].form.errors)
    for inline in response.context["inline_admin_formsets"]:
        for form in inline.formset.forms:
            found |= form.errors
        found |= {"formset": inline.formset.non_form_errors()} if inline.formset.non_form_errors() else {}
    return {field: " ".join(messages) for field, messages in found.items()}


def saved(response):
    assert response.status_code == 302, errors(response)
    return response


def people_of(segment):
    segment.refresh_from_db()
    return {contact.first_name for contact in audience.of(segment).page(100)}


def bitmaps(segment):
    segment.refresh_from_db()
    return tuple(list(BitMap64.deserialize(bytes(held))) for held in (segment.included, segment.excluded))


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


def act(client, kind, action, pks, **more):
    return client.post(page(kind, "changelist"), {"action": action, "_selected_action": pks, **more}, follow=True)


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


# --- contacts --------------------------------------------------------------------------------------------------------


def fields_of(response):
    """What a browser would send back from a page as it is."""
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    values = {bound.html_name: bound.value() for form in forms for bound in form if not bound.field.disabled}
    return {name: "" if value is None else value for name, value in values.items()}


def edit(client, obj, **changes):
    """Open an object's page, type over some fields, press Save and, where it asks, save for everyone."""
    address = page(obj._meta.label_lower, "change", obj.pk)
    return client.post(address, {**fields_of(client.get(address)), "confirmed": "everyone", **changes})


@pytest.fixture
def lena(shop):
    declare(shop, plan="text", orders="number", since="date", interests="list")
    return add(shop, "Lena", email="lena@example.org", external_id="C-1", orders=3, plan="pro")


def test_ana_adds_a_contact_and_its_values_are_normalised(browser, shop, lena):
    saved(
        browser("ana").post(
            page("contacts.contact", "add"),
            {
                "workspace": shop.pk,
                "email": " Mia.Groß@Example.ORG ",
                "phone": "+34 612 34 56 78",
                "first_name": "Mia",
                "tags": '["vip", "vip", "a, b"]',
                "profile": '{"country": "DE", "teamSize": "12"}',
                "custom": '{"orders": "7", "since": "2024-06-01", "interests": "running"}',
                "substitution_tags": '{"coupon": "SUMMER"}',
                "lifecycle": "active",
            },
        )
    )
    mia = Contact.objects.get(first_name="Mia")
    assert (mia.email, mia.phone, mia.tags) == ("Mia.Groß@example.org", "+34612345678", ["vip", "a, b"])
    assert mia.profile == {"country": "DE", "teamSize": 12}
    assert mia.custom == {"orders": 7, "since": "2024-06-01", "interests": ["running"]}
    assert mia.substitution_tags == {"coupon": "SUMMER"}
    assert SubstitutionTag.objects.filter(workspace=shop, tag="coupon").exists()
    assert mia.updated_at == mia.created_at


def test_every_wrong_value_of_a_contact_is_named_with_its_reason_and_stays_as_typed(browser, shop, lena):
    typed = '{"orders":   "many", "plann": "pro", "since": "2024-02-30", "email": "x", "plan": "free"}'
    response = edit(
        browser("ana"),
        lena,
        email="nobody",
        custom=typed,
        profile='{"teamSize": "few", "countri": "ES", "lastActivityDate": "2024-01-01"}',
        tags='"x"',
        substitution_tags='{"": "x"}',
    )
    found = errors(response)
    assert found["email"].startswith("E-mail is not an e-mail address")
    assert "orders is not a number" in found["custom"]
    assert "since is a date that does not exist" in found["custom"]
    assert "There is no property 'plann'; did you mean plan" in found["custom"]
    assert "email is the name of a built-in property" in found["custom"]
    assert "teamSize is not a number" in found["profile"]
    assert "There is no 'countri' here; did you mean country?" in found["profile"]
    assert "Nobody can set lastActivityDate" in found["profile"]
    assert "Give a list" in found["tags"]
    assert "1 to 200 characters" in found["substitution_tags"]
    assert typed in html.unescape(response.content.decode())
    lena.refresh_from_db()
    assert (lena.email, lena.custom) == ("lena@example.org", {"orders": 3, "plan": "pro"})


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("{", "This is not JSON"),
        ("[]", "Give an object"),
        ('{"plan": "a", "plan": "b"}', "This names 'plan' twice."),
        ('{"plan": NaN}', "This holds NaN"),
        ('{"orders": 1e999}', "too large"),
        ('{"plan": "\\u0000"}', "NUL"),
        ('{"\\ud800": 1}', "surrogate"),
        ('{"plan": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
        ('{"plan": ["a"]}', "plan is not a text"),
    ],
)
def test_json_that_cannot_be_kept_is_refused_and_stays_as_typed(browser, lena, typed, reason):
    response = edit(browser("ana"), lena, custom=typed)
    assert reason in errors(response)["custom"]
    assert typed in html.unescape(response.content.decode())


def test_a_number_becomes_true_when_somebody_types_true(browser, shop, lena):
    declare(shop, flag="opaque")
    Contact.objects.filter(pk=lena.pk).update(custom={"flag": 1})
    saved(edit(browser("ana"), lena, custom='{"flag": true}'))
    lena.refresh_from_db()
    assert lena.custom["flag"] is True


def test_a_value_without_a_property_that_is_there_already_is_in_nobodys_way(browser, shop, lena):
    Contact.objects.filter(pk=lena.pk).update(custom={"gone": "old", "plan": "pro"}, email="not an address")
    saved(edit(browser("ana"), lena, custom='{"gone": "old", "plan": "free"}', first_name="Lena Maria"))
    lena.refresh_from_db()
    assert (lena.custom, lena.first_name) == ({"gone": "old", "plan": "free"}, "Lena Maria")
    assert "gone" in errors(edit(browser("ana"), lena, custom='{"gone": "new"}'))["custom"]


def test_saving_a_contact_says_when_and_finds_it_in_its_segments_at_once(browser, shop, lena):
    before = timezone.now()
    segment = drafts.create(shop, Draft("Free", custom("plan", "is", "free"), rule_given=True))
    assert people_of(segment) == set()
    saved(edit(browser("ana"), lena, custom='{"plan": "free"}'))
    lena.refresh_from_db()
    assert lena.updated_at >= before
    assert people_of(segment) == {"Lena"}


def test_saving_one_field_leaves_what_is_written_into_others_meanwhile(browser, lena, monkeypatch):
    def read(*args, read=upserts.read):
        Contact.objects.filter(pk=lena.pk).update(profile={"country": "ES"})
        return read(*args)

    monkeypatch.setattr(upserts, "read", read)
    saved(edit(browser("ana"), lena, phone="1"))
    lena.refresh_from_db()
    assert (lena.phone, lena.profile) == ("1", {"country": "ES"})


def test_a_contacts_workspace_cannot_be_changed(browser, staff, rival, lena):
    Member.objects.create(workspace=rival, user=staff["ana"], role=Role.AGENT)
    saved(edit(browser("ana"), lena, workspace=rival.pk, first_name="Moved"))
    lena.refresh_from_db()
    assert (lena.workspace.name, lena.first_name) == ("Demo shop", "Moved")


def test_an_external_id_is_one_contacts(browser, shop, lena):
    jana = add(shop, "Jana")
    assert errors(edit(browser("ana"), jana, external_id="C-1")) == {
        "external_id": "Lena has this external id already."
    }
    saved(edit(browser("ana"), jana, external_id="C-2"))
    saved(edit(browser("ana"), lena, first_name="Still C-1"))


def test_substitution_tags_are_at_most_500(browser, shop, lena):
    there = shop.substitution_tags.count()
    properties.declare_tags(shop, [f"t{number}" for number in range(500 - there)])
    saved(edit(browser("ana"), lena, substitution_tags='{"t1": "x"}'))
    refused = edit(browser("ana"), lena, substitution_tags='{"t1": "x", "one more": "y"}')
    assert "500 substitution tags" in errors(refused)["substitution_tags"]
    asked = {"workspace": shop.pk, "tag": "one more", "fallback": "", "description": ""}
    refused = browser("ana").post(page("contacts.substitutiontag", "add"), asked)
    assert "500 substitution tags" in errors(refused)["__all__"]
    assert shop.substitution_tags.count() == 500


# --- properties and tags ---------------------------------------------------------------------------------------------


def test_bo_adds_a_property(browser, shop, lena):
    asked = {"workspace": shop.pk, "name": " Colour ", "type": "text", "label": "", "options": "red\n 1 \n\n"}
    saved(browser("bo").post(page("contacts.property", "add"), asked))
    assert Property.objects.filter(workspace=shop, name="Colour", type="text", options=["red", "1"]).exists()


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("name", "email", "built-in"),
        ("name", "a\tb", "control character"),
        ("name", "", "required"),
        ("type", "money", "money"),
    ],
)
def test_a_property_that_cannot_be_is_refused(browser, shop, staff, field, typed, reason):
    asked = {"workspace": shop.pk, "name": "colour", "type": "text", "label": "", "options": "", field: typed}
    assert reason in errors(browser("bo").post(page("contacts.property", "add"), asked))[field]


def test_a_property_is_declared_once_and_there_are_at_most_500(browser, shop, lena):
    def asked(name):
        return {"workspace": shop.pk, "name": name, "type": "text", "label": "", "options": ""}

    client = browser("bo")
    assert "exists" in errors(client.post(page("contacts.property", "add"), asked("plan")))["__all__"]
    declare(shop, **{f"p{number}": "text" for number in range(500 - shop.properties.count())})
    assert "500" in errors(client.post(page("contacts.property", "add"), asked("more")))["__all__"]
    assert shop.properties.count() == 500


def test_a_propertys_name_cannot_be_changed_but_its_label_and_options_can(browser, shop, lena):
    plan = shop.properties.get(name="plan")
    saved(edit(browser("bo"), plan, name="tariff", type="number", label="Tariff", options='pro\n"a\\nb"'))
    plan.refresh_from_db()
    assert (plan.name, plan.type, plan.label, plan.options) == ("plan", "text", "Tariff", ["pro", "a\nb"])
    saved(edit(browser("bo"), plan, label="Plan"))
    plan.refresh_from_db()
    assert (plan.label, plan.options) == ("Plan", ["pro", "a\nb"])


def test_options_are_of_the_propertys_type(browser, shop, lena):
    orders = shop.properties.get(name="orders")
    refused = errors(edit(browser("bo"), orders, options="5\nmany\nx"))["options"]
    assert "many is not a number" in refused
    assert "x is not a number" in refused
    saved(edit(browser("bo"), orders, options="5\n7.5"))
    orders.refresh_from_db()
    assert orders.options == [5, 7.5]


def test_a_property_says_who_has_it_and_which_segments_use_it(browser, shop, rival, lena):
    add(shop, "Mia", plan="pro")
    segment = drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client = browser("bo")
    words = " ".join(text(client.get(page("contacts.property", "changelist"))).split())
    assert "orders number 50% 1 of 2 No segment Demo shop" in words
    assert "plan text 100% 2 of 2 Pros Demo shop" in words
    plan = client.get(page("contacts.property", "change", shop.properties.get(name="plan").pk)).content.decode()
    assert page("segments.segment", "change", segment.pk) in plan
    declare(rival, plan="text")
    assert "Choose a workspace" in text(browser("root").get(page("contacts.property", "changelist")))


def test_a_list_of_properties_costs_the_same_number_of_queries_however_many(
    browser, shop, lena, django_assert_num_queries, django_assert_max_num_queries
):
    client, address = browser("bo"), page("contacts.property", "changelist")
    client.get(address)
    with django_assert_max_num_queries(20) as first:
        client.get(address)
    queries = len(first)
    declare(shop, **{f"p{number}": "text" for number in range(9)})
    for number in range(5):
        drafts.create(shop, Draft(f"More {number}", custom("p1", "is", "x"), rule_given=True))
    client.get(address)  # brings the catalogue up to date
    with django_assert_num_queries(queries):
        client.get(address)


def retype(client, held, to, **ticked):
    return client.post(page("contacts.property", "type", held.pk), {"to": to, **ticked})


def test_a_property_becomes_one_of_another_type_and_its_values_with_it(browser, shop, lena):
    client, orders = browser("bo"), shop.properties.get(name="orders")
    shop.properties.filter(name="orders").update(options=[3])
    trial = text(client.get(page("contacts.property", "type", orders.pk), {"to": "list"}))
    assert "The one value converts." in trial
    assert shop.properties.get(name="orders").type == "number"
    done = retype(client, orders, "list")
    orders = shop.properties.get(name="orders")
    assert (orders.type, orders.options, done.url) == ("list", ["3"], page("contacts.property", "change", orders.pk))
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": ["3"], "plan": "pro"}
    assert "1 value: 0 kept as they were, 1 converted" in text(client.get(done.url))
    assert "Type: number → list" in text(client.get(page("contacts.property", "history", orders.pk)))


def test_another_type_shows_the_segments_and_values_in_its_way_before_anything_is_done(browser, shop, lena):
    segment = drafts.create(shop, Draft("Pros", custom("plan", "contains", "pro"), rule_given=True))
    add(shop, "Mia", plan="12")
    client, plan = browser("bo"), shop.properties.get(name="plan")
    trial = " ".join(text(client.get(page("contacts.property", "type", plan.pk), {"to": "number"})).split())
    assert "1 of 2 values convert; 1 does not." in trial
    assert 'Lena "pro" is not a number' in trial
    assert "It would break 1 segment Pros :" in trial
    for ticked in ({}, {"drop_rejects": "on"}, {"delete_segments": "on"}):
        assert "would break 1" in text(retype(client, plan, "number", **ticked))
        assert shop.properties.get(name="plan").pk == plan.pk
        assert shop.segments.live().filter(pk=segment.pk).exists()
    assert retype(client, plan, "number", drop_rejects="on", delete_segments="on").status_code == 302
    assert shop.properties.get(name="plan").type == "number"
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": 3}
    assert not shop.segments.live().exists()


def test_a_type_that_is_none_is_refused(browser, shop, lena):
    plan = shop.properties.get(name="plan")
    for to in ("money", "text", ""):
        assert retype(browser("bo"), plan, to).status_code == 200
    assert shop.properties.get(name="plan").pk == plan.pk


def test_the_rules_name_another_property_instead_of_the_deleted_one(browser, shop, lena):
    declare(shop, tariff="text")
    segment = drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client, plan = browser("bo"), shop.properties.get(name="plan")
    address = page("contacts.property", "delete", plan.pk)
    shown = client.get(address)
    words = " ".join(text(shown).split())
    assert "1 person has a value, which goes with it." in words
    assert "It would break 1 segment Pros : " in words
    assert "customProperties.tariff" in shown.content.decode()
    assert "customProperties.orders" not in shown.content.decode()
    refused = client.post(address, {"post": "yes"})
    assert "To delete customProperties.plan would break 1 segment" in text(refused)
    assert client.post(address, {"instead": "customProperties.orders"}).status_code == 200
    assert client.post(address, {"instead": "customProperties.tariff"}).status_code == 302
    segment.refresh_from_db()
    assert segment.rule["rule"]["property"] == "customProperties.tariff"
    assert not shop.properties.filter(name="plan").exists()


def test_a_property_is_deleted_with_the_segments_that_use_it_if_somebody_says_so(browser, shop, lena):
    drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client, plan = browser("bo"), shop.properties.get(name="plan")
    shown = client.post(page("contacts.property", "delete", plan.pk), {"delete_segments": "on"}, follow=True)
    assert "1 value removed; 1 segment deleted" in text(shown)
    assert not shop.segments.live().exists()


@pytest.mark.parametrize("way", ["page", "action"])
def test_a_property_is_deleted_with_everybodys_value(browser, shop, lena, way):
    client, plan = browser("bo"), shop.properties.get(name="plan")
    if way == "action":
        shown = act(client, "contacts.property", "delete_selected", [plan.pk], post="yes")
    else:
        shown = client.post(page("contacts.property", "delete", plan.pk), {"post": "yes"}, follow=True)
    assert "1 value removed" in text(shown)
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": 3}


def test_a_contacts_page_that_was_open_while_a_type_changed_does_not_bring_old_values_back(browser, shop, lena):
    client, address = browser("ana"), page("contacts.contact", "change", lena.pk)
    typed = fields_of(client.get(address))
    assert retype(browser("bo"), shop.properties.get(name="orders"), "list").status_code == 302
    typed["custom"] = '{"orders": 3, "plan": "free"}'
    assert "not a list" in errors(client.post(address, typed))["custom"]
    typed["custom"] = '{"orders": ["3"], "plan": "free"}'
    saved(client.post(address, typed))
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": ["3"], "plan": "free"}


def test_a_tags_name_cannot_be_changed_but_its_fallback_can(browser, shop, staff):
    saved(browser("ana").post(page("contacts.substitutiontag", "add"), {"workspace": shop.pk, "tag": "coupon"}))
    coupon = shop.substitution_tags.get()
    saved(edit(browser("ana"), coupon, tag="voucher", fallback="NONE"))
    coupon.refresh_from_db()
    assert (coupon.tag, coupon.fallback) == ("coupon", "NONE")
    again = browser("ana").post(page("contacts.substitutiontag", "add"), {"workspace": shop.pk, "tag": "coupon"})
    assert "exists" in errors(again)["__all__"]


@pytest.mark.parametrize("way", ["page", "action"])
@pytest.mark.parametrize("kind", ["contacts.property", "contacts.substitutiontag"])
def test_what_a_segment_uses_is_not_deleted_until_the_segment_is(browser, shop, ours, theirs, kind, way):
    coupon = tree.Not(tree.Condition("substitutionTags.demo-coupon", "is_known"))
    asking = drafts.create(shop, Draft("Without coupon", coupon, rule_given=True))
    user = {"contacts.property": ours["segments.segment"], "contacts.substitutiontag": asking}[kind]
    client, used = browser("bo"), ours[kind]

    def delete():
        if way == "action":
            return act(client, kind, "delete_selected", [used.pk], post="yes")
        return client.post(page(kind, "delete", used.pk), {"post": "yes"}, follow=True)

    refused = delete()
    assert user.name in text(refused)
    assert type(used).objects.filter(pk=used.pk).exists()
    Segment.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
    delete()
    assert not type(used).objects.filter(pk=used.pk).exists()


def test_the_property_of_the_same_name_in_another_workspace_is_deleted(browser, staff, shop, rival):
    declare(shop, plan="text")
    declare(rival, plan="text")
    drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))
    saved(browser("mallory").post(page("contacts.property", "delete", rival.properties.get().pk), {"post": "yes"}))
    assert not rival.properties.exists()


def test_a_superuser_deletes_properties_of_two_workspaces_at_once(browser, staff, shop, rival):
    declare(shop, plan="text", colour="text")
    declare(rival, plan="text")
    drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))
    gone = [shop.properties.get(name="colour").pk, rival.properties.get().pk]
    act(browser("root"), "contacts.property", "delete_selected", gone, post="yes")
    assert [(each.workspace, each.name) for each in Property.objects.all()] == [(shop, "plan")]


def test_nothing_is_taken_from_under_a_rule_that_nobody_can_read(browser, shop, ours):
    Segment.objects.filter(pk=ours["segments.segment"].pk).update(rule={"version": 99, "rule": {}})
    refused = browser("bo").post(page("contacts.property", "delete", ours["contacts.property"].pk), {"post": "yes"})
    assert refused.status_code == 200
    assert "demo VIP" in text(refused)


# --- keys ------------------------------------------------------------------------------------------------------------


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


# --- members and workspaces ------------------------------------------------------------------------------------------


def test_bo_lets_somebody_in_up_to_his_own_role(browser, shop, staff):
    User.objects.create(username="carla")
    client = browser("bo")
    asked = {"workspace": shop.pk, "user": "carla", "role": Role.OWNER}
    assert "Your own role here is admin" in errors(client.post(page("workspaces.member", "add"), asked))["role"]
    saved(client.post(page("workspaces.member", "add"), {**asked, "role": Role.ADMIN}))
    assert shop.members.get(user__username="carla").role == Role.ADMIN
    assert "exists" in errors(client.post(page("workspaces.member", "add"), {**asked, "role": Role.USER}))["__all__"]
    asked["user"] = "nobody"
    assert "There is no account called nobody." in errors(client.post(page("workspaces.member", "add"), asked))["user"]


def test_bo_cannot_make_himself_an_owner(browser, shop, staff):
    client, bo = browser("bo"), shop.members.get(user__username="bo")
    assert "role" in errors(edit(client, bo, role=Role.OWNER))
    assert "role" in errors(edit(client, shop, **row(client, shop, "bo", role=Role.OWNER)))
    saved(edit(browser("root"), bo, role=Role.OWNER))


def row(client, shop, name, **changes):
    """Changes to somebody's row on the page of the workspace."""
    formset = client.get(page("workspaces.workspace", "change", shop.pk)).context["inline_admin_formsets"][0].formset
    form = next(form for form in formset.forms if form.instance.user.username == name)
    return {f"{form.prefix}-{field}": value for field, value in changes.items()}


def test_an_owner_is_safe_from_an_admin(browser, shop, staff):
    olga = join(shop, "olga", Role.OWNER)
    client = browser("bo")
    assert client.post(page("workspaces.member", "change", olga.pk), {"role": Role.USER}).status_code == 403
    assert client.post(page("workspaces.member", "delete", olga.pk), {"post": "yes"}).status_code == 403
    saved(edit(client, shop, **row(client, shop, "olga", role=Role.USER)))
    assert "above your own role" in errors(edit(client, shop, **row(client, shop, "olga", DELETE="on")))["formset"]
    olga.refresh_from_db()
    assert olga.role == Role.OWNER


def test_bo_changes_the_workspace_and_its_members_on_one_page(browser, shop, staff):
    User.objects.create(username="carla")
    client = browser("bo")
    new = {"members-TOTAL_FORMS": 4, "members-3-user": "carla", "members-3-role": Role.USER}
    changes = row(client, shop, "ana", role=Role.SUPERVISOR) | row(client, shop, "gus", DELETE="on") | new
    saved(edit(client, shop, name="Better shop", id="f" * 24, **changes))
    shop.refresh_from_db()
    assert shop.name == "Better shop"
    roles = dict(shop.members.values_list("user__username", "role"))
    assert roles == {"ana": Role.SUPERVISOR, "bo": Role.ADMIN, "carla": Role.USER}
    assert not Workspace.objects.filter(pk="f" * 24).exists()


def test_a_member_stays_the_member_that_they_are(browser, shop, rival, staff):
    ana = shop.members.get(user__username="ana")
    client = browser("root")
    saved(edit(client, ana, user="mallory", workspace=rival.pk, role=Role.USER))
    saved(edit(client, shop, **row(client, shop, "ana", user="mallory")))
    ana.refresh_from_db()
    assert (ana.user.username, ana.workspace, ana.role) == ("ana", shop, Role.USER)


def test_a_superuser_makes_a_workspace_and_a_time_zone_must_exist(browser, staff):
    client = browser("root")
    form = fields_of(client.get(page("workspaces.workspace", "add")))
    assert "no time zone" in errors(client.post(page("workspaces.workspace", "add"), {**form, "name": "New", "timezone": "Mars"}))["timezone"]  # fmt: skip
    saved(client.post(page("workspaces.workspace", "add"), {**form, "name": "New", "timezone": "Europe/Madrid"}))
    assert Workspace.objects.get(name="New").pk == form["id"]


@pytest.mark.parametrize("way", ["page", "action"])
def test_a_workspace_is_deleted_with_everything_in_it_and_nothing_else(browser, shop, ours, theirs, way):
    add(shop, "Second")
    client = browser("root")
    shown = client.get(page("workspaces.workspace", "delete", shop.pk))
    assert "Contacts: 2" in " ".join(text(shown).split())
    if way == "page":
        saved(client.post(page("workspaces.workspace", "delete", shop.pk), {"post": "yes"}))
    else:
        act(client, "workspaces.workspace", "delete_selected", [shop.pk], post="yes")
    for kind, obj in theirs.items():
        assert list(type(obj).objects.all()) == [obj], kind


# --- segments --------------------------------------------------------------------------------------------------------


def rule(*nodes):
    return json.dumps({"all": list(nodes)})


PRO = {"property": "customProperties.plan", "operator": "is", "value": "pro"}


def write(client, shop, **typed):
    asked = {
        "workspace": shop.pk,
        "name": "Pro",
        "description": "",
        "rule": rule(PRO),
        "confirmed": "everyone",
        **typed,
    }
    return client.post(page("segments.segment", "add"), asked)


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


# --- pins ------------------------------------------------------------------------------------------------------------


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
