"""The dashboard of a workspace, for the admin's first page, and the links that every page has at its top."""

from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone

from segments.answers.dashboard import overview
from workspaces.admin.scope import chosen, may, offered
from workspaces.models import Role

register = template.Library()


@register.inclusion_tag("admin/overview.html", takes_context=True)
def workspace_overview(context: Context) -> dict[str, Any]:
    """Of the workspace in the address, else of the first one that the person belongs to."""
    request = context["request"]
    wanted = request.GET.get("workspace", "")
    workspace = chosen(request, Role.GUEST, wanted) or chosen(request, Role.GUEST, "")
    return {
        "workspace": workspace,
        "workspaces": offered(request, Role.GUEST),
        "overview": overview(workspace, timezone.now()) if workspace else None,
        "may_change": workspace is not None and may(request, Role.AGENT, workspace.pk),
        "may_administer": workspace is not None and may(request, Role.ADMIN, workspace.pk),
    }
