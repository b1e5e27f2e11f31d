"""Draw how a segment has grown: the shapes of an SVG, and the same in words. Pure Python, no Django.

Numbers of shapes are texts, so that no template writes them in somebody's language.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

SPAN = 30  # days, from as many days ago to today
WIDTH = 744.0  # of a growth chart: 24 for each of its 31 days
LINE_HEIGHT, BARS_HEIGHT = 160.0, 80.0
SPARK_WIDTH, SPARK_HEIGHT = 96.0, 24.0
_MARGIN = 3.0  # in which the line's ends and its last point have room
_LEAST = 1.0  # height of a bar of somebody

Point = tuple[date, int]


@dataclass(frozen=True)
class Day:
    """How many were in at a day's last count, and who came and went since the count before that day."""

    day: date
    count: int
    entered: int
    left: int

    @property
    def net(self) -> int:
        return self.entered - self.left


# --- words ---------------------------------------------------------------------------------------------------------


def in_short(day: date, today: date) -> str:
    """3 Nov, with the year where it is not this one."""
    return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b %Y}"


def change(points: Sequence[Point], today: date, span: int = SPAN) -> str:
    """What became of the number: up 1,204 in 30 days. Empty where there is nothing to compare."""
    if len(points) < 2:
        return ""
    (first, before), (_, after) = points[0], points[-1]
    return f"{_difference(after - before)} {_time(first, today, span)}"


def summary(days: Sequence[Day], today: date, span: int = SPAN) -> str:
    """One sentence about a growth chart."""
    if not days:
        return "Nothing is recorded yet."
    first, last = days[0], days[-1]
    if first == last:
        return "Recording since today." if last.day == today else f"Recorded only on {in_short(last.day, today)}."
    lapse = _time(first.day, today, span)
    until = "" if last.day == today else f", until {in_short(last.day, today)}"
    if first.count == last.count:
        came, went = (sum(getattr(each, name) for each in days[1:]) for name in ("entered", "left"))
        moved = f"; {came:,} entered and {went:,} left" if came or went else ""
        return f"{last.count:,} now as before, {lapse}{until}{moved}."
    grew = last.count > first.count
    words = f"{'Grew' if grew else 'Shrank'} from {first.count:,} to {last.count:,} {lapse}{until}"
    most = max(days[1:], key=lambda each: each.net if grew else -each.net)
    return f"{words}; most on {in_short(most.day, today)}." if len(days) > 2 else f"{words}."


def _difference(number: int) -> str:
    return f"up {number:,}" if number > 0 else f"down {-number:,}" if number else "unchanged"


def _time(first: date, today: date, span: int) -> str:
    days = (today - first).days
    return f"in {span} days" if days == span else "since yesterday" if days == 1 else f"since {in_short(first, today)}"


# --- shapes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sparkline:
    """`lines`: one for each stretch without a gap; `x`, `y`: where the last point is."""

    lines: list[str]
    x: str
    y: str


def sparkline(points: Sequence[Point], today: date, span: int = SPAN) -> Sparkline | None:
    """Without an axis: from the lowest to the highest, or in the middle where all are equal. None of no points."""
    if not points:
        return None
    counts = [count for _, count in points]
    low, high = min(counts), max(counts)
    step, room = (SPARK_WIDTH - 2 * _MARGIN) / span, SPARK_HEIGHT - 2 * _MARGIN
    placed = []
    for day, count in points:
        share = (count - low) / (high - low) if high > low else 0.5
        place = span - (today - day).days
        placed.append((place, _MARGIN + place * step, _MARGIN + room * (1 - share)))
    return Sparkline(list(_lines(placed)), *(_written(each) for each in placed[-1][1:]))


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Growth:
    """`lines` over a zero axis, and below it `entered` above and `left` beneath a second one; both share their days."""

    lines: list[str]
    most: int  # at the top of the first
    entered: list[Bar]
    left: list[Bar]
    most_moved: int  # at both ends of the second
    labels: list[str]  # four days, evenly over the width


def growth(days: Sequence[Day], today: date, span: int = SPAN) -> Growth:
    slot = WIDTH / (span + 1)
    most = max((each.count for each in days), default=0)
    most_moved = max((max(each.entered, each.left) for each in days), default=0)
    room, middle = LINE_HEIGHT - 2 * _MARGIN, BARS_HEIGHT / 2
    placed: list[tuple[int, float, float]] = []
    entered: list[Bar] = []
    left: list[Bar] = []
    for each in days:
        place = span - (today - each.day).days
        start = place * slot
        share = each.count / most if most else 0
        placed.append((place, start + slot / 2, _MARGIN + room * (1 - share)))
        for bars, number in ((entered, each.entered), (left, each.left)):
            if number:
                height = max(middle * number / most_moved, _LEAST)
                top = middle - height if bars is entered else middle
                bars.append(Bar(*map(_written, (start + slot / 6, top, slot * 2 / 3, height))))
    labels = [in_short(today - timedelta(days=round(span * (3 - third) / 3)), today) for third in range(4)]
    return Growth(list(_lines(placed)), most, entered, left, most_moved, labels)


def _lines(placed: Sequence[tuple[int, float, float]]) -> Iterator[str]:
    """A path for each stretch of neighbouring places; a place on its own is a point, drawn by the line's round end."""
    stretch: list[str] = []
    before = None
    for place, x, y in placed:
        if before is not None and place - before > 1:
            yield _path(stretch)
            stretch = []
        stretch.append(f"{_written(x)} {_written(y)}")
        before = place
    if stretch:
        yield _path(stretch)


def _path(places: Sequence[str]) -> str:
    return f"M{places[0]}h0" if len(places) == 1 else f"M{'L'.join(places)}"


def _written(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
