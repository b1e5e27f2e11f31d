"""What a segment was before: every save that changes its name, description or rule is kept as a numbered version."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from contacts import properties
from contacts.schema import CUSTOM, TAG
from segments.dialects.draft import Draft
from segments.engine import summaries
from segments.engine.summaries import Key
from segments.models import Channel, Segment, SegmentVersion
from segments.references import RuleWithPins
from segments.rules.difference import Names, difference
from segments.rules.tree import referred
from workspaces.models import Workspace
from workspaces.problems import Invalid

MOST_KEPT = 100  # of a segment; older ones go, and numbers go on
MOST_SAID, LONGEST_SAID = 10, 300  # changes of one version, and characters of one, where there is little room

Content = Segment | SegmentVersion


@dataclass(frozen=True)
class By:
    """Who saves something, and through which door."""

    author: User | None = None
    source: Channel = Channel.COMMAND


A_COMMAND = By()


def keep(segments: Sequence[Segment], by: By) -> None:
    """Write the next version of those that are no longer as their last one says.

    Call it in the transaction that saved them, under the lock of "segments": no two saves then get one number.
    """
    last = latest(segments)
    written = [_following(segment, last.get(segment.pk), by) for segment in segments if _is_new(segment, last)]
    SegmentVersion.objects.bulk_create(written)
    if full := [each.segment_id for each in written if each.number > MOST_KEPT]:
        kept = SegmentVersion.objects.filter(segment__in=full).alias(newest=Max("segment__versions__number"))
        too_old = kept.filter(number__lte=F("newest") - MOST_KEPT)
        SegmentVersion.objects.filter(pk__in=list(too_old.values_list("pk", flat=True))).delete()


def _is_new(segment: Segment, last: dict[str, SegmentVersion]) -> bool:
    return segment.pk not in last or not equal(segment, last[segment.pk])


def equal(one: Content, other: Content) -> bool:
    """As texts: for Python 1 equals true, and in a rule they are not the same."""
    first, second = ((kept.name, kept.description, json.dumps(kept.rule, sort_keys=True)) for kept in (one, other))
    return first == second


def _following(segment: Segment, last: SegmentVersion | None, by: By) -> SegmentVersion:
    return SegmentVersion(
        segment=segment,
        number=last.number + 1 if last else 1,
        name=segment.name,
        description=segment.description,
        rule=segment.rule,
        document=segment.document,
        author=by.author,
        source=by.source,
        saved_at=segment.updated_at,
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def latest(segments: Iterable[Segment]) -> dict[str, SegmentVersion]:
    """The last version of each by the segment's id, for those that have any."""
    found = SegmentVersion.objects.filter(segment__in=list(segments)).select_related("author")
    return {each.segment_id: each for each in found.order_by("segment_id", "-number").distinct("segment_id")}


def newest_first(segment: Segment, before: int | None = None) -> QuerySet[SegmentVersion]:
    """The versions of a segment, or those with a smaller number than `before`."""
    found = segment.versions.select_related("author").order_by("-number")
    return found if before is None else found.filter(number__lt=before)


def state(segment: Segment, last: SegmentVersion | None) -> str:
    """Tells one content of a segment from another: what a page was made from, sent back when it is saved."""
    return (last.saved_at if last else segment.updated_at).isoformat()


def draft(version: SegmentVersion) -> Draft:
    """To make a segment again what it was. Raises Invalid where nobody can read its rule any more."""
    sent = version.document or {}
    return Draft(
        version.name,
        version.tree,
        rule_given=True,
        dialect=sent.get("dialect", ""),
        document=sent.get("body"),
        fields={"description": version.description},
    )


def counts(segment: Segment, kept: Mapping[Key, Content]) -> dict[Key, int | str]:
    """How many each of these would find now, with the pins of now, or why nobody can say; all in one pass."""
    found: dict[Key, int | str] = {}
    wanted = {}
    for key, each in kept.items():
        try:
            wanted[key] = RuleWithPins(each.tree, segment)
        except Invalid as error:
            found[key] = str(error)
    return found | summaries.counts(segment.workspace, wanted)


# --- in words --------------------------------------------------------------------------------------------------------


def names(workspace: Workspace, kept: Iterable[Content]) -> Names:
    """What the properties and segments of these rules are called today."""
    schema, pks = properties.schema(workspace), set()
    for each in kept:
        with suppress(Invalid):
            pks |= {reference.segment for reference in referred(each.tree)}
    called = dict(workspace.segments.filter(pk__in=pks).values_list("pk", "name")) if pks else {}

    def of_property(reference: str) -> str:
        type_ = schema.get(reference)
        label = type_.label if type_ else reference.removeprefix(CUSTOM).removeprefix(TAG)
        return label[:1].lower() + label[1:] if label[1:].islower() else label

    return Names(of_property, lambda pk: called.get(pk, f"segment {pk}"))


def changes(old: Content, new: Content, called: Names) -> list[str]:
    """What was changed from one to the other, in words."""
    said = [f"name: {old.name} → {new.name}"] if old.name != new.name else []
    if old.description != new.description:
        said.append(f"description: {old.description or 'none'} → {new.description or 'none'}")
    return said + rule_changes(old, new, called)


def rule_changes(old: Content, new: Content, called: Names) -> list[str]:
    try:
        return difference(old.tree, new.tree, called)
    except Invalid as error:
        return [] if equal(old, new) else [f"the rule; nobody can say how: {error}"]


def shortened(said: Sequence[str]) -> list[str]:
    """Where there is little room: no change at great length, and the last ones as a number where there are many."""
    more = len(said) - MOST_SAID
    cut = [each if len(each) <= LONGEST_SAID else f"{each[:LONGEST_SAID]}…" for each in said[:MOST_SAID]]
    return [*cut, *([f"{more:,} more changes"] if more > 0 else [])]


def log_message(said: Sequence[str]) -> dict[str, Any]:
    """For the admin's log, which says Changed before it."""
    return {"changed": {"fields": shortened(said)}}


def author_of(version: SegmentVersion | None) -> str:
    """Who saved it, for the start of a sentence."""
    author = version.author if version else None
    return (author.get_short_name() or author.get_username()) if author else "Somebody"


def saved_by(version: SegmentVersion) -> str:
    """As it ends "saved at 14:02": by Bo, over the Swipe One API."""
    source = version.get_source_display()
    if version.author is None:
        return source
    return f"by {author_of(version)}" if version.source == Channel.ADMIN else f"by {author_of(version)}, {source}"


def saved_at(workspace: Workspace, moment: datetime, now: datetime | None = None) -> str:
    """14:02 for today, else 3 Nov 2026, 14:02; in the workspace's own time."""
    local, today = (each.astimezone(workspace.zone) for each in (moment, now or timezone.now()))
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local.day} {local:%b %Y, %H:%M}"
