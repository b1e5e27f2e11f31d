"""The tags of a workspace: those that contacts carry, and what clients say of them beside that.

A tag is told from others by its folded label, as rules tell them. Contacts carry labels; rows are made on first use.
"""

import hashlib
import itertools
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from contacts.columnar import catalogue
from contacts.models import Tag
from contacts.values import cleaned, fold
from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MOST_LISTED = 100_000
LONGEST_NAME, LONGEST_COLOR = 190, 50  # of a name without the number that sets it apart


@dataclass(frozen=True)
class NamedTag:
    """A tag as somebody names it."""

    label: str
    color: str = ""


def key(label: str) -> str:
    """Equal for labels that rules take for the same."""
    return hashlib.sha256(fold(label).encode()).hexdigest()


def read(sent: object, path: str, problems: list[Problem]) -> NamedTag:
    """A label, or an object with label and color. An empty one only together with a problem."""
    label, color, at = sent, "", path
    if isinstance(sent, dict):
        label, color, at = sent.get("label"), sent.get("color") or "", f"{path}.label".lstrip(".")
    wanted = NamedTag(cleaned(label, at, problems), cleaned(color, f"{path}.color".lstrip("."), problems))
    if label == wanted.label and not wanted.label.strip():
        problems.append(Problem(at, "give a label"))
    if len(wanted.color) > LONGEST_COLOR:
        problems.append(Problem(f"{path}.color".lstrip("."), f"is longer than {LONGEST_COLOR} characters"))
    return wanted


def listed(workspace: Workspace) -> list[tuple[Tag, int]]:
    """Every tag and how many contacts carry it, by label. Raises SnapshotBusy."""
    found = catalogue.counted(workspace, "tags", MOST_LISTED).values
    counts = {key(str(each.value)): each.count for each in found}
    tags = {tag.key: tag for tag in workspace.tags.all()}
    missing = [NamedTag(label) for each in found if key(label := str(each.value)) not in tags]
    if missing:
        tags |= {tag.key: tag for tag in named(workspace, missing, by_name=False)}
    return [(tag, counts.get(tag.key, 0)) for tag in sorted(tags.values(), key=lambda tag: (fold(tag.label), tag.pk))]


def named(workspace: Workspace, wanted: Sequence[NamedTag], *, by_name: bool = True) -> list[Tag]:
    """The tags of these labels, or else of these names; those that there are not are made."""
    with transaction.atomic():
        if len(held := _held(workspace, wanted, by_name)) < len(set(wanted)):
            lock("tags", workspace.pk)
            held = _held(workspace, wanted, by_name)
            names = set(workspace.tags.values_list("name", flat=True))
            made: dict[str, Tag] = {}
            for each in wanted:
                if each not in held:
                    tag = made.setdefault(key(each.label), _tag(workspace, each, names))
                    names.add(tag.name)
                    held[each] = tag
            Tag.objects.bulk_create(made.values())
    return [held[each] for each in wanted]


def _held(workspace: Workspace, wanted: Sequence[NamedTag], by_name: bool) -> dict[NamedTag, Tag]:
    """The tags that there are."""
    keys, names = {each: key(each.label) for each in wanted}, [each.label for each in wanted if by_name]
    found = workspace.tags.filter(Q(key__in=keys.values()) | Q(name__in=names))
    of_key, of_name = {tag.key: tag for tag in found}, {tag.name: tag for tag in found if by_name}
    picked = {each: of_key.get(keys[each]) or of_name.get(each.label) for each in wanted}
    return {each: tag for each, tag in picked.items() if tag}


def make(workspace: Workspace, wanted: NamedTag) -> Tag:
    """Raises Invalid where there is one of this label already."""
    with transaction.atomic():
        lock("tags", workspace.pk)
        if workspace.tags.filter(key=key(wanted.label)).exists():
            raise Invalid([taken(wanted.label)])
        tag = _tag(workspace, wanted, set(workspace.tags.values_list("name", flat=True)))
        tag.save()
    return tag


def taken(label: str) -> Problem:
    return Problem("label", f"a tag called {label} exists already; choose another label")


def _tag(workspace: Workspace, wanted: NamedTag, names: Container[str]) -> Tag:
    label, name = wanted.label, free_name(wanted.label, names)
    now = timezone.now()
    return Tag(workspace=workspace, label=label, key=key(label), name=name, color=wanted.color, created_at=now)


def free_name(label: str, names: Container[str]) -> str:
    """What the tag is called in addresses and menus: vip-customers for VIP customers; -2 behind it if that is taken."""
    base = re.sub(r"[\W_]+", "-", fold(label)).strip("-")[:LONGEST_NAME] or "tag"
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([base], numbered) if name not in names)
