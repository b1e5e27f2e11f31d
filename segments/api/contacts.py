"""The contacts of a workspace over HTTP: listed, searched, filtered and sorted, as Swipe One's clients ask for them."""

import time
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import properties
from contacts.api.contacts import ContactViewSet
from contacts.models import Contact, contact_id
from contacts.schema import Schema
from segments.api import paging
from segments.api.paging import Paging
from segments.dialects import swipeone
from segments.engine import audience, ordered, search
from segments.rules.check import check
from segments.rules.tree import All, Rule
from segments.upkeep import forgetting
from segments.upkeep.dossier import dossier
from workspaces.api import caller_workspace, workspace_of
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

PATIENCE_SECONDS = 1.0
USUAL_LIMIT, USUAL_SEARCH_LIMIT = 20, 10


class PeopleViewSet(ContactViewSet):
    """One contact as the class below has it, and here all that takes the engine to find."""

    only_read = ("search",)

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        return listed(request, workspace, search.containing(request.query_params.get("searchText", "")))

    def search(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        return _page(workspace, *_search(request.data, workspace))

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
        ordered.check(order, schema)
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
