"""Save what somebody wants a segment to be: all of it, or nothing and every reason why."""

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any as Json

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contacts import properties
from contacts.models import wire_id
from contacts.schema import CUSTOM, Schema, custom_type
from contacts.values import Kind, Refused, clean
from contacts.writing import bulk, keys, upserts
from contacts.writing.upserts import ContactChange
from segments import references, usage
from segments.dialects.dialect import SavedPerson
from segments.dialects.draft import Draft
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules import tree
from segments.rules.check import check
from segments.rules.tree import referred
from segments.saving import pins, versions
from segments.saving.versions import A_COMMAND, By
from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem, listed

LONGEST_NAME = 500


def create(workspace: Workspace, draft: Draft, by: By = A_COMMAND, *, unique_name: bool = True) -> Segment:
    """Raises Invalid."""
    return update(new(workspace, by, unique_name=unique_name), draft, by)


def update(segment: Segment, draft: Draft, by: By = A_COMMAND) -> Segment:
    """Raises Invalid."""
    save(segment, draft, by)
    return segment


def new(workspace: Workspace, by: By, *, unique_name: bool) -> Segment:
    """One that is not saved yet."""
    return Segment(workspace=workspace, created_by=by.author, name_is_unique=unique_name)


def save(segment: Segment, draft: Draft, by: By) -> list[SavedPerson]:
    """Make a segment what a draft says; who the persons that were sent with it turned out to be. Raises Invalid."""
    if draft.persons is None:
        _write(segment, draft, by)
        return []
    people = _bring(segment, draft, by)
    _write(segment, draft, by, people)
    held = keys.of(segment.workspace_id, people) if people else {}
    return [(wire_id(pk), *held.get(pk, ("", ""))) for pk in people]


def delete(segment: Segment) -> None:
    """Put it away; it is kept, but nothing finds it any more. Raises Conflict where another segment names it."""
    with transaction.atomic():
        if users := usage.users(segment):  # which takes the lock of drafts
            names = listed((each.name for each in users), "and")
            details = {"segments": [each.as_json() for each in users]}
            raise Conflict(f"{segment.name} is used by {names}; change these first.", details)
        segment.deleted_at = segment.updated_at = timezone.now()
        segment.save(update_fields=["deleted_at", "updated_at"])


def _bring(segment: Segment, draft: Draft, by: By) -> list[int]:
    """Bring the persons sent with a draft up to date or add them, once nothing speaks against any of it; their ids.

    They are written batch by batch, and before the segment: who sends it again after an interruption finds them there.
    """
    if not draft.persons:
        return []
    workspace = segment.workspace
    changes, problems = _changes(draft.persons, properties.schema(workspace))
    with transaction.atomic():
        _write(copy.copy(segment), draft, by, problems=problems)
        properties.hold_types(workspace)
        _refuse(upserts.settle(workspace, changes))
        transaction.set_rollback(True)
    outcomes = bulk.upsert(workspace, changes)
    _refuse({place: outcome.problems for place, outcome in enumerate(outcomes) if outcome.problems})
    return [outcome.contact_id for outcome in outcomes]


def _changes(persons: list[Json], schema: Schema) -> tuple[list[ContactChange], list[Problem]]:
    """What the persons of a draft say, and what is wrong with them."""
    changes: list[ContactChange] = []
    problems: list[Problem] = []
    for place, document in enumerate(persons):
        persons[place] = None  # no longer needed, and they may be many
        try:
            if document is not None:
                changes.append(bulk.read(document, schema))
        except Invalid as error:
            problems += [problem.below(f"persons[{place}]") for problem in error.problems]
    return changes, problems


def _refuse(problems: Mapping[int, Sequence[Problem]]) -> None:
    if problems:
        raise Invalid(each.below(f"persons[{place}]") for place, found in problems.items() for each in found)


# Pins have their own writers, and a segment that is put away meanwhile stays away.
_OURS = ("name", "description", "rule", "document", "broadcast_medium_id", "segment_type", "tag_id")


