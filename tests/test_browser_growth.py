"""How segments grow, as people see it: the chart on a segment's page and the lines on the dashboard."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from contacts.values import local_day, milliseconds
from segments import history
from segments.models import SegmentDay
from tests.test_browser import PASSWORD, PRO, Screen, axe, chromium, make, people, pytestmark  # noqa: F401
from workspaces.models import Member, Role

LONG = "".join(f"Very long word{number} " for number in range(9))[:120]


@pytest.fixture
def ana(chromium, live_server, people):  # noqa: F811
    user = User.objects.create_user("ana", password=PASSWORD, is_staff=True)
    Member.objects.create(workspace=people, user=user, role=Role.ADMIN)
    screen = Screen(chromium, live_server.url).sign_in("ana")
    chromium.get_log("browser")
    yield screen
    assert screen.problems() == []
    chromium.get("about:blank")


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
def grown(people):  # noqa: F811
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


def test_the_chart_is_drawn_said_and_listed(ana, grown):
    much, _ = grown
    ana.open(address(much)).sees("Grew from 10 to 24 in 30 days; most on", ".growth")
    assert len(ana.all(".growth .people")) == 3  # two gaps
    chart = ana.css(".growth .chart")
    assert chart.size["width"] > 300
    assert ana.css(".growth svg.line").size["height"] == 160
    ana.css(".growth summary").click()
    assert len(ana.all(".growth tbody tr")) == 31 - 4


def test_the_dashboard_draws_a_line_for_each_segment_that_has_one(ana, grown):
    ana.open("/admin/").sees("up 14 in 30 days", "#segments-now")
    assert len(ana.all("#segments-now .sparkline")) == 3
    size = ana.css("#segments-now .sparkline").size
    assert (size["width"], size["height"]) == (96, 24)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_charts(ana, grown, axe, dark):  # noqa: F811
    ana.dark(dark)
    assert ana.open("/admin/").violations(axe) == "", "dashboard"
    assert ana.open("/admin/segments/segment/").violations(axe) == "", "list"
    for segment in grown:
        ana.open(address(segment)).css(".growth summary").click()
        ana.css(".seg-row")
        assert ana.violations(axe) == "", segment.name


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 320])
def test_charts_do_not_scroll_sideways(ana, grown, width):
    ana.resize(width)
    for where in ("/admin/", "/admin/segments/segment/", *map(address, grown)):
        ana.open(where)
        for summary in ana.all(".growth summary"):
            summary.click()
        assert ana.sideways() <= 0, where


@pytest.mark.skipif(not os.environ.get("SCREENSHOTS"), reason="writes files: asked for by SCREENSHOTS=1")
def test_pictures(ana, grown):
    folder = Path("/tmp/growth")
    folder.mkdir(exist_ok=True)
    for dark in (False, True):
        ana.dark(dark)
        for width in (1440, 390):
            ana.resize(width, 1000)
            for name, where in [("dashboard", "/admin/"), ("list", "/admin/segments/segment/"), ("much", address(grown[0])), ("little", address(grown[1]))]:  # fmt: skip
                ana.open(where)
                if name in ("much", "little"):
                    ana.css(".seg-row")
                    ana.driver.execute_script("document.querySelector('.growth').scrollIntoView({block:'center'})")
                ana.driver.save_screenshot(str(folder / f"{name}-{width}{'-dark' if dark else ''}.png"))
