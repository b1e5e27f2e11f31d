"""Contacts one by one over HTTP, as Swipe One's clients send them."""

from typing import Any

from django.db import transaction
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import catalogue, documents, properties, tags, upserts
from contacts.models import Contact, Status, contact_id
from contacts.upserts import Change
from workspaces.api import caller_workspace, workspace_of
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MOST_STATUSES = 1_000


class ContactViewSet(ViewSet):
    def create(self, request: Request, workspace_id: str) -> Response:
        """Create or update the contact with this e-mail address: 201 for a new one, 200 for one that was there."""
        workspace = workspace_of(request, workspace_id)
        document = request.data
        if isinstance(document, dict) and not any(document.get(key) for key in ("email", "firstName", "fullName")):
            raise Invalid([Problem("", "give at least one of email, firstName and fullName")])
        contact, is_new = upserts.upsert(workspace, upserts.read(document, properties.schema(workspace)))
        return _answer(contact, 201 if is_new else 200)

    def retrieve(self, request: Request, contact: str) -> Response:
        live = caller_workspace(request).contacts.exclude(lifecycle=Status.TRASHED)
        return _answer(live.filter(pk=_pk(contact)).first())

    def set_status(self, request: Request, contact: str) -> Response:
        if not isinstance(request.data, dict) or "status" not in request.data:
            raise Invalid([Problem("status", "give the status, as a text; null takes it away")])
        workspace = caller_workspace(request)
        change = upserts.read({"status": request.data["status"]}, properties.schema(workspace))
        return _answer(_updated(workspace, contact, change))

    def set_tags(self, request: Request, contact: str) -> Response:
        """Replace the contact's tags by these."""
        sent, problems = request.data, list[Problem]()
        if not isinstance(sent, dict) or not isinstance(sent.get("tags"), list):
            raise Invalid([Problem("tags", "give a list of tags: their labels or names, or objects with a label")])
        wanted = [tags.read(each, f"tags[{place}]", problems) for place, each in enumerate(sent["tags"])]
        if problems:
            raise Invalid(problems)
        workspace = caller_workspace(request)
        with transaction.atomic():
            properties.hold_types(workspace)  # in front of the lock of tags, as when one is renamed
            labels = [tag.label for tag in tags.named(workspace, wanted)]
            change = Change({"tags": list(dict.fromkeys(labels))})
            return _answer(_updated(workspace, contact, change))

    def statuses(self, request: Request, workspace_id: str) -> Response:
        """The statuses that contacts have, the most frequent one first."""
        found = catalogue.counted(workspace_of(request, workspace_id), "status", MOST_STATUSES)
        written = [{"name": each.value, "label": each.value, "contactCount": each.count} for each in found.values]
        return Response({"status": "success", "data": {"count": len(written), "statuses": written}})


def _updated(workspace: Workspace, wire: str, change: Change) -> Contact | None:
    return upserts.update(workspace, _pk(wire), change)


def _pk(wire: str) -> int:
    """Nobody has 0."""
    return contact_id(wire) or 0


def _answer(contact: Contact | None, status: int = 200) -> Response:
    if contact is None:
        raise NotFound("Contact not found")
    body: dict[str, Any] = {"status": "success", "data": {"contact": documents.write(contact)}}
    return Response(body, status)
