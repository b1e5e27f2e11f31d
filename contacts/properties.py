"""Find and declare the properties of a workspace."""

from collections.abc import Collection, Iterable, Mapping
from typing import cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import SimpleLazyObject

from contacts.builtin import BUILTIN
from contacts.models import MOST_PROPERTIES, MOST_TAGS, Property, SubstitutionTag
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


def check_name(name: str, *, like_builtin: bool = False) -> str:
    """A name that a custom property may have, normalised. Raises Refused.

    `like_builtin`: it may be called as a built-in one is, because whoever names it never names that one instead.
    """
    name = clean(name).strip()
    if not name:
        raise Refused("is empty")
    if len(name) > LONGEST_NAME:
        raise Refused(f"is longer than {LONGEST_NAME} characters")
    if any(letter < " " for letter in name):
        raise Refused("holds a control character")
    if name in BUILTIN and not like_builtin:
        raise Refused("is the name of a built-in property")
    return name


def hold_types(workspace: Workspace) -> None:
    """Keep the types of the workspace's properties as they are until the transaction ends.

    For whoever writes values by their properties' types: no type is changed and no property deleted between reading
    the types and writing the values. Locks are taken in this order: "segments", "types", "snapshot", keys.
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
            raise ValidationError(_too_many(workspace, MOST_PROPERTIES, "custom properties", len(known), len(new)))
        Property.objects.bulk_create(new)


def declare_tags(workspace: Workspace, tags: Iterable[str]) -> None:
    """Create those of these substitution tags that do not exist. Raises ValidationError past 500 tags."""
    wanted = set(tags)
    if not wanted:
        return
    with transaction.atomic():
        lock("snapshot", workspace.pk)
        new = wanted - tags_among(workspace, wanted)
        there = workspace.substitution_tags.count() if new else 0
        if there + len(new) > MOST_TAGS:
            raise ValidationError(_too_many(workspace, MOST_TAGS, "substitution tags", there, len(new)))
        SubstitutionTag.objects.bulk_create(SubstitutionTag(workspace=workspace, tag=tag) for tag in sorted(new))


def _too_many(workspace: Workspace, most: int, what: str, there: int, more: int) -> str:
    return f"A workspace can have {most} {what}; {workspace} has {there} and this would add {more}."


def tags_among(workspace: Workspace, tags: Iterable[str]) -> set[str]:
    """Those of these substitution tags that there are."""
    return set(workspace.substitution_tags.filter(tag__in=tags).values_list("tag", flat=True))


class Admission:
    """Lets names of custom properties and substitution tags in, one document after the other, while there is room.

    For use in a transaction that holds the types. Where some of the names are new nobody else declares any until it
    ends.
    """

    def __init__(self, workspace: Workspace, names: Collection[str], tags: Collection[str]) -> None:
        self.workspace = workspace
        self.kinds, self.tags = kinds(workspace, names), tags_among(workspace, tags)
        self.new: dict[str, Kind] = {}
        self.new_tags: set[str] = set()
        self.there = self.tags_there = 0
        if len(self.kinds) < len(names) or len(self.tags) < len(tags):
            lock("snapshot", workspace.pk)
            self.kinds, self.tags = kinds(workspace, names), tags_among(workspace, tags)
            self.there, self.tags_there = workspace.properties.count(), workspace.substitution_tags.count()

    def problems(self, wanted: Mapping[str, Kind], tags: Collection[str]) -> list[str]:
        """Why there is no room for what a document names."""
        counts = (
            (MOST_PROPERTIES, "custom properties", self.there + len(self.new), len(wanted.keys() - self.kinds.keys())),
            (MOST_TAGS, "substitution tags", self.tags_there + len(self.new_tags), len(set(tags) - self.tags)),
        )
        return [
            _too_many(self.workspace, most, what, there, more)
            for most, what, there, more in counts
            if more and there + more > most
        ]

    def let_in(self, wanted: Mapping[str, Kind], tags: Collection[str]) -> None:
        new, new_tags = {name: wanted[name] for name in wanted.keys() - self.kinds.keys()}, set(tags) - self.tags
        self.new |= new
        self.kinds |= new
        self.new_tags |= new_tags
        self.tags |= new_tags

    def declare(self) -> None:
        """Create what has been let in and was not there."""
        declare(self.workspace, self.new)
        declare_tags(self.workspace, self.new_tags)
