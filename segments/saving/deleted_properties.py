"""Say what became of a property that a rule still names, as far as the admin's log knows."""

from collections.abc import Iterable

from django.contrib.admin.models import DELETION, LogEntry

from segments.rules.tree import Rule, conditions
from segments.rules.words import day_in_words
from workspaces.models import Workspace
from workspaces.problems import Problem


def message(workspace_id: str, reference: str) -> str:
    """What the log keeps of a deletion: names alone do not tell one workspace's property from another's."""
    return f"Deleted {reference} of workspace {workspace_id}."


def explained(workspace: Workspace, rule: Rule | None, problems: Iterable[Problem]) -> list[Problem]:
    """The same problems; those with properties that somebody deleted say who and when."""
    problems = list(problems)
    named = {f"{each.at}.property": each.property for each in (conditions(rule) if rule else ())}
    lost = {message(workspace.pk, named[each.path]): named[each.path] for each in problems if each.path in named}
    entries = (
        LogEntry.objects.filter(action_flag=DELETION, change_message__in=lost) if lost else LogEntry.objects.none()
    )
    said = {
        lost[entry.change_message]: _said(workspace, entry)
        for entry in entries.select_related("user").order_by("action_time")
    }
    return [
        Problem(each.path, said[named[each.path]], each.allowed) if named.get(each.path) in said else each
        for each in problems
    ]


def _said(workspace: Workspace, entry: LogEntry) -> str:
    day = day_in_words(entry.action_time.astimezone(workspace.zone))
    who = entry.user.get_short_name() or entry.user.get_username()
    return f"{entry.object_repr} was deleted on {day} by {who}; choose another property or remove this condition"