def _write(
    segment: Segment,
    draft: Draft,
    by: By,
    people: Sequence[int] | None = None,
    problems: Sequence[Problem] = (),
) -> None:
    """`people`: the contacts that are to be those pinned in, where that is to change; `problems`: found before."""
    workspace = segment.workspace
    with transaction.atomic():
        # Names and references are checked under this lock: two saves at once cannot make a circle or a name twice.
        lock("segments", workspace.pk)
        if not segment._state.adding:
            segment.refresh_from_db(fields=_OURS)  # what somebody else saved since it was read stays
        if found := [*draft.problems, *problems, *_name(segment, draft), *_rule(segment, draft)]:
            raise Invalid(found)
        try:
            properties.declare(workspace, draft.declares)
        except ValidationError as error:
            raise Invalid(Problem("", message) for message in error.messages) from None
        if draft.name is not None:
            segment.name = clean(draft.name)
        for field, text in draft.fields.items():
            setattr(segment, field, text)
        if draft.rule_given:
            segment.rule = None if draft.rule is None else tree.write(draft.rule)
            sent = {"dialect": draft.dialect, "rule": segment.rule, "body": draft.document}
            segment.document = sent if draft.dialect else None
        # One clock for both times of a new segment; the model's own defaults are for raw SQL.
        segment.updated_at = timezone.now()
        if segment._state.adding:
            segment.created_at = segment.updated_at
            segment.save()
        else:
            segment.save(update_fields=[*_OURS, "updated_at"])
        versions.keep([segment], by)
        if people is not None:
            pins.replace_included(segment, people)


def _name(segment: Segment, draft: Draft) -> list[Problem]:
    if draft.name is None:
        return []
    try:
        name = clean(draft.name)
    except Refused as error:
        return [Problem("name", str(error))]
    if not name.strip():
        return [Problem("name", "give the segment a name")]
    if len(name) > LONGEST_NAME:
        return [Problem("name", f"is longer than {LONGEST_NAME} characters")]
    namesakes = segment.workspace.segments.live().filter(name=name).exclude(pk=segment.pk)
    if segment.name_is_unique and namesakes.exists():
        return [Problem("name", f"a segment called {name} exists already; choose another name")]
    return []


def _rule(segment: Segment, draft: Draft) -> list[Problem]:
    if draft.rule is None:
        return []
    problems: list[Problem] = []
    for name in draft.declares:
        try:
            properties.check_name(name, like_builtin=draft.like_builtins)
        except Refused as error:
            problems.append(Problem("criteria", f"{CUSTOM}{name} {error}"))
    try:
        # Not as it was read with the request: before the lock was there, somebody may have deleted a property.
        check(draft.rule, schema_with(properties.schema(segment.workspace), draft.declares))
        references.in_order(segment.workspace, [RuleWithPins(draft.rule, segment)])
        if not segment._state.adding and any(referred(draft.rule)):
            readable = [each.id for each in usage.users(segment) if each.readable]
            users = [RuleWithPins(each.tree, each) for each in segment.workspace.segments.filter(pk__in=readable)]
            references.in_order(segment.workspace, users, {segment.pk: draft.rule})
    except Invalid as error:
        problems += error.problems
    return problems


def name_of_a_copy(segment: Segment) -> str:
    """One that no other segment of its workspace has: VIP (copy), VIP (copy 2) and so on."""
    numbered = (f" (copy{f' {number}' if number > 1 else ''})" for number in itertools.count(1))
    names = (f"{segment.name[: LONGEST_NAME - len(ending)]}{ending}" for ending in numbered)
    taken = segment.workspace.segments.live()
    return next(name for name in names if not taken.filter(name=name).exists())


def schema_with(schema: Schema, declares: dict[str, Kind]) -> Schema:
    """The properties as they will be once these are declared."""
    return schema.plus(custom_type(name, name, kind, None) for name, kind in declares.items())
