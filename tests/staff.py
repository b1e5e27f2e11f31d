"""The staff of two shops, what belongs to each, and what staff see and send in the admin."""

import html
import json
import re
from dataclasses import asdict

from django.contrib.auth.models import User
from django.urls import reverse
from pyroaring import BitMap64

from contacts import properties
from contacts.importing import uploads
from contacts.importing.import_jobs import Options
from contacts.models import ImportJob
from contacts.values import Kind
from segments.engine import audience
from segments.models import Pin, PinKind, rewrite_pins
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add, custom
from workspaces.models import ApiKey, Member

PEOPLE = ["gus", "ana", "bo", "mallory", "root"]
STRANGERS = re.compile("rival|mallory", re.IGNORECASE)  # what stands in everything of the other workspace


def join(workspace, name, role):
    user = User.objects.create(username=name, email=f"{name}@example.org", is_staff=True)
    return Member.objects.create(workspace=workspace, user=user, role=role)


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


def page(kind, view, *args):
    return reverse(f"admin:{kind.replace('.', '_')}_{view}", args=args)


def act(client, kind, action, pks, **more):
    return client.post(page(kind, "changelist"), {"action": action, "_selected_action": pks, **more}, follow=True)


def text(response):
    """What is shown, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


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
