"""Tiledesk's leads over HTTP: contacts as its clients know them, one by one, in lists and as a file."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from django.http import StreamingHttpResponse
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import properties
from contacts.columnar import from_table, snapshot
from contacts.columnar.extract import Ids
from contacts.models import Contact, Status, contact_id
from contacts.values import Refused, as_texts
from contacts.writing import upserts
from contacts.writing.upserts import ContactChange
from segments.dialects import tiledesk, tiledesk_leads
from segments.dialects.tiledesk_leads import ATTRIBUTES, PROPERTIES, Asked, Sent
from segments.engine import audience, word_search
from segments.engine.audience import Audience
from segments.references import RuleWithPins
from segments.rules.tree import All, Any, Condition, InSegment, Rule
from segments.upkeep import forgetting
from workspaces.api import workspace_of
from workspaces.identifiers import is_id
from workspaces.models import Role, Workspace
from workspaces.problems import Invalid, Problem

SEARCHED = ("fullName", "email")  # by full_text
MOST_WORDS = 50
ROWS_A_FETCH = 2_000


class NoSegment(NotFound):
    default_code = "no_segment"
    default_detail = "Error segment not found"


class NoLead(NotFound):
    default_code = "no_lead"


class NoTag(APIException):
    status_code = 400
    default_code = "no_tag"
    default_detail = "No tag specified"


class LeadViewSet(ViewSet):
    dialect = tiledesk

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        asked = tiledesk_leads.read_query(request.query_params, request.query_params.getlist("tags"))
        found = _found(workspace, asked)
        leads = _held(workspace, _in_order(found, asked).tolist(), asked.trashed)
        return Response(tiledesk_leads.write_list(leads, found.count, asked.listing))

    def export(self, request: Request, workspace_id: str) -> StreamingHttpResponse:
        """The same as a file, all of them unless it is asked for by pages; read while it is sent."""
        workspace = workspace_of(request, workspace_id)
        asked = tiledesk_leads.read_query(request.query_params, request.query_params.getlist("tags"), file=True)
        rows = _file(workspace, _in_order(_found(workspace, asked), asked), asked.trashed)
        headers = {"Content-Disposition": 'attachment; filename="leads.csv"'}
        return StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8", headers=headers)

    def create(self, request: Request, workspace_id: str) -> Response:
        """A new lead, or what is new of the one with this lead_id."""
        workspace = workspace_of(request, workspace_id)
        sent = tiledesk_leads.read(request.data, new=True)
        return _saved(workspace, sent, lambda change: upserts.upsert(workspace, change)[0])

    def retrieve(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        return Response(tiledesk_leads.write(_lead(workspace_of(request, workspace_id), lead_id)))

    def update(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        """Only what is named changes; attributes that are named at all are all there are."""
        workspace = workspace_of(request, workspace_id)
        lead = _lead(workspace, lead_id)
        sent = tiledesk_leads.read(request.data)
        if sent.document.get("fullName") == lead.full_name:
            del sent.document["fullName"]  # it would be parted anew, and "Ana Maria" lose half of her first name
        all_custom = "customProperties" in sent.document
        return _saved(workspace, sent, lambda change: _update(lead, replace(change, all_custom=all_custom)))

    def attributes(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        return _merged(request, workspace_id, lead_id, ATTRIBUTES)

    def properties(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        return _merged(request, workspace_id, lead_id, PROPERTIES)

    def add_tags(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        lead = _tagged_lead(request, workspace_id, lead_id)
        try:
            tags = as_texts(request.data) if isinstance(request.data, list) else []
        except Refused as error:
            raise Invalid([Problem("", f"a tag {error}")]) from None
        if not tags:
            raise NoTag
        return Response(tiledesk_leads.write(_update(lead, ContactChange(tags_added=tags))))

    def remove_tag(self, request: Request, workspace_id: str, lead_id: str, tag: str) -> Response:
        lead = _tagged_lead(request, workspace_id, lead_id)
        return Response(tiledesk_leads.write(_update(lead, ContactChange(tags_removed=[tag]))))

    def destroy(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        """Into the trash, from which a PUT of its status brings it back."""
        lead = _lead(workspace_of(request, workspace_id), lead_id)
        return Response(tiledesk_leads.write(_update(lead, ContactChange(lifecycle=Status.TRASHED))))

    def erase(self, request: Request, workspace_id: str, lead_id: str) -> Response:
        """For good, by an owner only."""
        workspace = workspace_of(request, workspace_id)
        if workspace.role < Role.OWNER:
            raise PermissionDenied("Unauthorized.")
        lead = _lead(workspace, lead_id)
        body = tiledesk_leads.write(lead)
        forgetting.forget(workspace, lead.pk)
        return Response(body)


# --- one -----------------------------------------------------------------------------------------------------------


def _lead(workspace: Workspace, lead_id: str) -> Contact:
    """The workspace's contact with this id, in the trash or not. Raises NotFound."""
    pk = contact_id(lead_id)
    lead = None if pk is None else workspace.contacts.filter(pk=pk).first()
    if lead is None:
        raise NotFound
    return lead


