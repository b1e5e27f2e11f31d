"""The contacts of a workspace over HTTP, as Swipe One's clients send and ask for them."""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import properties
from contacts.columnar import catalogue
from contacts.columnar.refresh import refresh
from contacts.models import Contact, Status, contact_id, wire_id
from contacts.schema import Schema
from contacts.writing import bulk, documents, tags, upserts
from contacts.writing.bulk import Became, Outcome
from contacts.writing.upserts import ContactChange
from segments.api import paging
from segments.api.paging import Paging
from segments.dialects import swipeone
from segments.engine import audience, contact_search, keyset_pages
from segments.rules.check import check
from segments.rules.tree import All, Rule
from segments.upkeep import forgetting
from segments.upkeep.personal_data import dossier
from workspaces import idempotency
from workspaces.api import caller_workspace, workspace_of
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, shortened

MOST_STATUSES = 1_000
PATIENCE_SECONDS = 1.0
USUAL_LIMIT, USUAL_SEARCH_LIMIT = 20, 10


class ContactViewSet(ViewSet):
    only_read = ("search",)

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        return listed(request, workspace, contact_search.containing(request.query_params.get("searchText", "")))

    def search(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        return _page(workspace, *_search(request.data, workspace))

    def statuses(self, request: Request, workspace_id: str) -> Response:
        """The statuses that contacts have, the most frequent one first."""
        found = catalogue.counted(workspace_of(request, workspace_id), "status", MOST_STATUSES)
        written = [{"name": each.value, "label": each.value, "contactCount": each.count} for each in found.values]
        return Response({"status": "success", "data": {"count": len(written), "statuses": written}})

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

    # --- one of them

    def create(self, request: Request, workspace_id: str) -> Response:
        """Create or update the contact with this e-mail address: 201 for a new one, 200 for one that was there."""
        workspace = workspace_of(request, workspace_id)
        document = request.data
        if isinstance(document, dict) and not any(document.get(key) for key in ("email", "firstName", "fullName")):
            raise Invalid([Problem("", "give at least one of email, firstName and fullName")])
        contact, is_new = upserts.upsert(workspace, upserts.read(document, properties.schema(workspace)))
        return _answer(contact, 201 if is_new else 200)

    def retrieve(self, request: Request, contact: str) -> Response:
        live = caller_workspace(request).contacts.exclude(lifecycle=Status.TRASHED)
        return _answer(live.filter(pk=_pk(contact)).first())

    def set_status(self, request: Request, contact: str) -> Response:
        if not isinstance(request.data, dict) or "status" not in request.data:
            raise Invalid([Problem("status", "give the status, as a text; null takes it away")])
        workspace = caller_workspace(request)
        change = upserts.read({"status": request.data["status"]}, properties.schema(workspace))
        return _answer(_updated(workspace, contact, change))

    def set_tags(self, request: Request, contact: str) -> Response:
        """Replace the contact's tags by these."""
        sent, problems = request.data, list[Problem]()
        if not isinstance(sent, dict) or not isinstance(sent.get("tags"), list):
            raise Invalid([Problem("tags", "give a list of tags: their labels or names, or objects with a label")])
        wanted = [tags.read(each, f"tags[{place}]", problems) for place, each in enumerate(sent["tags"])]
        if problems:
            raise Invalid(problems)
        workspace = caller_workspace(request)
        with transaction.atomic():
            properties.hold_types(workspace)  # in front of the lock of tags, as when one is renamed
            labels = [tag.label for tag in tags.named(workspace, wanted)]
            change = ContactChange({"tags": list(dict.fromkeys(labels))})
            return _answer(_updated(workspace, contact, change))

    def data(self, request: Request, contact: str) -> Response:
        """All that is kept of one person."""
        try:
            return Response(swipeone.success(dossier(caller_workspace(request), contact_id(contact) or 0)))
        except Contact.DoesNotExist:
            raise NotFound("Contact not found") from None

    def forget(self, request: Request, contact: str) -> Response:
        """Erase a person everywhere: 200, or 202 while PostgreSQL still keeps what was deleted."""
        dry_run = _flag(request.query_params, "dryRun")
        try:
            gone = forgetting.forget(caller_workspace(request), contact_id(contact) or 0, dry_run=dry_run)
        except Contact.DoesNotExist:
            raise NotFound("Contact not found") from None
        left = [] if dry_run else _left()
        told = {"contactId": contact, "erased": gone.erased, "namedIn": gone.named_in, "stillToDo": left}
        return Response(swipeone.success({**told, "dryRun": dry_run}), 202 if left else 200)


# --- writing ---------------------------------------------------------------------------------------------------------


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


def _updated(workspace: Workspace, wire: str, change: ContactChange) -> Contact | None:
    try:
        return upserts.update(workspace, _pk(wire), change)
    except Contact.DoesNotExist:
        return None


def _pk(wire: str) -> int:
    """Nobody has 0."""
    return contact_id(wire) or 0


def _answer(contact: Contact | None, status: int = 200) -> Response:
    if contact is None:
        raise NotFound("Contact not found")
    body: dict[str, Any] = {"status": "success", "data": {"contact": documents.write(contact)}}
    return Response(body, status)


# --- finding and forgetting ------------------------------------------------------------------------------------------


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise Invalid([Problem(name, f"is {text!r}; use true or false", ("true", "false"))])
    return text == "true"


def _left() -> list[str]:
    """A request waits for short transactions; what longer ones hold, forget_contact --finish clears away later."""
    moment, until = forgetting.moment(), time.monotonic() + PATIENCE_SECONDS
    while count := forgetting.holding(moment):
        if time.monotonic() > until:
            told = f"{count:,} older transactions still see what was erased"
            return [f"{told}; run manage.py forget_contact --finish later"]
        time.sleep(0.05)
    return forgetting.clean()


def listed(request: Request, workspace: Workspace, rule: Rule) -> Response:
    """One page of the people whom a rule finds, as the query asks for it."""
    return _page(workspace, rule, paging.read_query(request.query_params, USUAL_LIMIT))


def _page(workspace: Workspace, rule: Rule, asked: Paging) -> Response:
    people = audience.matching(workspace, rule, asked.now, asked.references)
    return Response(swipeone.success(asked.write(people)))


def _search(body: Any, workspace: Workspace) -> tuple[Rule, Paging]:
    """filter, sort, limit and cursors. Without a filter, or with one that has no predicates, it is everybody.

    Raises Invalid with everything that is wrong, also for a property that nobody has yet: a search declares nothing.
    """
    if not isinstance(body, dict):
        raise Invalid([Problem("", "give an object with filter, sort, limit, searchAfter or searchBefore")])
    schema, problems = properties.schema(workspace), list[Problem]()
    rule = _filter(body.get("filter"), schema, problems)
    order = paging.body_order(body.get("sort"), problems)
    try:
        keyset_pages.check(order, schema)
    except Invalid as error:
        problems += error.problems
    return rule, paging.read(body, USUAL_SEARCH_LIMIT, order, problems)


def _filter(sent: Any, schema: Schema, problems: list[Problem]) -> Rule:
    if sent is None or sent == {} or (isinstance(sent, dict) and sent.get("predicates") == []):
        return All(())  # clients that set no condition send an empty list of them
    read = swipeone.read(sent, schema, "filter")
    problems += read.problems
    rule = read.rule or All(())
    try:
        check(rule, schema)
    except Invalid as error:
        problems += error.problems
    return rule
