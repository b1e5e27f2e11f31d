"""Everything that is kept of one person, for that person to have."""

from collections.abc import Collection, Mapping
from typing import Any

from contacts import documents, person
from contacts.snapshot import Reading
from contacts.values import iso, milliseconds
from segments.evaluation import evaluate
from segments.models import Pin, Segment
from segments.references import Wanted
from workspaces.models import Workspace
from workspaces.moments import one_moment
from workspaces.problems import Invalid


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
    wanted, unreadable = dict[Segment, Wanted](), list[Segment]()
    for segment in workspace.segments.live():
        try:
            wanted[segment] = Wanted(segment.tree, segment)
        except Invalid:
            unreadable.append(segment)
    try:
        return _those_in(workspace, contact_id, wanted), unreadable
    except Invalid:
        found = list[Segment]()  # one of them does not fit: each for itself tells which
        for segment, each in wanted.items():
            try:
                found += _those_in(workspace, contact_id, {segment: each})
            except Invalid:
                unreadable.append(segment)
        return found, unreadable


def _those_in(workspace: Workspace, contact_id: int, wanted: Mapping[Segment, Wanted]) -> list[Segment]:
    def read(workspace: Workspace, named: Collection[str]) -> Reading:
        return person.read(workspace, contact_id, named).reading

    done = evaluate(workspace, list(wanted.values()), read=read)
    return [segment for segment, masks in zip(wanted, done.masks, strict=True) if any(mask[0] for mask in masks)]
