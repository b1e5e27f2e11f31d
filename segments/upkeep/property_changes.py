"""Create, describe, retype and delete the properties of a workspace without breaking a segment unasked.

The one door for all of it: the admin, the commands and the API come through here.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contacts import properties
from contacts.models import Property
from contacts.schema import CUSTOM, TAG, Schema, custom_type
from contacts.values import Kind, Refused, clean
from contacts.writing import conversion
from contacts.writing.conversion import Conversion, Reject
from segments import usage
from segments.models import Segment
from segments.rules import tree
from segments.rules.check import no_property
from segments.rules.tree import Rule
from segments.saving import versions
from segments.saving.versions import A_COMMAND, By
from segments.upkeep.property_uses import new_problems
from segments.usage import Broken
from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem, listed

LONGEST_LABEL = 200


class Breaking(StrEnum):
    """What becomes of the segments that a change would break."""

    REFUSE = "refuse"  # nothing: the change is refused and they are listed
    DELETE = "delete"  # they are deleted


class WouldBreak(Conflict):
    """A change that would break segments or lose values, and nobody said that it may."""

    def __init__(self, change: str, segments: list[Broken], values: Conversion | None = None) -> None:
        self.change, self.segments, self.values = change, segments, values or Conversion()
        numbers = {"segment": len(segments), "value": self.values.rejected}
        self.harm = listed([_many(number, noun) for noun, number in numbers.items() if number], "and")
        self.lines = [*map(str, segments), *conversion.said(self.values)]
        details = {"segments": [each.as_json() for each in segments], "values": self.values.as_json()}
        super().__init__("\n".join([f"{change} would break {self.harm}:", *self.lines]), details)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class PropertyEdit:
    """How a property is to be; what is not said stays as it is."""

    label: str | None = None  # "" calls it by its name
    kind: Kind | None = None
    offer: Sequence[Any] | None = None  # exactly these options, taken as they are
    add: Sequence[Any] = ()  # options
    remove: Sequence[Any] = ()  # options; who has one as a value keeps it


@dataclass(frozen=True)
class Changed:
    """What a change did, or in a dry run would do."""

    property: Property  # as it is now, or would be
    values: Conversion = field(default_factory=Conversion)
    deleted: list[Broken] = field(default_factory=list)
    options_left_out: list[Any] = field(default_factory=list)  # they are none of the new type

    def __str__(self) -> str:
        held = self.values
        kept = held.held - held.converted - held.emptied - held.rejected
        parts = [f"{kept:,} kept as they were", f"{held.converted:,} converted", f"{held.rejected:,} removed"]
        parts += [f"{held.emptied:,} empty ones taken out"] if held.emptied else []
        return f"{_many(held.held, 'value')}: {', '.join(parts)}; {_many(len(self.deleted), 'segment')} deleted"


@dataclass(frozen=True)
class Deletion:
    """What a deletion did, or in a dry run would do."""

    holders: int  # contacts that had a value
    deleted: list[Broken]
    rewritten: list[Segment]

    def __str__(self) -> str:
        segments = f"{_many(len(self.deleted), 'segment')} deleted, {len(self.rewritten):,} rewritten"
        return f"{_many(self.holders, 'value')} removed; {segments}"


# --- create ----------------------------------------------------------------------------------------------------------


def create(
    workspace: Workspace,
    name: str,
    kind: Kind,
    label: str = "",
    options: Iterable[Any] = (),
    presentation: Mapping[str, Any] | None = None,
) -> Property:
    """Raises Invalid for what cannot be, Conflict where the name is taken or there are too many properties."""
    try:
        name = properties.check_name(name)
    except Refused as error:
        raise Invalid([Problem("name", f"{name!r} {error}")]) from None
    label, offered = _label(label) or name, _once(_fitting(kind, options, workspace.zone))
    with transaction.atomic():
        lock("snapshot", workspace.pk)
        if workspace.properties.filter(name=name).exists():
            raise Conflict(f"{workspace} has a property {name} already.")
        try:
            properties.declare(workspace, {name: kind})
        except ValidationError as error:
            raise Conflict(" ".join(error.messages)) from None
        workspace.properties.filter(name=name).update(
            label=label, options=offered, presentation=dict(presentation or {})
        )
        return workspace.properties.get(name=name)


def described(held: Property) -> str:
    """plan (text): called Plan, 3 options"""
    return f"{held.name} ({held.type}): called {held}, {_many(len(held.options), 'option')}"


def _label(label: str) -> str:
    try:
        label = clean(label).strip()
    except Refused as error:
        raise Invalid([Problem("label", str(error))]) from None
    if len(label) > LONGEST_LABEL:
        raise Invalid([Problem("label", f"is longer than {LONGEST_LABEL} characters")])
    return label


def _fitting(kind: Kind, options: Iterable[Any], zone: tzinfo) -> list[Any]:
    """Values to offer, in the form in which they are kept. Raises Invalid."""
    fit, problems = [], []
    for option in options:
        try:
            fit.append(conversion.converted_option(kind, option, zone))
        except Refused as error:
            problems.append(Problem("options", f"{option!r} {error}"))
    if problems:
        raise Invalid(problems)
    return fit


def _once(options: Iterable[Any]) -> list[Any]:
    """Without repetitions. By their spelling: for Python 1 equals true."""
    found: dict[str, Any] = {}
    for option in options:
        found.setdefault(_spelled(option), option)
    return list(found.values())


def _spelled(option: Any) -> str:
    return option if isinstance(option, str) else json.dumps(option, sort_keys=True)


# --- change ----------------------------------------------------------------------------------------------------------


def change(
    workspace: Workspace,
    name: str,
    wanted: PropertyEdit,
    *,
    breaking: Breaking = Breaking.REFUSE,
    drop_rejects: bool = False,
    dry_run: bool = False,
    watch: Callable[[Reject], None] = lambda reject: None,
) -> Changed:
    """Give a property another label, options or type; another type converts everybody's value.

    Raises WouldBreak, naming all, for segments whose rule would no longer hold and for values that do not convert
    (`watch` is told of each); Invalid for an unknown property and for options that cannot be. Refresh the snapshot
    after another type: whoever holds a value has been written.
    """
    with transaction.atomic():
        workspace = _locked(workspace) if wanted.kind else workspace
        old = _find(workspace, name)
        new, left_out = _renewed(old, wanted, workspace.zone)
        if new.type == old.type:
            if not dry_run:
                new.save(update_fields=["label", "options"])
            return Changed(new)
        values, segments = _convert(workspace, old, Kind(new.type), breaking, drop_rejects, dry_run, watch)
        if not dry_run:
            _delete_segments(segments)
            _replace(old, new)
        return Changed(new, values, segments, left_out)


def _find(workspace: Workspace, name: str) -> Property:
    """The property as it is, held to the end of the transaction: another type would make it another row."""
    lock("snapshot", workspace.pk)
    held = workspace.properties.filter(name=name).first()
    if held is None:
        raise no_property(properties.schema(workspace), CUSTOM + name, "")
    return held


def _renewed(old: Property, wanted: PropertyEdit, zone: tzinfo) -> tuple[Property, list[Any]]:
    """The property as it is to be, not saved, and the options that its new type leaves out. Raises Invalid."""
    new, left_out = copy.copy(old), []
    if wanted.label is not None:
        new.label = _label(wanted.label)
    new.options = _without(old, wanted.remove)
    if wanted.kind and wanted.kind != old.type:
        new.type = wanted.kind
        fits = [(option, _option(wanted.kind, option, zone)) for option in new.options]
        left_out = [option for option, fit in fits if fit is None]
        new.options = _once(fit for _, fit in fits if fit is not None)
    if wanted.offer is not None:
        new.options, left_out = list(wanted.offer), []
    if wanted.add:
        new.options = _once([*new.options, *_fitting(Kind(new.type), wanted.add, zone)])
    return new, left_out


def _without(held: Property, options: Iterable[Any]) -> list[Any]:
    gone, offered = set(map(_spelled, options)), list(map(_spelled, held.options))
    there_are = f"there are {', '.join(offered)}" if offered else "there are none"
    if unknown := sorted(gone.difference(offered)):
        raise Invalid(Problem("options", f"{held.name} does not offer {each}; {there_are}") for each in unknown)
    return [option for option in held.options if _spelled(option) not in gone]


def _option(kind: Kind, option: Any, zone: tzinfo) -> Any:
    """An option as one of another type, None if it is none."""
    try:
        return conversion.converted_option(kind, option, zone)
    except Refused:
        return None


def _convert(
    workspace: Workspace,
    held: Property,
    kind: Kind,
    breaking: Breaking,
    drop_rejects: bool,
    dry_run: bool,
    watch: Callable[[Reject], None],
) -> tuple[Conversion, list[Broken]]:
    """Convert the values; what became of them, and the segments to be deleted. Raises WouldBreak."""
    before = properties.schema(workspace)
    after = before.plus([custom_type(held.name, held.label, kind, None)])
    reference = CUSTOM + held.name
    segments = usage.broken(workspace.pk, lambda _, rule: new_problems(rule, rule, reference, before, after))
    refused = _refused(segments, breaking)
    write = not (dry_run or refused)
    values = conversion.convert(workspace, held.name, kind, write=write, drop_rejects=drop_rejects, watch=watch)
    if refused or (values.rejected and not drop_rejects):
        raise WouldBreak(f"To make {held.name} a {kind}", refused, None if drop_rejects else values)
    return values, segments


def _locked(workspace: Workspace) -> Workspace:
    """The workspace, in which nobody else saves segments, writes values by their types or refreshes meanwhile."""
    # In this order everywhere. Whoever holds "types" may come to wait for "snapshot", to declare something.
    for word in ("segments", "types", "snapshot"):
        lock(word, workspace.pk)
    return Workspace.objects.get(pk=workspace.pk)


def _refused(segments: list[Broken], breaking: Breaking) -> list[Broken]:
    """The segments for whose sake a change is refused. None is deleted of which nobody knows that it would break."""
    return [each for each in segments if breaking is Breaking.REFUSE or not each.readable]


def _replace(old: Property, new: Property) -> None:
    # Rule 6 of the snapshot: a property's type is for life, so another type is another row, in the one transaction
    # that converts the values. Inserted behind them, its trigger marks everybody who holds a value now.
    Property.objects.filter(pk=old.pk).delete()
    new.pk = None
    new.save(force_insert=True)


# --- delete ----------------------------------------------------------------------------------------------------------


def delete(
    workspace: Workspace,
    reference: str,
    *,
    instead: str = "",
    breaking: Breaking = Breaking.REFUSE,
    dry_run: bool = False,
    by: By = A_COMMAND,
) -> Deletion:
    """Delete a custom property or substitution tag, by its reference, and everybody's value of it.

    `instead`: the reference of another property that the rules are to name from now on. Raises WouldBreak for segments
    that use it (with `instead`, those whose rule does not hold of the other property), Invalid for unknown references.
    """
    with transaction.atomic():
        workspace = _locked(workspace)
        before = properties.schema(workspace)
        if reference not in before.own:
            raise no_property(before, reference, "")
        after = Schema({name: type_ for name, type_ in before.own.items() if name != reference}, before.zone)
        if instead and after.get(instead) is None:
            raise no_property(after, instead, "instead")
        rewritten: list[Segment] = []

        def problems_of(segment: Segment, rule: Rule) -> list[Problem]:
            new = _renamed(rule, reference, instead or reference)
            problems = new_problems(rule, new, reference, before, after)
            if new != rule and not problems:
                segment.rule = tree.write(new)
                rewritten.append(segment)
            return problems

        segments = usage.broken(workspace.pk, problems_of)
        if refused := _refused(segments, breaking):
            raise WouldBreak(f"To delete {reference}", refused)
        holders = conversion.remove(workspace, reference, write=not dry_run)
        gone = {each.id for each in segments}
        rewritten = [segment for segment in rewritten if segment.pk not in gone]
        if not dry_run:
            _delete_segments(segments)
            save_rules(rewritten, by)
            _delete_row(workspace, reference)
        return Deletion(holders, segments, rewritten)


def reference(workspace: Workspace, name: str) -> str:
    """What somebody calls a property or tag of the workspace's own: a custom property's name first, then in full."""
    own = properties.schema(workspace).own
    return name if CUSTOM + name not in own and name in own else CUSTOM + name


def _delete_row(workspace: Workspace, reference: str) -> None:
    if reference.startswith(TAG):
        workspace.substitution_tags.filter(tag=reference.removeprefix(TAG)).delete()
    else:
        workspace.properties.filter(name=reference.removeprefix(CUSTOM)).delete()


def _renamed(rule: Rule, old: str, new: str) -> Rule:
    return tree.with_conditions(rule, lambda each: replace(each, property=new) if each.property == old else each)


def _delete_segments(segments: Iterable[Broken]) -> None:
    Segment.objects.filter(pk__in=[each.id for each in segments]).update(deleted_at=timezone.now())


def save_rules(segments: Sequence[Segment], by: By) -> None:
    """Call it under the lock of "segments", in one transaction with what makes these rules say the same as before."""
    for segment in segments:
        segment.updated_at = timezone.now()
        segment.save(update_fields=["rule", "updated_at"])
    versions.keep(segments, by)
