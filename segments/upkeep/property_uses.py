"""Which segments name the properties and tags of a workspace, and what becomes wrong with a rule when one changes."""

from contextlib import suppress

from contacts.schema import Schema
from segments import usage
from segments.models import Segment
from segments.rules import tree
from segments.rules.check import check
from segments.rules.tree import Rule
from segments.usage import Broken
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem


def users(workspace_id: str, references: set[str]) -> list[Broken]:
    """The live segments that could not do without these properties and tags."""

    def problems_of(segment: Segment, rule: Rule) -> list[Problem]:
        used = [each for each in tree.conditions(rule) if each.property in references]
        return [Problem(each.at, f"uses {each.property}") for each in used]

    return usage.broken(workspace_id, problems_of)


def named(workspace: Workspace) -> dict[str, list[Segment]]:
    """By reference, the live segments whose rule names a property or tag, as far as anybody can read their rule."""
    found: dict[str, list[Segment]] = {}
    for segment in workspace.segments.live().filter(rule__isnull=False).order_by("name", "id"):
        with suppress(Invalid):
            rule = segment.tree
            for name in {each.property for each in tree.conditions(rule)} if rule else ():
                found.setdefault(name, []).append(segment)
    return found


def new_problems(rule: Rule, new: Rule, reference: str, before: Schema, after: Schema) -> list[Problem]:
    """What is wrong with a rule after a change that was not wrong before it."""
    if all(condition.property != reference for condition in tree.conditions(rule)):
        return []
    old_problems = _problems(rule, before)
    return [problem for problem in _problems(new, after) if problem not in old_problems]


def _problems(rule: Rule, schema: Schema) -> list[Problem]:
    try:
        check(rule, schema)
    except Invalid as error:
        return error.problems
    return []
