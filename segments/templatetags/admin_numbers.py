"""Numbers and moments as the admin writes them: numbers whole and grouped; what nobody can say as a dash."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from workspaces.admin.times import shown
from workspaces.models import Workspace

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


@register.filter
def at_home(moment: datetime, workspace: Workspace) -> SafeString:
    """In the time zone of a workspace."""
    return shown(moment, workspace.zone)
