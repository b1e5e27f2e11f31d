"""What is going on in a workspace: how many contacts, which segments with how many people, and whether all is well."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from contacts import importjobs
from contacts.models import ContactMark, ImportJob, ImportState
from contacts.refresh import SnapshotBusy
from contacts.values import local_day, milliseconds
from segments import audience, listing
from segments.listing import Told
from segments.models import Segment
from segments.references import Wanted
from segments.rules.tree import All, Condition
from workspaces.models import Workspace

MOST_SEGMENTS = 12  # those changed last
MOST_IMPORTS, FAILED_LATELY = 3, timedelta(days=7)


@dataclass(frozen=True)
class Overview:
    """`contacts` and `today`: None while a very large import is being taken in."""

    contacts: int | None
    today: int | None  # of them, made today
    segments: list[tuple[Segment, Told]]
    segment_count: int
    waiting: int  # contacts written that are not in the columns yet; they are counted all the same
    imports: list[ImportJob]  # that go on, or have failed lately

    @property
    def broken(self) -> list[Segment]:
        return [segment for segment, told in self.segments if told.problem]


def overview(workspace: Workspace, now: datetime) -> Overview:
    live = workspace.segments.live()
    latest = list(live.order_by("-updated_at", "-id")[:MOST_SEGMENTS])
    for segment in latest:
        segment.workspace = workspace
    told = listing.told(latest)
    segments = [(segment, told[segment.pk]) for segment in latest]
    waiting = ContactMark.objects.filter(workspace_id=workspace.pk).values("contact_id").distinct().count()
    imports = _imports(workspace, now)
    day = str(local_day(milliseconds(now), workspace.zone))
    try:
        everybody, today = audience.several(workspace, [Wanted(All()), Wanted(Condition("createdAt", "on", day))])
    except SnapshotBusy:
        return Overview(None, None, segments, live.count(), waiting, imports)
    return Overview(everybody.count, today.count, segments, live.count(), waiting, imports)


def _imports(workspace: Workspace, now: datetime) -> list[ImportJob]:
    failed = Q(state__in=(ImportState.FAILED, ImportState.STOPPED), updated_at__gt=now - FAILED_LATELY)
    return list(workspace.imports.filter(Q(state__in=importjobs.GOING) | failed).order_by("-id")[:MOST_IMPORTS])
