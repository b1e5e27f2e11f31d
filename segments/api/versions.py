"""The versions of a segment over HTTP, which no other service has."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import properties
from contacts.values import iso, milliseconds
from segments.api.segments import SegmentViewSet, segment_of
from segments.dialects.swipeone import success
from segments.models import Channel, SegmentVersion
from segments.rules.difference import Names
from segments.saving import drafts, versions
from segments.saving.versions import By
from workspaces import limits
from workspaces.api import author_of, user_id
from workspaces.problems import Invalid, Problem

USUAL_LIMIT = 20


class VersionViewSet(SegmentViewSet):
    def versions(self, request: Request, segment_id: str) -> Response:
        """The newest first; `changes` says in words what each changed of the one before it."""
        segment = segment_of(request, segment_id)
        problems: list[Problem] = []
        limit = limits.read(request.query_params.get("limit"), USUAL_LIMIT, problems)
        before = _number(request.query_params, problems)
        if problems:
            raise Invalid(problems)
        page = list(versions.newest_first(segment, before)[: limit + 1])
        called = versions.names(segment.workspace, page)
        older = [*page[1:], None]
        written = [_written(each, before, called) for each, before in zip(page, older, strict=True)]
        following = page[limit - 1].number if len(page) > limit else None
        return Response(success({"versions": written[:limit], "searchAfter": following}))

    def restore(self, request: Request, segment_id: str, number: str) -> Response:
        """Make the segment what it was; that is its next version. Nothing is asked."""
        segment = segment_of(request, segment_id)
        asked = limits.number(number)
        version = None if asked is None else segment.versions.filter(number=asked).first()
        if version is None:
            raise NotFound("Version not found")
        drafts.update(segment, versions.draft(version), By(author_of(request), Channel.API))
        return self.answer(segment, properties.schema_if_needed(segment.workspace))


def _number(query: Mapping[str, str], problems: list[Problem]) -> int | None:
    text = query.get("searchAfter", "")
    found = limits.number(text)
    if text and found is None:
        problems.append(Problem("searchAfter", "is not the number of a version"))
    return found


def _written(version: SegmentVersion, older: SegmentVersion | None, called: Names) -> dict[str, Any]:
    return {
        "number": version.number,
        "name": version.name,
        "description": version.description,
        "rule": version.rule,
        "savedAt": iso(milliseconds(version.saved_at)),
        "savedBy": user_id(version.author_id),
        "source": version.source,
        "changes": versions.changes(older, version, called) if older else [],
    }
