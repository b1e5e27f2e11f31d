"""What every HTTP view needs to know of the workspace that it works for, and of its caller."""

from django.contrib.auth.models import User
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from workspaces.identifiers import id_of
from workspaces.key_authentication import Program
from workspaces.models import Workspace
from workspaces.person_authentication import AuthenticatedPerson


def caller_workspace(request: Request) -> Workspace:
    """The workspace whose key the caller holds."""
    assert isinstance(request.user, Program)
    return request.user.workspace


def workspace_of(request: Request, workspace_id: str) -> Workspace:
    """The workspace named in the path, if it is the caller's; any other is as unknown as one that does not exist.

    For a person with their `role` in it. Raises NotFound.
    """
    if isinstance(request.user, AuthenticatedPerson):
        return request.user.workspace(workspace_id)
    workspace = caller_workspace(request)
    if workspace.pk != workspace_id:
        raise NotFound("Workspace not found")
    return workspace


def author_of(request: Request) -> User | None:
    """The person who calls, if it is one."""
    return request.user.user if isinstance(request.user, AuthenticatedPerson) else None


def user_id(pk: int | None) -> str:
    """A person's id as all APIs write it: 24 hex digits."""
    return "system" if pk is None else id_of(pk)
