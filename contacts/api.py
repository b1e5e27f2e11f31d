"""Contacts over HTTP, as Swipe One's clients send them."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import documents, properties, upserts
from workspaces.api import workspace_of
from workspaces.problems import Invalid, Problem


class ContactViewSet(ViewSet):
    def create(self, request: Request, workspace_id: str) -> Response:
        """Create or update the contact with this e-mail address: 201 for a new one, 200 for one that was there."""
        workspace = workspace_of(request, workspace_id)
        document = request.data
        if isinstance(document, dict) and not any(document.get(key) for key in ("email", "firstName", "fullName")):
            raise Invalid([Problem("", "give at least one of email, firstName and fullName")])
        contact, is_new = upserts.upsert(workspace, upserts.read(document, properties.schema(workspace)))
        body = {"status": "success", "data": {"contact": documents.write(contact)}}
        return Response(body, status=201 if is_new else 200)
