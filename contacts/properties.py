"""Find and declare the properties of a workspace."""

from collections.abc import Iterable, Mapping
from typing import cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import SimpleLazyObject

from contacts.builtin import BUILTIN
from contacts.models import MOST_PROPERTIES, Property, SubstitutionTag
from contacts.schema import Schema, custom_type, tag_type
from contacts.values import Kind, Refused, clean
from workspaces.locks import lock, share
from workspaces.models import Workspace

LONGEST_NAME = 200


def schema(workspace: Workspace) -> Schema:
    """All properties that a rule over this workspace may name. Two queries."""
    custom = workspace.properties.values_list("id", "name", "label", "type")
    tags = workspace.substitution_tags.values_list("id", "tag")
    types = [custom_type(name, label, Kind(kind), pk) for pk, name, label, kind in custom]
    types += [tag_type(tag, pk) for pk, tag in tags]
    return Schema({type_.reference: type_ for type_ in types}, workspace.zone)


def schema_if_needed(workspace: Workspace) -> Schema:
    """The same, read when it is first used: not at all to echo what a client sent."""
    return cast(Schema, SimpleLazyObject(lambda: schema(workspace)))


def check_name(name: str) -> str:
    """A name that a custom property may have, normalised. Raises Refused."""
    name = clean(name).strip()
    if not name:
        raise Refused("is empty")
    if len(name) > LONGEST_NAME:
        raise Refused(f"is longer than {LONGEST_NAME} characters")
    if any(letter < " " for letter in name):
        raise Refused("holds a control character")
    if name in BUILTIN:
        raise Refused("is the name of a built-in property")
    return name


def hold_types(workspace: Workspace) -> None:
    """Keep the types of the workspace's properties as they are until the transaction ends.

    For whoever writes values by their properties' types: no type is changed and no property deleted between reading
    the types and writing the values. Locks are taken in this order: "segments", "types", "snapshot".
    """
    share("types", workspace.pk)


def kinds(workspace: Workspace, names: Iterable[str]) -> dict[str, Kind]:
    """The types of those of these custom properties that there are."""
    found = workspace.properties.filter(name__in=names).values_list("name", "type")
    return {name: Kind(kind) for name, kind in found}


def declare(workspace: Workspace, kinds: Mapping[str, Kind]) -> None:
    """Create those of these custom properties that do not exist. One that exists keeps its type.

    Raises ValidationError past 500 properties. Names must have passed check_name.
    """
    if not kinds:
        return
    with transaction.atomic():
        # The lock of the refresh comes first here and in the trigger: see contacts/migrations/0002_triggers.py.
        lock("snapshot", workspace.pk)
        known = set(workspace.properties.values_list("name", flat=True))
        new = [
            Property(workspace=workspace, name=name, label=name, type=kinds[name])
            for name in kinds
            if name not in known
        ]
        if len(known) + len(new) > MOST_PROPERTIES:
            raise ValidationError(
                f"A workspace can have {MOST_PROPERTIES} custom properties; {workspace} has {len(known)} "
                f"and this would add {len(new)}."
            )
        Property.objects.bulk_create(new)


def declare_tags(workspace: Workspace, tags: Iterable[str]) -> None:
    """Create those of these substitution tags that do not exist."""
    wanted = set(tags)
    if not wanted:
        return
    with transaction.atomic():
        lock("snapshot", workspace.pk)
        known = set(workspace.substitution_tags.filter(tag__in=wanted).values_list("tag", flat=True))
        SubstitutionTag.objects.bulk_create(
            SubstitutionTag(workspace=workspace, tag=tag) for tag in sorted(wanted - known)
        )
