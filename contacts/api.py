"""Contacts over HTTP, as Swipe One's clients send them."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import bulk, documents, properties, upserts
from contacts.bulk import Became, Outcome
from contacts.models import wire_id
from contacts.refresh import refresh
from workspaces import idempotency
from workspaces.api import workspace_of
from workspaces.problems import Invalid, Problem, shortened


class ContactViewSet(ViewSet):
    def create(self, request: Request, workspace_id: str) -> Response:
        """Create or update the contact with this e-mail address: 201 for a new one, 200 for one that was there."""
        workspace = workspace_of(request, workspace_id)
        document = request.data
        if isinstance(document, dict) and not any(document.get(key) for key in ("email", "firstName", "fullName")):
            raise Invalid([Problem("", "give at least one of email, firstName and fullName")])
        contact, is_new = upserts.upsert(workspace, upserts.read(document, properties.schema(workspace)))
        body = {"status": "success", "data": {"contact": documents.write(contact)}}
        return Response(body, status=201 if is_new else 200)

    def bulk(self, request: Request, workspace_id: str) -> HttpResponse:
        """Create or update up to 10,000 contacts, each for itself. With an Idempotency-Key only once in 24 hours."""
        workspace = workspace_of(request, workspace_id)

        def work() -> bytes:
            return orjson.dumps(_told(bulk.take(workspace, _sent(request.data))))

        if key := idempotency.read_key(request.headers.get("idempotency-key", "")):
            answer, is_new = idempotency.once(workspace, key, hashlib.sha256(request.body).digest(), work)
        else:
            answer, is_new = work(), True
        if is_new:
            refresh(workspace)
        response = HttpResponse(answer, content_type="application/json")
        if not is_new:
            response["Idempotent-Replayed"] = "true"
        return response


def _sent(body: Any) -> list[Any]:
    """The documents of a list, an object with contacts, or lines. Raises Invalid."""
    sent = body.get("contacts") if isinstance(body, dict) else body
    if isinstance(sent, Iterator):
        sent = list(itertools.islice(sent, bulk.ROWS_A_BATCH + 1))
    if not isinstance(sent, list):
        raise Invalid([Problem("", "give a list of contacts, or an object with such a list as contacts")])
    if len(sent) > bulk.ROWS_A_BATCH:
        raise Invalid([Problem("", f"send at most {bulk.ROWS_A_BATCH:,} contacts in one call")])
    return sent


def _told(outcomes: list[Outcome]) -> dict[str, Any]:
    counts = Counter(outcome.became for outcome in outcomes)
    results = [
        {
            "index": index,
            "status": outcome.became,
            "_id": wire_id(outcome.contact_id) if outcome.contact_id else None,
            "problems": [problem.as_json() for problem in shortened(list(outcome.problems))],
        }
        for index, outcome in enumerate(outcomes)
    ]
    totals = {became.value: counts[became] for became in Became}
    return {"status": "success", "data": {"count": len(outcomes), **totals, "results": results}}
