"""What is going on in a workspace: how many contacts, which segments with how many people, and whether all is well."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from contacts import worker
from contacts.columnar.busy import SnapshotBusy
from contacts.importing import import_jobs
from contacts.models import ContactMark, ImportJob, ImportState
from contacts.values import local_day, milliseconds
from segments.engine import audience, summaries
from segments.engine.summaries import Told
from segments.growth import page_facts
from segments.growth.charts import SPAN
from segments.growth.page_facts import Trend
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.tree import All, Condition
from workspaces.models import Workspace

MOST_SEGMENTS = 12  # those changed last
MOST_IMPORTS, FAILED_LATELY = 3, timedelta(days=7)


@dataclass(frozen=True)
class Overview:
    """`contacts` and `today`: None while a very large import is being taken in."""

    contacts: int | None
    today: int | None  # of them, made today
    segments: list[tuple[Segment, Told, Trend]]
    segment_count: int
    waiting: int  # contacts written that are not in the columns yet; they are counted all the same
    has_key: bool
    worker: str  # when one was last seen, in words; empty where there is none
    imports: list[ImportJob]  # that go on, or have failed lately
    span = SPAN  # days, of trends

    @property
    def broken(self) -> list[Segment]:
        return [segment for segment, told, _ in self.segments if told.problem]


def overview(workspace: Workspace, now: datetime) -> Overview:
    live = workspace.segments.live()
    latest = list(live.order_by("-updated_at", "-id")[:MOST_SEGMENTS])
    told = summaries.told(latest)
    trends = page_facts.trends(latest, told, now)
    segments = [(segment, told[segment.pk], trends[segment.pk]) for segment in latest]
    waiting = ContactMark.objects.filter(workspace_id=workspace.pk).values("contact_id").distinct().count()
    day = str(local_day(milliseconds(now), workspace.zone))
    seen = _seen(worker.last_seen(), now)
    has_key, imports = workspace.api_keys.usable(now).exists(), _imports(workspace, now)
    rest = segments, live.count(), waiting, has_key, seen, imports
    try:
        everybody, today = audience.several(
            workspace, [RuleWithPins(All()), RuleWithPins(Condition("createdAt", "on", day))]
        )
    except SnapshotBusy:
        return Overview(None, None, *rest)
    return Overview(everybody.count, today.count, *rest)


def _seen(worker: datetime | None, now: datetime) -> str:
    if worker is None:
        return ""
    seconds = max(round((now - worker).total_seconds()), 0)
    return f"{seconds:,} s ago" if seconds < 120 else f"{seconds // 60:,} minutes ago"


def _imports(workspace: Workspace, now: datetime) -> list[ImportJob]:
    failed = Q(state__in=(ImportState.FAILED, ImportState.STOPPED), updated_at__gt=now - FAILED_LATELY)
    return list(workspace.imports.filter(Q(state__in=import_jobs.GOING) | failed).order_by("-id")[:MOST_IMPORTS])
