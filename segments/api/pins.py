"""The pins of a segment over HTTP: who is in it or kept out of it by hand."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts.models import contact_id, wire_id
from contacts.values import Refused, cleaned, iso, milliseconds
from segments.api import paging
from segments.api.segments import USUAL_LIMIT, segment_of
from segments.dialects.swipeone import success
from segments.engine.cursors import Cursor
from segments.models import Pin, PinKind, Segment
from segments.saving import pins
from segments.saving.pins import Wish
from workspaces.api import author_of, user_id
from workspaces.problems import Invalid, Problem, listed


class PinViewSet(ViewSet):
    def list(self, request: Request, segment_id: str) -> Response:
        segment = segment_of(request, segment_id)
        asked = paging.read(request.query_params, USUAL_LIMIT)
        kind = _kind(request.query_params.get("kind") or "")
        after, before = (cursor.contact_id if cursor else None for cursor in (asked.after, asked.before))
        page = pins.page(segment, asked.limit, after or 0, before, kind)
        now = timezone.now()
        data = {
            "pins": [_written(pin, now) for pin in page],
            "count": pins.of_kind(segment, kind).count(),
            "searchAfter": Cursor(page[-1].contact_id, milliseconds(now)).write() if page else None,
            "searchBefore": Cursor(page[0].contact_id, milliseconds(now)).write() if page else None,
        }
        return Response(success(data))

    def pin(self, request: Request, segment_id: str) -> Response:
        """Pin people, or pin differently those who are pinned. The same again changes nothing."""
        segment = segment_of(request, segment_id)
        contacts, wish = _read(request.data, segment, timezone.now())
        done = pins.pin(segment, contacts, wish, author_of(request))
        return Response(success({"added": done.added, "changed": done.changed, "unchanged": done.unchanged}))

    def unpin(self, request: Request, segment_id: str, contact: str) -> Response:
        segment, pk = segment_of(request, segment_id), contact_id(contact)
        if pk is None or not pins.unpin(segment, pk):
            raise NotFound("Pin not found")
        return Response(success({"contactId": contact}))


def _written(pin: Pin, now: datetime) -> dict[str, Any]:
    return {
        "contactId": wire_id(pin.contact_id),
        "name": pin.contact.full_name or None,
        "email": pin.contact.email or None,
        "kind": pin.kind,
        "reason": pin.reason,
        "author": user_id(pin.author_id),
        "createdAt": iso(milliseconds(pin.created_at)),
        "expiresAt": pin.expires_at and iso(milliseconds(pin.expires_at)),
        "inForce": pin.expires_at is None or pin.expires_at > now,
    }


def _kind(sent: Any) -> str:
    """Raises Invalid."""
    if sent and sent not in PinKind.values:
        raise Invalid([Problem("kind", f"is {sent!r}; use {listed(PinKind.values)}", tuple(PinKind.values))])
    return str(sent)


def _read(body: Any, segment: Segment, now: datetime) -> tuple[list[int], Wish]:
    """Whom to pin and how. Raises Invalid naming every problem."""
    if not isinstance(body, dict):
        raise Invalid([Problem("", "give an object with contactIds, and if you like kind, reason and expiresAt")])
    problems: list[Problem] = []
    contacts = _contacts(body.get("contactIds"), problems)
    kind = body.get("kind", PinKind.INCLUDED)
    if kind not in PinKind.values:
        problems.append(Problem("kind", f"is {kind!r}; use {listed(PinKind.values)}", tuple(PinKind.values)))
    reason = _text(body, "reason", problems)
    try:
        expires = pins.end(_text(body, "expiresAt", problems), segment.workspace.zone, now)
    except Refused as error:
        problems.append(Problem("expiresAt", str(error)))
    if problems:
        raise Invalid(problems)
    return contacts, Wish(PinKind(kind), reason, expires)


def _contacts(sent: Any, problems: list[Problem]) -> list[int]:
    if not isinstance(sent, list) or not sent:
        problems.append(Problem("contactIds", "give a list of the ids of contacts"))
        return []
    ids = [contact_id(each) if isinstance(each, str) else None for each in sent]
    for place, (each, pk) in enumerate(zip(sent, ids, strict=True)):
        if pk is None:
            message = f"there is no contact {each[:40]!r}" if isinstance(each, str) else "is not a text"
            problems.append(Problem(f"contactIds[{place}]", message))
    return [pk for pk in ids if pk is not None]


def _text(body: dict[str, Any], key: str, problems: list[Problem]) -> str:
    return "" if body.get(key) is None else cleaned(body[key], key, problems)
