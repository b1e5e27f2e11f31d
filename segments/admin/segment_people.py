"""The page of everybody in a segment, and the file of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path

from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.values import moment_of
from segments.admin import contact_pages
from segments.engine import contact_search
from segments.engine.cursors import Cursor
from segments.models import Segment
from segments.references import RuleWithPins
from workspaces.admin.scope import ScopedAdmin
from workspaces.admin.times import clock
from workspaces.problems import Invalid

PAGE = 50  # people


def urls(owner: ScopedAdmin) -> list[URLPattern]:
    views: dict[str, Callable[..., HttpResponseBase]] = {"people": everybody, "export": export}
    return [
        path(
            f"<str:segment_id>/{name}/",
            owner.admin_site.admin_view(partial(view, owner)),
            name=f"segments_segment_{name}",
        )
        for name, view in views.items()
    ]


def export(owner: ScopedAdmin, request: HttpRequest, segment_id: str) -> HttpResponseBase:
    """Who is in, as a file."""
    segment: Segment = owner.found(request, segment_id)
    try:
        return contact_pages.exported(request, segment.workspace, RuleWithPins(segment.tree, segment), segment.name)
    except (Invalid, SnapshotBusy) as error:
        for problem in contact_pages.told(error):
            owner.message_user(request, problem, messages.ERROR)
        return redirect("admin:segments_segment_people", segment.pk)


def everybody(owner: ScopedAdmin, request: HttpRequest, segment_id: str) -> HttpResponse:
    """Who is in, a page at a time, as it was when the first page was opened."""
    segment: Segment = owner.found(request, segment_id)
    text = request.GET.get("q", "").strip()
    said = {"segment": segment, "title": f"People in {segment}", "text": text}
    try:
        told = _page_of_people(segment, request.GET)
    except Invalid as error:
        told = {"problems": [str(problem) for problem in error.problems]}
    except SnapshotBusy:
        told = {"problems": [BUSY]}
    return owner.page(request, "admin/segments/segment/people.html", {**said, **told})


def _page_of_people(segment: Segment, asked: Mapping[str, str]) -> dict[str, Any]:
    """`q`: whom to look for; `after` or `before`: cursors of pages beside this one. Raises Invalid, SnapshotBusy."""
    after, before = (Cursor.read(asked[name], name) if asked.get(name) else None for name in ("after", "before"))
    held = after or before
    text = asked.get("q", "")
    found = contact_search.found(
        segment.workspace, text, RuleWithPins(segment.tree, segment), held.now if held else None, "Search"
    )
    page = found.page(PAGE, after.contact_id if after else 0, before.contact_id if before and not after else None)
    if not page:
        return {"people": page, "count": found.count, "at": clock(moment_of(found.now), segment.workspace.zone)}
    first, behind = page[0].pk, found.count_behind(page[-1].pk)
    return {
        "people": page,
        "count": found.count,
        "place": found.count - found.count_behind(first - 1) + 1,
        "last_place": found.count - behind,
        "at": clock(moment_of(found.now), segment.workspace.zone),
        "next": Cursor(page[-1].pk, found.now).write() if behind else "",
        "previous": Cursor(first, found.now).write() if found.before(first, 1) else "",
    }
