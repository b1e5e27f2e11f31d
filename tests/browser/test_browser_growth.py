"""How segments grow, as people see it: the chart on a segment's page and the lines on the dashboard."""

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.values import local_day, milliseconds
from segments.growth import history
from segments.models import SegmentDay
from tests.browser.screen import LONG, PRO, make, pytestmark  # noqa: F401


def past(segment, counts):
    """What was recorded on the days before today, the last of them yesterday; None for a day without a record."""
    today = local_day(milliseconds(timezone.now()), segment.workspace.zone)
    days = [(today - timedelta(days=len(counts) - place), count) for place, count in enumerate(counts)]
    before = counts[0]
    for day, count in days:
        if count is not None:
            net = count - before
            SegmentDay.objects.create(
                segment=segment,
                day=day,
                count=count,
                entered=max(net, 0) + count // 8 % 9,
                left=max(-net, 0) + count // 8 % 9,
            )
            before = count


@pytest.fixture
def grown(people):
    """Segments with much, little and no history."""
    much = make(people, {"all": [PRO]}, "Paying")
    little = make(people, {"all": [PRO]}, LONG)
    make(people, {"all": [PRO]}, "New")
    counts = [10 + day // 3 + (day * day * 37) % 5 for day in range(29)] + [24]
    past(much, [*counts[:11], None, None, None, *counts[14:17], None, *counts[18:]])
    past(little, [1_234_567_890, 24])
    history.record(people, milliseconds(timezone.now()))
    return much, little


def address(segment):
    return f"/admin/segments/segment/{segment.pk}/change/"


def test_the_chart_is_drawn_said_and_listed(bo, grown):
    much, _ = grown
    bo.open(address(much)).sees("Grew from 10 to 24 in 30 days; most on", ".growth")
    assert len(bo.all(".growth .people")) == 3  # two gaps
    chart = bo.css(".growth .chart")
    assert chart.size["width"] > 300
    assert bo.css(".growth svg.line").size["height"] == 160
    bo.css(".growth summary").click()
    assert len(bo.all(".growth tbody tr")) == 31 - 4


def test_the_dashboard_draws_a_line_for_each_segment_that_has_one(bo, grown):
    bo.open("/admin/").sees("up 14 in 30 days", "#segments-now")
    assert len(bo.all("#segments-now .sparkline")) == 3
    size = bo.css("#segments-now .sparkline").size
    assert (size["width"], size["height"]) == (96, 24)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_charts(bo, grown, axe, dark):
    bo.dark(dark)
    assert bo.open("/admin/").violations(axe) == "", "dashboard"
    assert bo.open("/admin/segments/segment/").violations(axe) == "", "list"
    for segment in grown:
        bo.open(address(segment)).css(".seg-row")  # the builder is there: nothing moves any more
        bo.css(".growth summary").click()
        assert bo.violations(axe) == "", segment.name


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 320])
def test_charts_do_not_scroll_sideways(bo, grown, width):
    bo.resize(width)
    for where in ("/admin/", "/admin/segments/segment/", *map(address, grown)):
        bo.open(where)
        for summary in bo.all(".growth summary"):
            summary.click()
        assert bo.sideways() <= 0, where
