"""The tags of a workspace over HTTP, as Swipe One's clients ask for them."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts.columnar.refresh import refresh
from contacts.models import Tag
from contacts.values import iso, milliseconds
from contacts.writing import tags
from segments.api import contacts
from segments.dialects import swipeone
from segments.models import Channel
from segments.rules.tree import Condition
from segments.saving.versions import By
from segments.upkeep import tag_changes
from workspaces.api import caller_workspace, workspace_of
from workspaces.identifiers import is_id
from workspaces.problems import Invalid, Problem


class TagViewSet(ViewSet):
    def list(self, request: Request, workspace_id: str) -> Response:
        found = tags.listed(workspace_of(request, workspace_id))
        written = [{**_document(tag), "contactCount": count} for tag, count in found]
        return Response(swipeone.success({"count": len(written), "tags": written}))

    def create(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        return _answer(tags.make(workspace, _wanted(request.data)), 201)

    def retrieve(self, request: Request, tag_id: str) -> Response:
        return _answer(_tag(request, tag_id))

    def partial_update(self, request: Request, tag_id: str) -> Response:
        """Another label is another one everywhere: on contacts and in rules. Nobody enters or leaves a segment."""
        tag = _tag(request, tag_id)
        sent = request.data
        wanted = _wanted({"label": tag.label, "color": tag.color, **sent} if isinstance(sent, dict) else None)
        if wanted.label != tag.label:
            tag = tag_changes.rename(tag, wanted.label, By(source=Channel.API))
            refresh(tag.workspace)  # takes in everybody who carries it
        if wanted.color != tag.color:
            tag.color = wanted.color
            tag.save(update_fields=["color"])
        return _answer(tag)

    def contacts(self, request: Request, tag_id: str) -> Response:
        tag = _tag(request, tag_id)
        return contacts.listed(request, tag.workspace, Condition("tags", "includes", tag.label))


def _tag(request: Request, tag_id: str) -> Tag:
    workspace = caller_workspace(request)
    tag = workspace.tags.filter(pk=tag_id).first() if is_id(tag_id) else None
    if tag is None:
        raise NotFound("Tag not found")
    return tag


def _wanted(sent: Any) -> tags.NamedTag:
    """Raises Invalid."""
    problems: list[Problem] = []
    if not isinstance(sent, dict):
        raise Invalid([Problem("", "give an object with label and color")])
    wanted = tags.read(sent, "", problems)
    if problems:
        raise Invalid(problems)
    return wanted


def _answer(tag: Tag, status: int = 200) -> Response:
    return Response(swipeone.success({"tag": _document(tag)}), status)


def _document(tag: Tag) -> dict[str, Any]:
    return {
        "_id": tag.pk,
        "label": tag.label,
        "name": tag.name,
        "workspaceId": tag.workspace_id,
        "color": tag.color,
        "createdAt": iso(milliseconds(tag.created_at)),
    }
