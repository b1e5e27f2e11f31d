"""Everything that is kept of one person, for that person to have."""

from collections.abc import Collection
from typing import Any

from contacts.columnar import from_table
from contacts.columnar.snapshot import Reading
from contacts.values import iso, milliseconds
from contacts.writing import documents
from segments.engine import summaries
from segments.engine.audience import Audience
from segments.models import Pin, Segment
from workspaces.consistent_reads import one_moment
from workspaces.models import Workspace


def dossier(workspace: Workspace, contact_id: int) -> dict[str, Any]:
    """Values, pins and segments, all at one moment. Raises Contact.DoesNotExist."""
    with one_moment():
        contact = workspace.contacts.get(pk=contact_id)
        segments, unreadable = memberships(workspace, contact_id)
        pins = contact.pins.select_related("segment").order_by("id")
        return {
            "contact": {**documents.write(contact), "state": contact.lifecycle},
            "pins": [_pin(pin) for pin in pins],
            "segments": [_named(segment) for segment in segments],
            **({"segmentsThatCannotBeRead": [_named(each) for each in unreadable]} if unreadable else {}),
        }


def _named(segment: Segment) -> dict[str, str]:
    return {"_id": segment.pk, "name": segment.name}


def _pin(pin: Pin) -> dict[str, Any]:
    """Without its author, who is another person."""
    return {
        "segment": _named(pin.segment),
        "kind": pin.kind,
        "reason": pin.reason or None,
        "createdAt": iso(milliseconds(pin.created_at)),
        "expiresAt": iso(milliseconds(pin.expires_at)) if pin.expires_at else None,
    }


def memberships(workspace: Workspace, contact_id: int) -> tuple[list[Segment], list[Segment]]:
    """The live segments that this person is in, and those whose rule nobody can read or that no longer fits."""

    def read(workspace: Workspace, named: Collection[str]) -> Reading:
        return from_table.read(workspace, contact_id, named).reading

    segments = {segment.pk: segment for segment in workspace.segments.live()}
    found = summaries.of_segments(workspace, segments.values(), read=read)
    held = [segment for pk, segment in segments.items() if isinstance(each := found[pk], Audience) and each.count]
    return held, [segment for pk, segment in segments.items() if isinstance(found[pk], str)]
