"""Segments over HTTP, in the dialect of the address."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import documents, properties
from contacts.models import Contact, contact_id
from contacts.schema import CUSTOM, Schema
from segments import audience, drafts, explanations
from segments.cursors import Cursor
from segments.dialects import swipeone
from segments.dialects.reading import Listing, Person, Shown
from segments.drafts import Draft
from segments.models import Segment
from segments.references import Wanted
from segments.rules.check import check
from segments.rules.tree import Rule, denials, read_node
from workspaces.api import author_of, caller_workspace, user_id, workspace_of
from workspaces.identifiers import is_id
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

USUAL_LIMIT, HIGHEST_LIMIT = 10, 100


class Dialect(Protocol):
    """What the module of a dialect holds. One whose addresses have no list needs nothing for lists."""

    NAME: str
    UNIQUE_NAMES: bool
    CREATED: int  # the status of a create

    def read_segment(self, body: Any, schema: Schema, current: Any = None) -> Draft: ...
    def write(self, rule: Rule | None, schema: Schema) -> Any: ...
    def write_segment(self, shown: Shown) -> dict[str, Any]: ...
    def write_one(self, segment: dict[str, Any], warnings: Sequence[str] = ()) -> dict[str, Any]: ...
    def read_listing(self, query: Mapping[str, str]) -> Listing: ...
    def write_list(self, segments: Sequence[dict[str, Any]], count: int, listing: Listing) -> dict[str, Any]: ...
    def write_error(self, status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> Any: ...


class SegmentViewSet(ViewSet):
    """Segments in one of the dialects. Where the path names no workspace it is the key's."""

    dialect: Dialect = cast(Dialect, swipeone)
    only_read = ("explain_draft",)

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        schema, listing = properties.schema(workspace), self.dialect.read_listing(request.query_params)
        found = workspace.segments.live().order_by(f"{'-' if listing.descending else ''}{listing.field}", "id")
        end = None if listing.limit is None else listing.start + listing.limit
        written = [self.written(segment, schema) for segment in found[listing.start : end]]
        count = len(written) if listing.limit is None else found.count()
        return Response(self.dialect.write_list(written, count, listing))

    def create(self, request: Request, workspace_id: str = "") -> Response:
        workspace = _workspace(request, workspace_id)
        draft = self.dialect.read_segment(request.data, properties.schema(workspace))
        segment = drafts.create(workspace, draft, author_of(request), unique_name=self.dialect.UNIQUE_NAMES)
        return self.answer(segment, self.dialect.CREATED, draft)

    def retrieve(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        return self.answer(segment_of(request, segment_id, workspace_id))

    def partial_update(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        segment = segment_of(request, segment_id, workspace_id)
        schema = properties.schema(segment.workspace)
        draft = self.dialect.read_segment(request.data, schema, self.document(segment, schema))
        if draft.says_something:
            segment = drafts.update(segment, draft)
        return self.answer(segment, 200, draft)

    def update_named(self, request: Request) -> Response:
        """An update of the segment whose id the body names."""
        named = request.data.get("id") if isinstance(request.data, dict) else None
        if not isinstance(named, str):
            raise Invalid([Problem("id", "give the id of a segment, as a text")])
        return self.partial_update(request, named)

    def destroy(self, request: Request, segment_id: str, workspace_id: str = "") -> Response:
        segment = segment_of(request, segment_id, workspace_id)
        drafts.delete(segment)
        return self.answer(segment)

    def answer(self, segment: Segment, status: int = 200, draft: Draft | None = None) -> Response:
        draft = draft or Draft()
        written = self.written(segment, properties.schema(segment.workspace), draft.people)
        return Response(self.dialect.write_one(written, _warnings(draft)), status)

    def written(self, segment: Segment, schema: Schema, people: Sequence[Person] = ()) -> dict[str, Any]:
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
        limit, after, before = paging(request)
        cursor = after or before
        people = audience.of(segment, cursor.now if cursor else None)
        page = people.page(limit, after.contact_id if after else 0, before.contact_id if before else None)
        return _success(
            {
                "contacts": [documents.write(contact) for contact in page],
                "count": people.count,
                "searchAfter": Cursor(page[-1].pk, people.now).write() if page else None,
                "searchBefore": Cursor(page[0].pk, people.now).write() if page else None,
            }
        )

    def explain(self, request: Request, segment_id: str, contact: str) -> Response:
        segment = segment_of(request, segment_id)
        return _explained(segment.workspace, Wanted(segment.tree, segment), contact)

    def explain_draft(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        rule, contact = _preview(request.data, workspace)
        return _explained(workspace, Wanted(rule), contact)


def _success(data: dict[str, Any]) -> Response:
    return Response(swipeone.success(data))


def _explained(workspace: Workspace, wanted: Wanted, contact: str) -> Response:
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
    """The segment, if it is one of the caller's workspace; any other is as unknown as one that does not exist."""
    workspace = _workspace(request, workspace_id)
    segment = workspace.segments.live().filter(pk=segment_id).first() if is_id(segment_id) else None
    if segment is None:
        raise NotFound("Segment not found")
    segment.workspace = workspace
    return segment


def _preview(body: Any, workspace: Workspace) -> tuple[Rule, str]:
    """A rule that nobody has saved, as criteria or in the native form, and whom to explain it for.

    Raises Invalid, also for a property that nobody has yet: a preview declares nothing.
    """
    if not isinstance(body, dict) or ("criteria" in body) == ("rule" in body):
        raise Invalid([Problem("", "give an object with contactId and one of criteria and rule")])
    schema, problems = properties.schema(workspace), []
    if not isinstance(body.get("contactId"), str):
        problems.append(Problem("contactId", "give the id of a contact, as a text"))
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
    return read.rule, body["contactId"]


def _native(node: Any) -> Draft:
    return Draft(rule=read_node(node, "rule"))


def _warnings(draft: Draft) -> list[str]:
    """What a condition on a property that nobody has yet does to the audience."""
    return [
        f"nobody has {condition.property.removeprefix(CUSTOM)} yet: this condition lets "
        f"{'everyone' if denied else 'nobody'} through ({condition.at})"
        for condition, denied in denials(draft.rule)
        if condition.property.removeprefix(CUSTOM) in draft.declares
    ]


def paging(request: Request) -> tuple[int, Cursor | None, Cursor | None]:
    """limit, searchAfter and searchBefore. Raises Invalid."""
    problems: list[Problem] = []
    text = request.query_params.get("limit", "") or str(USUAL_LIMIT)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        problems.append(Problem("limit", f"is {text!r}; use a whole number from 1 to {HIGHEST_LIMIT}"))
    cursors: dict[str, Cursor] = {}
    for parameter in ("searchAfter", "searchBefore"):
        try:
            if given := request.query_params.get(parameter):
                cursors[parameter] = Cursor.read(given, parameter)
        except Invalid as error:
            problems += error.problems
    if len(cursors) == 2:
        problems.append(Problem("searchBefore", "use searchAfter or searchBefore, not both"))
    if problems:
        raise Invalid(problems)
    return min(int(text), HIGHEST_LIMIT), cursors.get("searchAfter"), cursors.get("searchBefore")
