"""What belongs to another workspace is answered like what does not exist, on every route, by key, by Basic and by token.

The routes are those of the OpenAPI tables, which cannot lack one; a new kind of id in a path has to be added to `furnished`.
"""

import json
import re
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contacts.importing import uploads
from contacts.models import Contact, wire_id
from contacts.writing import tags
from contacts.writing.tags import NamedTag
from segmenter.openapi.document import OPERATIONS
from segments.dialects.draft import Draft
from segments.models import Segment
from segments.rules.tree import Condition
from segments.saving import drafts
from tests.callers import PASSWORD, UNKNOWN, basic
from tests.people import add, declare
from workspaces import person_authentication
from workspaces.models import ApiKey, Member, Role, Workspace

pytestmark = pytest.mark.django_db

WITH_IDS = sorted(route for route in OPERATIONS if "{" in route)
UNKNOWN_CONTACT = wire_id(4_000_000_000)


def furnished(name):
    """A workspace with one of everything, and the ids of these by the names that paths give them."""
    workspace = Workspace.objects.create(name=name)
    own = f"only in {name}"
    declare(workspace, **{"plan": "text", own: "text"})
    someone = add(workspace, "Ana", plan="pro", email="ana@shop.example", external_id="7", tags=["vip"])
    segment = drafts.create(workspace, Draft("Pro", Condition("customProperties.plan", "is", "pro"), rule_given=True))
    contact = wire_id(someone.pk)
    return workspace, {
        "workspace_id": workspace.pk,
        "segment_id": segment.pk,
        "contact": contact,
        "contact_id": contact,
        "lead_id": contact,
        "tag": "vip",
        "tag_id": tags.make(workspace, NamedTag("vip")).pk,
        "property_id": wire_id(workspace.properties.get(name=own).pk),
        "property_name": own,
        "number": "1",  # of the segment's version
        "import_id": uploads.begin(workspace, "tests").pk,
    }


@pytest.fixture
def shops(db):
    return furnished("Demo shop"), furnished("Rival shop")


def credentials(workspace, base):
    """What the members of a workspace, or its programs, send on requests below a base."""
    if base == "/api":
        return [{"x-api-key": ApiKey.objects.issue(workspace, "tests", "write")[1]}]
    user = User.objects.create_user("ana@shop.example", "ana@shop.example", PASSWORD)
    Member.objects.create(user=user, workspace=workspace, role=Role.OWNER)
    return [{"authorization": basic(user.email)}, {"authorization": person_authentication.token_of(user)}]


def asked(route, ids, headers):
    """Status and body of a request with these ids in its path; an id that the body repeats is left out of it."""
    method, path = route.split(" ")
    body = next(iter(OPERATIONS[route].examples.values()), {})
    content = body if isinstance(body, str) else json.dumps(body)
    answer = Client().generic(
        method, quote(path.format(**ids)), content, content_type="application/json", headers=headers
    )
    text = answer.content.decode() if not answer.streaming else b"".join(answer).decode()
    for name in re.findall(r"\{(\w+)\}", path):
        text = text.replace(ids[name], name)
    return answer.status_code, text

    return body if isinstance(body, str) else json.dumps(body)


def everything_of(workspace):
    contacts = Contact.objects.filter(workspace=workspace).order_by("id").values()
    segments = Segment.objects.filter(workspace=workspace).order_by("id").values()
    return list(contacts), list(segments), list(workspace.tags.values()), list(workspace.properties.values())


@pytest.mark.parametrize("route", WITH_IDS)
def test_an_id_of_another_workspace_is_as_unknown_as_one_that_does_not_exist(route, shops):
    (shop, own), (rival, foreign) = shops
    before = everything_of(rival)
    names = set(re.findall(r"\{(\w+)\}", route)) - {"tag", "number"}  # which are nobody's
    for headers in credentials(shop, re.match("/[^/]+", route.split(" ")[1]).group()):
        for name in names:
            unknown = UNKNOWN_CONTACT if name.startswith(("contact", "lead")) else UNKNOWN
            theirs = asked(route, {**own, name: foreign[name]}, headers)
            nobodys = asked(route, {**own, name: unknown}, headers)
            assert theirs == nobodys
            assert theirs[0] in (403, 404)
    assert everything_of(rival) == before
