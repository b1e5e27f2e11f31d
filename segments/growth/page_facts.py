"""What pages say about the growth of segments: what was recorded up to yesterday, and how it is just now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyroaring import BitMap64

from contacts.models import Contact
from contacts.values import local_day, milliseconds
from segments.engine.audience import Audience
from segments.engine.summaries import Told
from segments.growth import charts, history
from segments.growth.charts import SPAN, Point, Sparkline
from segments.models import Segment, SegmentPeople

SHOWN = 10  # people who came or went


def of(segment: Segment, now: datetime, found: Audience | None) -> dict[str, Any]:
    """For a segment's own page. `found`: who is in just now, None where nobody can say or has counted."""
    today = _today(segment, now)
    days = history.days([segment], today)[segment.pk]
    held = SegmentPeople.objects.filter(segment=segment).first()
    moved: dict[str, BitMap64] = {}
    if held and found:  # as it is now, which is nowhere noted
        current = history.so_far(held, found, local_day(found.now, segment.workspace.zone))
        days = history.with_today(days, current.day)
        today = max(today, current.day.day)
        moved = {"Entered today": current.entered, "Left today": current.left}
    return {
        "summary": charts.summary(days, today),
        "days": days[::-1],
        "drawing": charts.growth(days, today) if len(days) > 1 else None,
        "moved": [(words, _some(segment, ids)) for words, ids in moved.items() if ids],
    }


def _today(segment: Segment, now: datetime) -> date:
    return local_day(milliseconds(now), segment.workspace.zone)


@dataclass(frozen=True)
class Some:
    people: list[Contact]
    more: int


def _some(segment: Segment, ids: BitMap64) -> Some:
    """Those made last, of those who are still there."""
    people = list(segment.workspace.contacts.filter(pk__in=ids[-SHOWN:].to_array()).order_by("-pk"))
    return Some(people, len(ids) - len(people))


# --- many segments -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trend:
    """`words` are about the change alone, and empty where there is nothing to compare."""

    line: Sparkline | None
    words: str


def trends(segments: Sequence[Segment], told: Mapping[str, Told], now: datetime) -> dict[str, Trend]:
    """Of segments of one workspace, in one query."""
    return {
        pk: Trend(charts.sparkline(points, today), charts.change(points, today))
        for pk, today, points in _points(segments, told, now, SPAN)
    }


def changes(segments: Sequence[Segment], told: Mapping[str, Told], now: datetime, span: int) -> dict[str, str]:
    """Of segments of one workspace, in one query."""
    return {pk: charts.change(points, today, span) for pk, today, points in _points(segments, told, now, span)}


def _points(
    segments: Sequence[Segment], told: Mapping[str, Told], now: datetime, span: int
) -> Iterator[tuple[str, date, list[Point]]]:
    """What was recorded before today, and behind it what is counted now; nothing of one that nobody can count."""
    if not segments:
        return
    today = _today(segments[0], now)
    for pk, recorded in history.days(segments, today, span).items():
        count = told[pk].count
        before = [(each.day, each.count) for each in recorded if each.day < today]
        yield pk, today, [] if count is None else [*before, (today, count)]
