"""Segments over HTTP, in the dialect of the address."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import properties
from contacts.models import Contact, contact_id
from contacts.schema import CUSTOM, Schema
from contacts.values import local_day, milliseconds
from segments import messages
from segments.answers import explanations, preview
from segments.api import paging
from segments.dialects import swipeone, tiledesk
from segments.dialects.dialect import Dialect, ListingDialect, SavedPerson, Shown
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.engine.audience import Overlap
from segments.engine.exports import Stream, export
from segments.growth import history
from segments.growth.charts import SPAN
from segments.models import Channel, Segment
from segments.references import RuleWithPins
from segments.rules.check import check, no_property
from segments.rules.tree import All, Rule, read_node, signed_conditions
from segments.rules.tree import read as read_tree
from segments.saving import drafts
from segments.saving.versions import By
from workspaces import limits
from workspaces.api import author_of, caller_workspace, user_id, workspace_of
from workspaces.downloads import download
from workspaces.identifiers import is_id
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

USUAL_LIMIT = 10  # contacts on a page
MOST_PROPERTIES = 20  # whose values a preview counts
MOST_DAYS = 3660  # of a history
MOST_OVERLAPPING = 20  # segments beside the first


_LISTED: dict[str, ListingDialect] = {swipeone.NAME: swipeone, tiledesk.NAME: tiledesk}


class SegmentViewSet(ViewSet):
    """Segments in one of the dialects. Where the path names no workspace it is the key's."""

    dialect: Dialect = swipeone
    only_read = ("explain_draft", "preview", "export_draft", "render")

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace, dialect = workspace_of(request, workspace_id), _LISTED[self.dialect.NAME]
        schema, listing = properties.schema_if_needed(workspace), dialect.read_listing(request.query_params)
        found = workspace.segments.live().defer("included", "excluded")
        found = found.order_by(f"{'-' if listing.descending else ''}{listing.field}", "id")
        end = None if listing.limit is None else listing.start + listing.limit
        written = [self.written(segment, schema) for segment in found[listing.start : end]]
        count = len(written) if listing.limit is None else found.count()
        return Response(dialect.write_list(written, count, listing))

    def create(self, request: Request, workspace_id: str = "") -> Response:
        workspace = _workspace(request, workspace_id)
        schema = properties.schema(workspace)
        draft = self.dialect.read_segment(request.data, schema)
        segment = drafts.new(workspace, self.by(request), unique_name=self.dialect.UNIQUE_NAMES)
        people = drafts.save(segment, draft, self.by(request))
        return self.answer(segment, schema, self.dialect.CREATED, draft, people)

    def retrieve(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        segment = segment_of(request, segment_id, workspace_id)
        return self.answer(segment, properties.schema_if_needed(segment.workspace))

    def partial_update(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        segment = segment_of(request, segment_id, workspace_id)
        schema = properties.schema_if_needed(segment.workspace)
        draft = self.dialect.read_segment(request.data, schema, self.document(segment, schema))
        people = drafts.save(segment, draft, self.by(request)) if draft.says_something else []
        return self.answer(segment, schema, 200, draft, people)

    def update_named(self, request: Request) -> Response:
        """An update of the segment whose id the body names."""
        named = request.data.get("id") if isinstance(request.data, dict) else None
        if not isinstance(named, str):
            raise Invalid([Problem("id", "give the id of a segment, as a text")])
        return self.partial_update(request, named)

    def destroy(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        segment = segment_of(request, segment_id, workspace_id)
        drafts.delete(segment)
        return self.answer(segment, properties.schema_if_needed(segment.workspace))

    def by(self, request: Request) -> By:
        return By(author_of(request), Channel(self.dialect.NAME))

    def answer(
        self,
        segment: Segment,
        schema: Schema,
        status: int = 200,
        draft: Draft | None = None,
        people: Sequence[SavedPerson] = (),
    ) -> Response:
        written = self.written(segment, schema, people)
        return Response(self.dialect.write_one(written, _warnings(draft) if draft else ()), status)

    def written(self, segment: Segment, schema: Schema, people: Sequence[SavedPerson] = ()) -> dict[str, Any]:
        return self.dialect.write_segment(
            Shown(
                segment.pk,
                segment.workspace_id,
                segment.name,
                self.document(segment, schema),
                user_id(segment.created_by_id),
                segment.created_at,
                segment.updated_at,
                segment.deleted_at is not None,
                people,
            )
        )

    def document(self, segment: Segment, schema: Schema) -> Any:
        return segment.sent_as(self.dialect.NAME) or self.dialect.write(segment.tree, schema)

    def contacts(self, request: Request, segment_id: str) -> Response:
        segment = segment_of(request, segment_id)
        asked = paging.read_query(request.query_params, USUAL_LIMIT)
        return _success(asked.write(audience.of(segment, asked.now, asked.references)))

    def explain(self, request: Request, segment_id: str, contact: str) -> Response:
        segment = segment_of(request, segment_id)
        return _explained(segment.workspace, RuleWithPins(segment.tree, segment), contact)

    def explain_draft(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        body: Any = request.data
        problems: list[Problem] = []
        if isinstance(body, dict) and not isinstance(body.get("contactId"), str):
            problems = [Problem("contactId", "give the id of a contact, as a text")]
        rule = _unsaved(body, properties.schema(workspace), problems)
        return _explained(workspace, RuleWithPins(rule), body["contactId"])

    def preview(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        schema = properties.schema(workspace)
        segment_id, also, problems = _previewed(request.data, schema)
        rule = _unsaved(request.data, schema, problems)
        segment = segment_of(request, segment_id) if segment_id else None
        return _success({"preview": preview.preview(workspace, rule, segment, also).as_json(also)})

    def count(self, request: Request, segment_id: str) -> Response:
        segment = segment_of(request, segment_id)
        return _success({"segmentId": segment.pk, **preview.count(audience.of(segment))})

    def history(self, request: Request, segment_id: str) -> Response:
        """What was recorded of each day since so many days ago; of a day that was not recorded there is nothing."""
        segment = segment_of(request, segment_id)
        span = _span(request.query_params.get("days", str(SPAN)))
        today = local_day(milliseconds(timezone.now()), segment.workspace.zone)
        days = [
            {**asdict(each), "day": each.day.isoformat()} for each in history.days([segment], today, span)[segment.pk]
        ]
        return _success({"segmentId": segment.pk, "timezone": segment.workspace.timezone, "history": days})

    def overlap(self, request: Request, segment_id: str) -> Response:
        """How many people this segment and those of ?with=id,id have in common, pair by pair, and in all."""
        first = segment_of(request, segment_id)
        segments = [first, *_others(first, request.query_params.get("with", ""))]
        return _success(_overlap(segments, audience.overlap(audience.several(first.workspace, _saved(segments)))))

    def export(self, request: Request, segment_id: str) -> StreamingHttpResponse:
        segment = segment_of(request, segment_id)
        return _exported(request, segment.workspace, RuleWithPins(segment.tree, segment), segment.name)

    def render(self, request: Request, segment_id: str) -> HttpResponseBase:
        segment, order = segment_of(request, segment_id), messages.read(request.data)
        wanted = RuleWithPins(segment.tree, segment)
        if order.full:
            return _file(messages.full(segment.workspace, wanted, order), f"{segment.name}.ndjson")
        return _success(messages.preview(segment.workspace, wanted, order))

    def export_workspace(self, request: Request, workspace_id: str) -> StreamingHttpResponse:
        workspace = workspace_of(request, workspace_id)
        return _exported(request, workspace, RuleWithPins(All()), workspace.name)

    def export_draft(self, request: Request, workspace_id: str) -> StreamingHttpResponse:
        workspace = workspace_of(request, workspace_id)
        rule = _unsaved(request.data, properties.schema(workspace))
        return _exported(request, workspace, RuleWithPins(rule), workspace.name)


def _span(text: str) -> int:
    days = limits.number(text)
    if days is None or not 1 <= days <= MOST_DAYS:
        raise Invalid([Problem("days", f"give a whole number from 1 to {MOST_DAYS}")])
    return days


def _success(data: dict[str, Any]) -> Response:
    return Response(swipeone.success(data))


def _explained(workspace: Workspace, wanted: RuleWithPins, contact: str) -> Response:
    pk = contact_id(contact)
    try:
        explanation = None if pk is None else explanations.explain(workspace, wanted, pk)
    except Contact.DoesNotExist:
        explanation = None
    if explanation is None:
        raise NotFound("Contact not found")
    return _success({"explanation": {"contactId": contact, **explanation.as_json()}})


def _workspace(request: Request, workspace_id: str) -> Workspace:
    return workspace_of(request, workspace_id) if workspace_id else caller_workspace(request)


def segment_of(request: Request, segment_id: str, workspace_id: str = "") -> Segment:
    """The segment, if it is one of the caller's workspace; any other is as unknown as one that does not exist.

    Raises NotFound.
    """
    workspace = _workspace(request, workspace_id)
    segment = workspace.segments.live().filter(pk=segment_id).first() if is_id(segment_id) else None
    if segment is None:
        raise NotFound("Segment not found")
    return segment


def _unsaved(body: Any, schema: Schema, problems: Sequence[Problem] = ()) -> Rule:
    """A rule that nobody has saved, as criteria or in the native form.

    Raises Invalid with the `problems` found before, also for a property that nobody has yet: it is not declared here.
    """
    problems = list(problems)
    if not isinstance(body, dict) or ("criteria" in body) == ("rule" in body):
        raise Invalid([*problems, Problem("", "give an object with one of criteria and rule")])
    try:
        read = swipeone.read(body["criteria"], schema) if "criteria" in body else _native(body["rule"])
        problems += read.problems
        if read.rule is not None:
            check(read.rule, schema)
    except Invalid as error:
        problems += error.problems
    if problems:
        raise Invalid(problems)
    assert read.rule is not None
    return read.rule


def _exported(request: Request, workspace: Workspace, wanted: RuleWithPins, name: str) -> StreamingHttpResponse:
    form = request.query_params.get("format", "csv")
    return _file(export(workspace, wanted, request.query_params.get("columns"), form), f"{name}.{form}")


def _file(stream: Stream, name: str) -> StreamingHttpResponse:
    return download(stream, name, stream.form.media_type)


def _native(document: Any) -> Draft:
    """The stored form, or its rule alone."""
    stored = isinstance(document, dict) and "version" in document
    return Draft(rule=read_tree(document, "rule") if stored else read_node(document, "rule"))


def _previewed(body: Any, schema: Schema) -> tuple[str, list[str], list[Problem]]:
    """segmentId and properties of a preview, and what is wrong with them."""
    body, problems = body if isinstance(body, dict) else {}, []
    segment_id, also = body.get("segmentId") or "", body.get("properties") or []
    if not isinstance(segment_id, str):
        problems.append(Problem("segmentId", "is not the id of a segment"))
    if not (isinstance(also, list) and all(isinstance(each, str) for each in also) and len(also) <= MOST_PROPERTIES):
        problems.append(Problem("properties", f"give a list of the names of up to {MOST_PROPERTIES} properties"))
        also = []
    for place, reference in enumerate(also):
        if schema.get(reference) is None:
            problems += no_property(schema, reference, f"properties[{place}]").problems
    return str(segment_id), list(dict.fromkeys(also)), problems


def _others(first: Segment, text: str) -> list[Segment]:
    """The other segments of an overlap, by their ids with commas between them. Raises Invalid."""
    ids = [pk for pk in dict.fromkeys(text.split(",")) if pk and pk != first.pk]
    if not ids or len(ids) > MOST_OVERLAPPING:
        raise Invalid([Problem("with", f"give the ids of 1 to {MOST_OVERLAPPING} other segments, with commas between")])
    found = first.workspace.segments.live().in_bulk([pk for pk in ids if is_id(pk)])
    if unknown := [pk for pk in ids if pk not in found]:
        raise Invalid(Problem("with", f"there is no segment {pk!r}") for pk in unknown)
    return [found[pk] for pk in ids]


def _saved(segments: Sequence[Segment]) -> list[RuleWithPins]:
    return [RuleWithPins(segment.tree, segment) for segment in segments]


def _overlap(segments: Sequence[Segment], overlap: Overlap) -> dict[str, Any]:
    both = overlap.both
    listed = [
        {"_id": segment.pk, "name": segment.name, "count": both[place][place]} for place, segment in enumerate(segments)
    ]
    pairs = [
        {"ids": [segments[i].pk, segments[k].pk], "both": both[i][k],
         "onlyFirst": both[i][i] - both[i][k], "onlySecond": both[k][k] - both[i][k]}
        for i, k in itertools.combinations(range(len(segments)), 2)
    ]  # fmt: skip
    return {"segments": listed, "pairs": pairs, "union": overlap.union}


def _warnings(draft: Draft) -> list[str]:
    """What a condition on a property that nobody has yet does to the audience."""
    return [
        f"nobody has {condition.property.removeprefix(CUSTOM)} yet: this condition lets "
        f"{'everyone' if denied else 'nobody'} through ({condition.at})"
        for condition, denied in signed_conditions(draft.rule)
        if condition.property.removeprefix(CUSTOM) in draft.declares
    ]
