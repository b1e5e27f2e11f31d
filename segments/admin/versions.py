"""The pages of a segment's versions: what each changed, who saved it, and making the segment what it was once more."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from contacts.columnar.busy import BUSY, SnapshotBusy
from segments import usage
from segments.admin.staff import by_staff
from segments.models import Segment, SegmentVersion
from segments.rules.difference import Names
from segments.saving import drafts, questions, versions
from segments.saving.questions import Question
from workspaces.admin.scope import ScopedAdmin
from workspaces.locks import lock
from workspaces.problems import Invalid

PAGE = 20  # versions


def urls(owner: ScopedAdmin) -> list[URLPattern]:
    pages: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
        "versions": ("", show),
        "restore": ("<int:number>/restore/", restore),
        "delete_version": ("<int:number>/delete/", delete),
    }
    return [
        path(
            f"<str:segment_id>/versions/{rest}",
            owner.admin_site.admin_view(partial(view, owner)),
            name=f"segments_segment_{name}",
        )
        for name, (rest, view) in pages.items()
    ]


def line(segment: Segment, last: SegmentVersion | None) -> dict[str, Any]:
    """What the page of a segment says of its last version."""
    return {
        "last": last,
        "saved": last and _saved(segment, last),
        "users": len(usage.named_by(segment)),
    }


def _saved(segment: Segment, version: SegmentVersion) -> str:
    return f"saved {versions.saved_at(segment.workspace, version.saved_at)} {versions.saved_by(version)}"


# --- the list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ContentChange:
    """In words, and how many people more or fewer; `number` is of the version that it starts from."""

    number: int
    said: list[str]
    people: str


@dataclass(frozen=True)
class Row:
    version: SegmentVersion
    saved: str
    people: str
    problem: str  # why nobody can say how many
    since: ContentChange | None  # the version before; none for the oldest that is kept
    restoring: ContentChange | None  # the last version; none for that one itself


def show(
    owner: ScopedAdmin, request: HttpRequest, segment_id: str, problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    """The newest first, a page at a time."""
    segment: Segment = owner.found(request, segment_id)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
    page = list(versions.newest_first(segment, before)[: PAGE + 1])
    last = versions.latest([segment]).get(segment.pk)
    rows = _rows(segment, page, last)
    said = {
        "segment": segment,
        "rows": rows,
        "state": versions.state(segment, last),
        "older": rows[-1].version.number if len(page) > PAGE else None,
        "is_first_page": before is None,
        "may_change": owner.has_change_permission(request, segment),
        "most": versions.MOST_KEPT,
        "problems": problems or [],
        "title": f"Versions of {segment}",
    }
    return owner.page(request, "admin/segments/segment/versions.html", said, status)


def _rows(segment: Segment, page: list[SegmentVersion], last: SegmentVersion | None) -> list[Row]:
    kept = {each.number: each for each in [*page, *([last] if last else [])]}
    called, counts = versions.names(segment.workspace, kept.values()), versions.counts(segment, kept)
    return [
        _row(segment, version, page[place + 1] if place + 1 < len(page) else None, last, called, counts)
        for place, version in enumerate(page[:PAGE])
    ]


def _row(
    segment: Segment,
    version: SegmentVersion,
    older: SegmentVersion | None,
    last: SegmentVersion | None,
    called: Names,
    counts: Mapping[int, int | str],
) -> Row:
    count = counts[version.number]
    return Row(
        version,
        _saved(segment, version),
        questions.counted(count) if isinstance(count, int) else "",
        count if isinstance(count, str) else "",
        _change(older, version, called, counts) if older else None,
        _change(last, version, called, counts) if last and last != version else None,
    )


def _change(old: SegmentVersion, new: SegmentVersion, called: Names, counts: Mapping[int, int | str]) -> ContentChange:
    before, after = counts[old.number], counts[new.number]
    return ContentChange(
        old.number,
        versions.shortened(versions.changes(old, new, called)),
        _difference(after - before) if isinstance(before, int) and isinstance(after, int) else "",
    )


def _difference(number: int) -> str:
    return f"{abs(number):,} {'more' if number > 0 else 'fewer'}" if number else "as many people"


# --- restoring -------------------------------------------------------------------------------------------------------


def restore(owner: ScopedAdmin, request: HttpRequest, segment_id: str, number: int) -> HttpResponse:
    """Asks what a save would ask; what is restored is the next version."""
    segment, version = _to_change(owner, request, segment_id, number)
    if request.method != "POST" or "_keep" in request.POST:
        return _back(segment)
    try:
        with transaction.atomic():
            lock("segments", segment.workspace_id)
            question = _question(segment, version, request.POST)
            if question is None:
                _restore(owner, request, segment, version)
                return _back(segment)
    except Invalid as error:
        refused = [f"Version {number} cannot be restored: {problem}" for problem in error.problems]
        return show(owner, request, segment_id, refused, 400)
    except SnapshotBusy:
        return show(owner, request, segment_id, [BUSY], 503)
    return _asked(owner, request, segment, replace(question, no="Keep it as it is"))


def _to_change(
    owner: ScopedAdmin, request: HttpRequest, segment_id: str, number: int
) -> tuple[Segment, SegmentVersion]:
    segment: Segment = owner.found(request, segment_id)
    if not owner.has_change_permission(request, segment):
        raise PermissionDenied
    return segment, get_object_or_404(segment.versions, number=number)


def _question(segment: Segment, version: SegmentVersion, posted: Mapping[str, str]) -> Question | None:
    """Raises Invalid for whatever saving would refuse."""
    segment.refresh_from_db(fields=["name", "description", "rule", "document", "updated_at"])
    mine, draft = copy.copy(segment), versions.draft(version)
    with transaction.atomic():
        drafts.update(mine, draft)
        transaction.set_rollback(True)
    if posted.get("seen") != versions.state(segment, versions.latest([segment]).get(segment.pk)):
        return questions.about_another(mine, segment, f"Version {version.number}")
    question = questions.about_people(mine, draft.rule, segment)
    return None if question and question.kind == posted.get("confirmed") else question


def _restore(owner: ScopedAdmin, request: HttpRequest, segment: Segment, version: SegmentVersion) -> None:
    changes = versions.changes(segment, version, versions.names(segment.workspace, [segment, version]))
    drafts.update(segment, versions.draft(version), by_staff(request))
    owner.log_change(request, segment, [versions.log_message([f"version {version.number} restored", *changes])])
    last = versions.latest([segment])[segment.pk]
    said = f"{segment} is as it was in version {version.number}; this is version {last.number}."
    owner.message_user(request, said, messages.SUCCESS)


def _asked(owner: ScopedAdmin, request: HttpRequest, segment: Segment, question: Question) -> HttpResponse:
    said = {
        "question": question,
        "seen": request.POST.get("seen", ""),
        "original": segment,
        "title": question.title,
    }
    return owner.page(request, "admin/segments/segment/question.html", said)


def _back(segment: Segment) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:segments_segment_versions", args=[segment.pk]))


# --- deleting --------------------------------------------------------------------------------------------------------


def delete(owner: ScopedAdmin, request: HttpRequest, segment_id: str, number: int) -> HttpResponse:
    """For a version that names somebody who is to be forgotten. The last one is the segment itself and stays."""
    segment, version = _to_change(owner, request, segment_id, number)
    if "_keep" in request.POST:
        return _back(segment)
    if request.POST.get("confirmed") != "delete":
        return _asked(owner, request, segment, _about_deleting(version))
    with transaction.atomic():
        lock("segments", segment.workspace_id)
        deleted, _ = segment.versions.filter(number=number, segment__versions__number__gt=number).delete()
        if deleted:
            owner.log_change(request, segment, [versions.log_message([f"version {number} deleted"])])
    if deleted:
        owner.message_user(request, f"Version {number} is deleted.", messages.SUCCESS)
    else:
        owner.message_user(request, f"Version {number} is the last one and stays.", messages.ERROR)
    return _back(segment)


def _about_deleting(version: SegmentVersion) -> Question:
    return Question(
        "delete",
        f"Delete version {version.number}?",
        (
            "The segment stays as it is, and so do its other versions.",
            f"What it was in version {version.number} goes, and cannot be brought back.",
        ),
        f"Delete version {version.number}",
        no="Keep it",
    )