def _tagged_lead(request: Request, workspace_id: str, lead_id: str) -> Contact:
    try:
        return _lead(workspace_of(request, workspace_id), lead_id)
    except NotFound:
        raise NoLead(f"Lead not found with id {lead_id}") from None


def _update(lead: Contact, change: ContactChange) -> Contact:
    try:
        return upserts.update(lead.workspace, lead.pk, change, in_trash=True)
    except Contact.DoesNotExist:
        raise NotFound from None  # erased a moment ago


def _merged(request: Request, workspace_id: str, lead_id: str, where: str) -> Response:
    workspace = workspace_of(request, workspace_id)
    lead = _lead(workspace, lead_id)
    sent = Sent(tiledesk_leads.custom(request.data))
    return _saved(workspace, sent, lambda change: _update(lead, change), where)


def _saved(
    workspace: Workspace, sent: Sent, save: Callable[[ContactChange], Contact], where: str = ATTRIBUTES
) -> Response:
    """The lead as it is once this has been saved. Raises Invalid, with the names that the lead's document has."""
    try:
        return Response(tiledesk_leads.write(save(_change(workspace, sent))))
    except Invalid as error:
        raise Invalid(tiledesk_leads.told(error.problems, where)) from None


def _change(workspace: Workspace, sent: Sent) -> ContactChange:
    try:
        change = upserts.read(sent.document, properties.schema(workspace), like_builtins=True)
    except Invalid as error:
        raise Invalid([*sent.problems, *error.problems]) from None
    if sent.problems:
        raise Invalid(sent.problems)
    return replace(change, lifecycle=sent.lifecycle)


# --- lists ---------------------------------------------------------------------------------------------------------


def _found(workspace: Workspace, asked: Asked) -> Audience:
    """Everybody whom a list is asked for; from the snapshot, which has all but the trash. Raises Invalid, NoSegment."""
    words = word_search.words(asked.text)
    if len(words) > MOST_WORDS:
        raise Invalid([Problem("full_text", f"has {len(words)} different words; use {MOST_WORDS} at most")])
    segment = _segment_rule(workspace, asked) if asked.segment else All(())
    rule = All((segment, *asked.rules, *_having(words, asked.text)))
    also = {asked.listing.field, *SEARCHED} if words else {asked.listing.field}
    read = from_table.read_trash if asked.trashed else snapshot.read
    (found,) = audience.several(workspace, [RuleWithPins(rule)], also=also, read=read)
    return found.with_words(words, SEARCHED) if words else found


def _segment_rule(workspace: Workspace, asked: Asked) -> Rule:
    known = is_id(asked.segment) and workspace.segments.live().filter(pk=asked.segment).exists()
    if not known:
        raise NoSegment
    return Any(()) if asked.trashed else InSegment(asked.segment)  # who is in the trash is in no segment


def _having(words: Collection[str], text: str) -> Iterator[Rule]:
    """What whoever has all of these words meets: few people are left to look at word by word."""
    if text and not words:
        yield Any(())
    for word in words:
        yield Any(tuple(Condition(reference, "contains", word, "full_text") for reference in SEARCHED))


def _in_order(found: Audience, asked: Asked) -> Ids:
    listing = asked.listing
    return found.ordered(listing.field, listing.start, listing.limit, descending=listing.descending)


def _held(workspace: Workspace, ids: Collection[int], trashed: bool) -> list[Contact]:
    """These contacts in this order, but those who since went into the trash, or out of it."""
    held = workspace.contacts.in_bulk(ids)
    found = [held[pk] for pk in ids if pk in held]
    return [contact for contact in found if (contact.lifecycle == Status.TRASHED) == trashed]


def _file(workspace: Workspace, ids: Ids, trashed: bool) -> Iterator[str]:
    """Some rows at a time, so that a file of any length takes the same memory."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(tiledesk_leads.COLUMNS)
    for start in range(0, len(ids), ROWS_A_FETCH):
        yield _taken(text)
        part = ids[start : start + ROWS_A_FETCH].tolist()
        writer.writerows(map(tiledesk_leads.write_row, _held(workspace, part, trashed)))
    yield _taken(text)


def _taken(text: io.StringIO) -> str:
    held = text.getvalue()
    text.seek(0)
    text.truncate()
    return held
