"""Rename a tag everywhere at once, so that everybody stays in the segments that they are in."""

from dataclasses import replace

from django.db import connection, transaction

from contacts.models import Tag
from contacts.values import as_text, fold
from contacts.writing import tags
from segments import usage
from segments.models import Segment
from segments.rules import tree
from segments.rules.tree import Condition, Rule
from segments.saving.versions import A_COMMAND, By
from segments.upkeep.property_changes import save_rules
from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem, listed


def rename(tag: Tag, label: str, by: By = A_COMMAND) -> Tag:
    """Give a tag another label: on every contact that carries it and in every rule that names it.

    Raises Invalid where there is a tag of that label, for the two would become one; Conflict where a segment names it,
    for that segment would find people whom it did not find before.
    """
    workspace = tag.workspace
    with transaction.atomic():
        for word in ("segments", "types", "snapshot", "tags"):  # in this order everywhere
            lock(word, workspace.pk)
        tag = workspace.tags.get(pk=tag.pk)  # somebody may have renamed it just now
        old = fold(tag.label)
        carried = _carried(workspace)
        if fold(label) != old:
            _check_free(workspace, label, carried)
            _rewrite_rules(workspace, old, label, by)
            names = set(workspace.tags.exclude(pk=tag.pk).values_list("name", flat=True))
            tag.key, tag.name = tags.key(label), tags.free_name(label, names)
        _rewrite_contacts(workspace, [each for each in carried if fold(each) == old], label)
        tag.label = label
        tag.save()
    return tag


def _carried(workspace: Workspace) -> list[str]:
    """Every spelling of a tag that a contact has, those in the trash too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT unnest(tags) FROM contacts_contact WHERE workspace_id = %s AND tags <> '{}'",
            [workspace.pk],
        )
        return [spelling for (spelling,) in cursor]


def _check_free(workspace: Workspace, label: str, carried: list[str]) -> None:
    if workspace.tags.filter(key=tags.key(label)).exists() or fold(label) in map(fold, carried):
        raise Invalid([tags.taken(label)])

    def problems_of(segment: Segment, rule: Rule) -> list[Problem]:
        naming = [each for each in tree.conditions(rule) if fold(label) in map(fold, _labels(each))]
        return [Problem(each.at, f"names the tag {label}") for each in naming]

    if found := usage.broken(workspace.pk, problems_of):
        names = listed((each.name for each in found), "and")
        details = {"segments": [each.as_json() for each in found]}
        raise Conflict(f"{names} would find other people if there were a tag {label}; change that first.", details)


def _labels(condition: Condition) -> tuple[str, ...]:
    """The tags that a condition names, if it is about tags."""
    if condition.property != "tags" or condition.value is None:
        return ()
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return tuple(as_text(value) for value in values)


def _rewrite_rules(workspace: Workspace, old: str, label: str, by: By) -> None:
    def relabelled(condition: Condition) -> Condition:
        labels = _labels(condition)
        if old not in map(fold, labels):
            return condition
        new = tuple(label if fold(each) == old else each for each in labels)
        return replace(condition, value=new if isinstance(condition.value, tuple) else new[0])

    changed = []
    for segment in workspace.segments.live().filter(rule__isnull=False):
        rule = segment.tree
        assert rule is not None  # _check_free has refused where one cannot be read
        if (new := tree.with_conditions(rule, relabelled)) != rule:
            segment.rule = tree.write(new)
            changed.append(segment)
    save_rules(changed, by)


def _rewrite_contacts(workspace: Workspace, spellings: list[str], label: str) -> None:
    """Without touching updatedAt, by which rules would find everybody who is rewritten."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE contacts_contact SET tags = ARRAY(
                SELECT tag FROM (
                    SELECT CASE WHEN held = ANY(%(old)s) THEN %(new)s ELSE held END AS tag, min(place) AS place
                    FROM unnest(tags) WITH ORDINALITY AS each (held, place) GROUP BY 1
                ) AS renamed ORDER BY place
            ) WHERE workspace_id = %(workspace)s AND tags && %(old)s
            """,
            {"old": spellings, "new": label, "workspace": workspace.pk},
        )
