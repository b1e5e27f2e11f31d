"""Tiledesk's projects over HTTP: the workspaces that the caller belongs to."""

from typing import Any, cast

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts.values import iso, milliseconds
from segments.dialects import tiledesk
from workspaces.api import user_id
from workspaces.identifiers import id_of, is_id
from workspaces.models import Member, Role, Workspace
from workspaces.person_authentication import AuthenticatedPerson


class ProjectViewSet(ViewSet):
    dialect = tiledesk

    def list(self, request: Request) -> Response:
        """All memberships, in whatever role."""
        return Response([_membership(member) for member in cast(AuthenticatedPerson, request.user).memberships()])

    def retrieve(self, request: Request, workspace_id: str) -> Response:
        members = cast(AuthenticatedPerson, request.user).memberships(workspace=workspace_id)
        member = next(members, None) if is_id(workspace_id) else None
        if member is None:
            raise NotFound
        if member.role < Role.AGENT:
            raise PermissionDenied("you dont have the required role.")
        return Response(_project(member.workspace))


def _membership(member: Member) -> dict[str, Any]:
    return {
        "_id": id_of(member.pk) if member.pk else member.workspace_id,  # a superuser need not have joined
        "id_project": _project(member.workspace),
        "id_user": user_id(member.user_id),
        "role": Role(member.role).name.lower(),
        "status": "active",
        "createdBy": "system",
        **_times(member),
    }


def _project(workspace: Workspace) -> dict[str, Any]:
    return {
        "_id": workspace.pk,
        "id": workspace.pk,
        "name": workspace.name,
        "status": 100,
        "createdBy": "system",
        **_times(workspace),
    }


def _times(made: Member | Workspace) -> dict[str, Any]:
    """Nobody keeps when one changed."""
    created = iso(milliseconds(made.created_at))
    return {"createdAt": created, "updatedAt": created, "__v": 0}
