"""Pin people into a segment or keep them out of it, many at a time; its bitmaps follow in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from contacts.columnar import extract
from contacts.models import Contact, Status, wire_id
from contacts.values import Refused, moment_of, span
from segments.models import Pin, PinKind, Segment, rewrite_pins
from workspaces.locks import lock
from workspaces.problems import Invalid, Problem

# People who have been deleted meanwhile are passed over.
_SOME = """
    INSERT INTO segments_pin AS pin (segment_id, contact_id, kind, reason, author_id, expires_at)
    SELECT %(segment)s, id, %(kind)s, %(reason)s, %(author)s, %(expires_at)s::timestamptz FROM contacts_contact
    WHERE workspace_id = %(workspace)s AND id = ANY(%(contacts)s::bigint[]) ORDER BY id
    ON CONFLICT (segment_id, contact_id) DO UPDATE
"""

_PIN = f"""
    {_SOME} SET kind = excluded.kind, reason = excluded.reason, author_id = excluded.author_id,
        expires_at = excluded.expires_at, created_at = now()
    WHERE (pin.kind, pin.reason, pin.author_id, pin.expires_at)
        IS DISTINCT FROM (excluded.kind, excluded.reason, excluded.author_id, excluded.expires_at)
    RETURNING pin.xmax = 0
"""

_LET_GO = """
    DELETE FROM segments_pin AS pin WHERE segment_id = %(segment)s AND kind = 'included'
    AND NOT EXISTS (SELECT FROM unnest(%(contacts)s::bigint[]) AS kept (id) WHERE kept.id = pin.contact_id)
"""

# Who is in already stays with reason and author, but no longer until a certain moment.
_TAKE_IN = f"""
    {_SOME} SET kind = excluded.kind, expires_at = NULL,
        reason = CASE WHEN pin.kind = 'included' THEN pin.reason ELSE '' END,
        author_id = CASE WHEN pin.kind = 'included' THEN pin.author_id ELSE excluded.author_id END,
        created_at = CASE WHEN pin.kind = 'included' THEN pin.created_at ELSE now() END
    WHERE pin.kind <> 'included' OR pin.expires_at IS NOT NULL
"""


@dataclass(frozen=True)
class Wish:
    """What somebody wants pins to be. `expires_at` None: for good."""

    kind: PinKind = PinKind.INCLUDED
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Pinned:
    """How many people were pinned, how many were pinned differently, and how many were pinned just so already."""

    added: int
    changed: int
    unchanged: int


def pin(segment: Segment, contact_ids: Sequence[int], wish: Wish, author: User | None = None) -> Pinned:
    """Pin people of the workspace. Raises Invalid naming everybody who is not there, with nobody pinned."""
    with transaction.atomic(), extract.cursor() as cursor:
        lock("segments", segment.workspace_id)
        _check(segment, contact_ids)
        cursor.execute(_PIN, _parameters(segment, contact_ids, wish, author))
        added = [is_new for (is_new,) in cursor]
        rewrite_pins(segment)
    return Pinned(sum(added), len(added) - sum(added), len(set(contact_ids)) - len(added))


def replace_included(segment: Segment, contact_ids: Sequence[int]) -> None:
    """Pin exactly these people in, for good. Those who were kept out by hand and are not among them stay out."""
    with transaction.atomic(), extract.cursor() as cursor:
        lock("segments", segment.workspace_id)
        parameters = _parameters(segment, contact_ids, Wish())
        cursor.execute(_LET_GO, parameters)
        cursor.execute(_TAKE_IN, parameters)
        rewrite_pins(segment)


def unpin(segment: Segment, contact_id: int) -> bool:
    """Whether there was a pin to take out."""
    with transaction.atomic():
        lock("segments", segment.workspace_id)
        taken, _ = segment.pins.filter(contact=contact_id).delete()
        if taken:
            rewrite_pins(segment)
    return bool(taken)


def of_kind(segment: Segment, kind: str) -> QuerySet[Pin]:
    """Those of one kind, for "" all."""
    return segment.pins.filter(kind=kind) if kind else segment.pins.all()


def page(segment: Segment, limit: int, after: int = 0, before: int | None = None, kind: str = "") -> list[Pin]:
    """The next pins behind the contact `after`, or with `before` the last ones in front of it, by contact."""
    found = of_kind(segment, kind).select_related("contact")
    if before is None:
        return list(found.filter(contact__gt=after).order_by("contact_id")[:limit])
    return list(found.filter(contact__lt=before).order_by("-contact_id")[:limit])[::-1]


def end(text: str, zone: tzinfo, now: datetime) -> datetime | None:
    """The moment at which a pin ends: a day counts to its end. Raises Refused."""
    if not text:
        return None
    start, end = span(text, zone)
    moment = moment_of(end if end - start > 1 else start)
    if moment <= now:
        raise Refused("is past")
    return moment


def _parameters(segment: Segment, contact_ids: Sequence[int], wish: Wish, author: User | None = None) -> dict[str, Any]:
    return {
        "segment": segment.pk,
        "workspace": segment.workspace_id,
        "contacts": list(contact_ids),
        "kind": wish.kind.value,
        "reason": wish.reason,
        "author": author and author.pk,
        "expires_at": wish.expires_at,
    }


def _check(segment: Segment, contact_ids: Sequence[int]) -> None:
    there = Contact.objects.filter(workspace=segment.workspace_id).exclude(lifecycle=Status.TRASHED)
    known = set(there.extra(where=["id = ANY(%s)"], params=[list(contact_ids)]).values_list("id", flat=True))
    problems = [
        Problem(f"contactIds[{place}]", f"there is no contact {wire_id(pk)}")
        for place, pk in enumerate(contact_ids)
        if pk not in known
    ]
    if problems:
        raise Invalid(problems)
