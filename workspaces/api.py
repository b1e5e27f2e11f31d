"""What every HTTP view needs to know of the workspace that it works for."""

from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from workspaces.authentication import Program
from workspaces.models import Workspace


def caller_workspace(request: Request) -> Workspace:
    """The workspace whose key the caller holds."""
    assert isinstance(request.user, Program)
    return request.user.workspace


def workspace_of(request: Request, workspace_id: str) -> Workspace:
    """The workspace named in the path, if it is the caller's; any other is as unknown as one that does not exist."""
    workspace = caller_workspace(request)
    if workspace.pk != workspace_id:
        raise NotFound("Workspace not found")
    return workspace
