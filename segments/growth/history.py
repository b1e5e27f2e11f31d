"""Keep for each day how many people are in each segment, and who came and went since the day before.

A day is one of the workspace's time zone. Its row is brought up to date whenever the segment is counted on it, so it
ends as the last count of the day. Entered are those who were in then and had not been in at the last count before
that day, left those the other way round: somebody who comes and goes within a day is in neither. So every row's count
is that of the row before, plus entered, minus left. Where a day was not recorded there is no row, and what happened
on it is in the next row that there is. On a segment's first day its first count stands for the one before.

Somebody who was deleted has left. Of somebody who was forgotten no bitmap says anything; the counts of days past
still have them in, and the next row has one more who left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef
from pyroaring import BitMap64

from contacts.columnar import snapshot
from contacts.models import Contact
from contacts.values import local_day
from segments.engine import summaries
from segments.engine.audience import Audience
from segments.growth.charts import SPAN, Day
from segments.models import Segment, SegmentDay, SegmentPeople
from workspaces.locks import lock
from workspaces.models import Workspace

AT_ONCE = 50  # segments that are counted in one pass: each is a bit for each contact until it is written
WRITTEN_AT_ONCE = 20  # segments whose bitmaps are held together


@dataclass(frozen=True)
class Recorded:
    """How many segments were counted, and how many nobody can count; of those no row is written."""

    counted: int
    broken: int


def record(workspace: Workspace, now: int | None = None, *, only_changed: bool = False) -> Recorded:
    """Count a workspace's segments for today. `only_changed`: those that were saved since they were last counted.

    `now`: the moment, in milliseconds UTC; PostgreSQL's if left out. Safe to run at any time, any number at once: each
    waits for the others, and a count that was interrupted is as if it had not been. Raises SnapshotBusy.
    """
    snapshot.read(workspace, ())  # takes in what was written first if that is much: below, nothing may
    with transaction.atomic():
        lock_history(workspace.pk)
        SegmentPeople.objects.filter(segment__workspace=workspace.pk).exclude(segment__deleted_at=None).delete()
    wanted = workspace.segments.live()
    if only_changed:
        same = SegmentPeople.objects.filter(segment=OuterRef("pk"), saved_at=OuterRef("updated_at"))
        wanted = wanted.exclude(Exists(same))
    ids = list(wanted.values_list("pk", flat=True))
    counted = sum(_record(workspace, ids[start : start + AT_ONCE], now) for start in range(0, len(ids), AT_ONCE))
    return Recorded(counted, len(ids) - counted)


def _record(workspace: Workspace, ids: Sequence[str], now: int | None) -> int:
    with transaction.atomic():
        # Taken before anything is read: whoever is forgotten under this lock cannot come back by what was read before.
        lock_history(workspace.pk)
        segments = {each.pk: each for each in workspace.segments.live().filter(pk__in=ids)}
        told = summaries.of_segments(workspace, segments.values(), now)
        found = iter([(segments[pk], each) for pk, each in told.items() if isinstance(each, Audience)])
        counted = 0
        while part := list(islice(found, WRITTEN_AT_ONCE)):
            _write(workspace, part)
            counted += len(part)
        return counted


def lock_history(workspace_id: str) -> None:
    """Whoever writes what is kept here holds this to the end of the transaction."""
    lock("history", workspace_id)


def _write(workspace: Workspace, found: Sequence[tuple[Segment, Audience]]) -> None:
    kept = SegmentPeople.objects.filter(segment__in=[segment.pk for segment, _ in found])
    held = {each.segment_id: each for each in kept}
    written = [_counted(segment, held.get(segment.pk), each, workspace) for segment, each in found]
    SegmentPeople.objects.bulk_create(
        [people for people, _ in written if people is not None],
        update_conflicts=True,
        unique_fields=["segment"],
        update_fields=["day", "before", "count_before", "people", "count", "saved_at"],
    )
    SegmentDay.objects.bulk_create(
        [row for people, row in written if people is not None],
        update_conflicts=True,
        unique_fields=["segment", "day"],
        update_fields=["count", "entered", "left"],
    )


def _counted(
    segment: Segment, held: SegmentPeople | None, found: Audience, workspace: Workspace
) -> tuple[SegmentPeople | None, SegmentDay]:
    """What to keep of a count, None where all is as it was, and the row of its day."""
    today = so_far(held, found, local_day(found.now, workspace.zone))
    day = today.day
    row = SegmentDay(segment=segment, day=day.day, count=day.count, entered=day.entered, left=day.left)
    same = held and held.day == day.day and held.saved_at == segment.updated_at and held.count == day.count
    if held and same and read(held.people) == today.people:
        return None, row
    kept = SegmentPeople(
        segment=segment,
        day=day.day,
        before=today.before.serialize(),
        count_before=today.count_before,
        people=today.people.serialize(),
        count=day.count,
        saved_at=segment.updated_at,
    )
    return kept, row


@dataclass(frozen=True)
class Today:
    """A day, of which this is the newest count, and whom it is about."""

    day: Day
    people: BitMap64
    before: BitMap64  # who was in before it
    count_before: int  # those who were forgotten since among them

    @property
    def entered(self) -> BitMap64:
        return self.people - self.before

    @property
    def left(self) -> BitMap64:
        return self.before - self.people


def so_far(held: SegmentPeople | None, found: Audience, day: date) -> Today:
    """What a count says of its day, next to what was kept of the one before."""
    people = found.ids()
    if held is None:
        before, count_before = people, len(people)
    elif held.day < day:
        before, count_before = read(held.people), held.count
    else:  # no day comes twice, though a workspace may move to an earlier time zone
        before, count_before, day = read(held.before), held.count_before, held.day
    entered = people.difference_cardinality(before)
    return Today(Day(day, len(people), entered, count_before + entered - len(people)), people, before, count_before)


def read(data: bytes | memoryview) -> BitMap64:
    return BitMap64.deserialize(bytes(data))


# --- reading -------------------------------------------------------------------------------------------------------


def days(segments: Iterable[Segment], today: date, span: int = SPAN) -> dict[str, list[Day]]:
    """What was recorded of each since so many days ago, in one query; the segments are ones the caller may see."""
    found: dict[str, list[Day]] = {segment.pk: [] for segment in segments}
    rows = SegmentDay.objects.filter(segment__in=found, day__gte=today - timedelta(days=span), day__lte=today)
    for row in rows.order_by("segment", "day"):
        found[row.segment_id].append(Day(row.day, row.count, row.entered, row.left))
    return found


def with_today(recorded: Sequence[Day], today: Day) -> list[Day]:
    return [*(each for each in recorded if each.day != today.day), today]


def forget(contact: Contact) -> int:
    """Take somebody out of all bitmaps; how many there were. Call it in the transaction that deletes them."""
    lock_history(contact.workspace_id)
    count = 0
    kept = SegmentPeople.objects.filter(segment__workspace=contact.workspace_id)
    for held in kept.iterator(chunk_size=WRITTEN_AT_ONCE):
        before, people = read(held.before), read(held.people)
        if contact.pk in before or contact.pk in people:
            before.discard(contact.pk)
            people.discard(contact.pk)
            kept.filter(pk=held.pk).update(before=before.serialize(), people=people.serialize())
            count += 1
    return count
