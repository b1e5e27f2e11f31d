"""How many were in each segment from day to day, who came and went, and what the pages and programs see of it."""

import html
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from contacts import worker
from contacts.columnar.refresh import refresh
from contacts.models import Contact
from contacts.values import milliseconds
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.growth import charts, history
from segments.growth.charts import Day
from segments.growth.recorder import Recorder
from segments.models import Segment, SegmentDay, SegmentPeople
from segments.rules.tree import Any, Condition, InSegment
from segments.saving import drafts, pins
from segments.upkeep import forgetting
from tests import ROOT
from tests.callers import join
from tests.contacts.columnar.test_protocol import Elsewhere, execute, wait_until_blocked
from tests.people import add, custom, declare
from workspaces.models import Role

pytestmark = pytest.mark.django_db(transaction=True)

MADRID = ZoneInfo("Europe/Madrid")


def at(day, hour=12, minute=0, month=10):
    """A moment of October 2026 in Madrid."""
    return milliseconds(datetime(2026, month, day, hour, minute, tzinfo=MADRID))


def rows(segment):
    return list(SegmentDay.objects.filter(segment=segment).values_list("day", "count", "entered", "left"))


def october(*numbers):
    """Rows: the day of the month, count, entered, left."""
    return [(date(2026, 10, day), *rest) for day, *rest in numbers]


def make(workspace, rule=None, name="Paying"):
    return drafts.create(workspace, Draft(name, rule or custom("plan", "is", "pro"), rule_given=True))


def plan(name, plan):
    Contact.objects.filter(first_name=name).update(custom={"plan": plan})


@pytest.fixture
def people(shop):
    declare(shop, plan="text", ends="date")
    for name, plan in {"Ana": "pro", "Bo": "pro", "Cem": "free", "Dov": None}.items():
        add(shop, name, email=f"{name}@post.example", plan=plan)
    return shop


@pytest.fixture
def paying(people):
    return make(people)


# --- recording -----------------------------------------------------------------------------------------------------


def test_each_day_says_how_many_are_in_and_who_came_and_went_since_the_day_before(people, paying):
    history.record(people, at(1))
    plan("Cem", "pro")
    history.record(people, at(2))
    plan("Ana", "free")
    plan("Bo", "free")
    add(people, "Eva", plan="pro")
    history.record(people, at(3))
    history.record(people, at(4))
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0), (3, 2, 1, 2), (4, 2, 0, 0))


def test_within_a_day_people_are_counted_once_and_who_comes_and_goes_not_at_all(people, paying):
    history.record(people, at(1, 8))
    plan("Cem", "pro")
    history.record(people, at(1, 9))
    assert rows(paying) == october((1, 3, 1, 0))
    plan("Cem", "free")
    plan("Ana", "free")
    history.record(people, at(1, 10))
    assert rows(paying) == october((1, 1, 0, 1))
    plan("Ana", "pro")
    history.record(people, at(1, 11))
    assert rows(paying) == october((1, 2, 0, 0))
    plan("Cem", "pro")
    history.record(people, at(1, 23, 59))
    history.record(people, at(2, 0, 1))
    assert rows(paying) == october((1, 3, 1, 0), (2, 3, 0, 0))


def test_every_count_is_the_one_before_plus_entered_minus_left(people, paying, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 2
    names = [f"Person{number}" for number in range(12)]
    for name in names:
        add(people, name, plan="pro")
    for day in range(1, 28):
        for number, name in enumerate(names):
            if (day * 7 + number * 5) % 11 < 3:
                plan(name, "pro" if (day + number) % 2 else "free")
        if day == 11:
            Contact.objects.filter(first_name=names[0]).delete()
        if day in (5, 17):
            forgetting.forget(people, Contact.objects.get(first_name=names[day % 10]).pk)
        if day % 4:
            refresh(people)
            history.record(people, at(day, 9))
            plan(names[day % 12], "free")
            history.record(people, at(day, 21))
    found = rows(paying)
    assert [day.day for day, *_ in found] == [day for day in range(1, 28) if day % 4]
    counts = [count for _, count, *_ in found]
    assert [entered - left for _, _, entered, left in found[1:]] == [
        after - before for before, after in itertools.pairwise(counts)
    ]
    assert counts[-1] == paying_people(people)


def paying_people(workspace):
    return workspace.contacts.filter(custom__plan="pro").count()


def test_a_day_is_one_of_the_workspaces_time_zone(people, paying, rival):
    moment = milliseconds(datetime(2026, 10, 1, 22, 30, tzinfo=UTC))
    declare(rival, plan="text")
    theirs = make(rival)
    history.record(people, moment)
    history.record(rival, moment)
    assert [rows(each)[0][0] for each in (paying, theirs)] == [date(2026, 10, 2), date(2026, 10, 1)]


def test_a_day_of_twenty_five_hours_is_one_day(people, paying):
    """On 25 October 2026 the clocks of Madrid go back: its midnights are 25 hours apart."""
    start = milliseconds(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    history.record(people, start - 1)
    history.record(people, start)
    plan("Cem", "pro")
    history.record(people, start + 25 * 3_600_000 - 1)
    plan("Bo", "free")
    history.record(people, start + 25 * 3_600_000)
    assert rows(paying) == october((24, 2, 0, 0), (25, 3, 1, 0), (26, 2, 0, 1))


def test_a_rule_about_time_changes_its_people_though_nobody_writes(people):
    add(people, "Eva", ends="2026-10-03")
    ending = make(people, custom("ends", "in_the_next", 1), "Ending")
    for day in range(1, 5):
        history.record(people, at(day))
    assert [count for _, count, *_ in rows(ending)] == [0, 1, 0, 0]


def test_pins_and_other_segments_count_too(people, paying):
    around = make(people, InSegment(paying.pk), "Around")
    history.record(people, at(1))
    dov = Contact.objects.get(first_name="Dov")
    pins.pin(paying, [dov.pk], pins.Wish())
    history.record(people, at(2))
    assert rows(paying) == rows(around) == october((1, 2, 0, 0), (2, 3, 1, 0))


def test_of_a_segment_that_cannot_be_counted_there_is_a_gap_and_no_other_suffers(people, paying):
    declare(people, vip="text")
    broken = make(people, custom("vip", "is", "x"), "Broken")
    around = make(people, InSegment(broken.pk), "Around")
    history.record(people, at(1))
    people.properties.filter(name="vip").delete()
    done = history.record(people, at(2))
    assert (done.counted, done.broken) == (1, 2)
    declare(people, vip="text")
    add(people, "Eva", vip="x")
    history.record(people, at(3))
    assert rows(broken) == rows(around) == october((1, 0, 0, 0), (3, 1, 1, 0))
    assert rows(paying) == october((1, 2, 0, 0), (2, 2, 0, 0), (3, 2, 0, 0))


def test_a_deleted_segment_stops_and_its_people_are_not_kept(people, paying):
    history.record(people, at(1))
    drafts.delete(paying)
    assert history.record(people, at(2)).counted == 0
    assert rows(paying) == october((1, 2, 0, 0))
    assert not SegmentPeople.objects.exists()


def test_a_workspace_that_moves_to_an_earlier_time_zone_has_no_day_twice(people, paying):
    history.record(people, at(2, 1))
    people.timezone = "America/New_York"
    people.save()
    moved = type(people).objects.get()
    plan("Cem", "pro")
    history.record(moved, at(2, 2))
    assert rows(paying) == october((2, 3, 1, 0))


def test_more_segments_than_are_counted_or_written_at_once(people, monkeypatch):
    monkeypatch.setattr(history, "AT_ONCE", 7)
    monkeypatch.setattr(history, "WRITTEN_AT_ONCE", 3)
    held = [make(people, name=f"Paying {number}") for number in range(16)]
    assert history.record(people, at(1)).counted == 16
    assert all(rows(each) == october((1, 2, 0, 0)) for each in held)


def test_nothing_is_written_where_nothing_has_changed(people, paying):
    history.record(people, at(1, 8))
    versions = "SELECT xmin::text FROM segments_segmentday UNION ALL SELECT xmin::text FROM segments_segmentpeople"
    before = asked(versions)
    history.record(people, at(1, 9))
    assert asked(versions) == before
    plan("Cem", "pro")
    plan("Bo", "free")  # as many as before, but others
    history.record(people, at(1, 10))
    assert rows(paying) == october((1, 2, 1, 1))


def asked(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


# --- side by side --------------------------------------------------------------------------------------------------


def test_two_at_once_wait_for_each_other_and_agree(people, paying):
    history.record(people, at(1))
    plan("Cem", "pro")
    with Elsewhere() as one, Elsewhere() as other:
        with transaction.atomic():
            history.lock_history(people.pk)
            running = [one.start(history.record, people, at(2)), other.start(history.record, people, at(2))]
            wait_until_blocked(2)
        assert [each.result(timeout=30).counted for each in running] == [1, 1]
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0))


def test_many_at_once_while_people_come_and_go_lose_nothing(people, paying):
    history.record(people, at(1))
    recorders = [Elsewhere() for _ in range(3)]
    for each in recorders:
        each.__enter__()
    try:
        for round_ in range(6):
            running = [each.start(history.record, people, at(2, round_)) for each in recorders]
            plan("Cem", "pro" if round_ % 2 else "free")
            for each in running:
                each.result(timeout=30)
    finally:
        for each in recorders:
            each.__exit__()
    history.record(people, at(2, 20))
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0))


def test_somebody_who_is_forgotten_meanwhile_does_not_come_back(people, paying):
    """Whoever records has read them already when they are forgotten: it must be forgotten behind that."""
    ana = Contact.objects.get(first_name="Ana")
    with Elsewhere() as recorder, Elsewhere() as eraser:
        with transaction.atomic():
            execute("LOCK TABLE segments_segmentday IN EXCLUSIVE MODE")  # the last that is written
            running = recorder.start(history.record, people, at(1))
            wait_until_blocked(1)
            erasing = eraser.start(forgetting.forget, people, ana.pk)
            wait_until_blocked(2)
        running.result(timeout=30)
        erasing.result(timeout=30)
    kept = SegmentPeople.objects.get(segment=paying)
    assert ana.pk not in history.read(kept.people)
    assert ana.pk not in history.read(kept.before)
    assert len(history.read(kept.people)) == 1


def test_whoever_is_forgotten_is_in_no_bitmap_and_has_left_on_the_next_day(people, paying):
    everyone = make(people, Condition("email", "is_known", None), "Everyone")
    history.record(people, at(1))
    plan("Cem", "pro")
    history.record(people, at(2))
    for name in ("Ana", "Cem"):
        someone = Contact.objects.get(first_name=name).pk
        assert forgetting.forget(people, someone).erased["lists of who was in a segment"] == 2
        for kept in SegmentPeople.objects.all():
            assert someone not in history.read(kept.people) | history.read(kept.before)
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0))
    history.record(people, at(3))
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0), (3, 1, 0, 2))
    assert rows(everyone) == october((1, 4, 0, 0), (2, 4, 0, 0), (3, 2, 0, 2))


def test_a_recorder_that_is_killed_leaves_all_or_nothing_and_the_next_one_goes_on(people, paying):
    make(people, name="Second")
    history.record(people, at(1))
    plan("Cem", "pro")
    before = [rows(each) for each in Segment.objects.all()], list(SegmentPeople.objects.values())
    known = ("host", "port", "dbname", "user", "password")
    address = make_conninfo(**{k: v for k, v in connection.get_connection_params().items() if k in known})
    with transaction.atomic():
        execute("LOCK TABLE segments_segmentday IN EXCLUSIVE MODE")  # they wait with one of two tables written
        killed = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "record_history"], env={**os.environ, "DATABASE_URL": address}
        )
        try:
            wait_until_blocked_elsewhere(killed)
        finally:
            killed.send_signal(signal.SIGKILL)
            assert killed.wait() == -signal.SIGKILL
    assert ([rows(each) for each in Segment.objects.all()], list(SegmentPeople.objects.values())) == before
    history.record(people, at(2))
    assert rows(paying) == october((1, 2, 0, 0), (2, 3, 1, 0))


def wait_until_blocked_elsewhere(process):
    """As wait_until_blocked, with the patience that a process needs to start."""
    for _ in range(20):
        try:
            return wait_until_blocked()
        except AssertionError:
            assert process.poll() is None
    raise AssertionError("nobody waits")


# --- in the background ---------------------------------------------------------------------------------------------


def test_the_background_records_a_new_segment_a_change_of_it_and_a_new_day(people, django_assert_num_queries):
    recorder = Recorder()
    recorder.keep(at(1))
    paying = make(people)
    recorder.keep(at(1))
    assert rows(paying) == october((1, 2, 0, 0))
    with django_assert_num_queries(2):  # the cheap look: nothing has changed
        recorder.keep(at(1))
    drafts.update(paying, Draft(rule=custom("plan", "is", ["pro", "free"]), rule_given=True))
    recorder._due[people.pk] = time.monotonic() + 1000  # a large workspace rests: what is changed is counted yet
    recorder.keep(at(1))
    assert rows(paying) == october((1, 3, 1, 0))
    recorder._due.clear()
    recorder.keep(at(2))
    assert rows(paying) == october((1, 3, 1, 0), (2, 3, 0, 0))


def test_the_background_sees_what_is_written_to_contacts_once_it_is_refreshed(people, paying):
    recorder = Recorder()
    recorder.keep(at(1))
    plan("Cem", "pro")
    refresh(people)
    recorder._due.clear()
    recorder.keep(at(1))
    assert rows(paying) == october((1, 3, 1, 0))


def test_the_background_sees_time_go_by(people):
    add(people, "Eva", ends="2026-10-01T10:30:00Z")  # 12:30 in Madrid
    over = make(people, custom("ends", "more_than_ago", {"amount": 1, "unit": "hours"}), "Over")
    recorder = Recorder()
    recorder.keep(at(1, 13))
    recorder._due.clear()
    recorder.keep(at(1, 14))
    assert rows(over) == october((1, 1, 1, 0))


def test_a_large_workspace_is_not_counted_all_the_time(people, paying, monkeypatch):
    monkeypatch.setattr("segments.growth.recorder.REST", 1_000_000)
    recorder = Recorder()
    recorder.keep(at(1))
    plan("Cem", "pro")
    refresh(people)
    recorder.keep(at(1))
    assert rows(paying) == october((1, 2, 0, 0))


def test_a_workspace_that_cannot_be_recorded_is_in_no_others_way(people, paying, rival, monkeypatch):
    theirs = make(rival, Condition("firstName", "is", "Zoe"))
    record = history.record

    def failing(workspace, *args, **options):
        if workspace == people:
            raise RuntimeError("of any kind")
        return record(workspace, *args, **options)

    monkeypatch.setattr(history, "record", failing)
    Recorder().keep(at(1))
    assert (len(rows(theirs)), len(rows(paying))) == (1, 0)


def test_the_command_records_one_workspace_or_all(people, paying, rival):
    declare(rival, plan="text")
    theirs = make(rival)
    out = StringIO()
    call_command("record_history", "Rival shop", stdout=out)
    assert re.fullmatch(r"Rival shop: 1 segments recorded\n1 segments in [\d.]+ s\n", out.getvalue())
    assert (len(rows(theirs)), len(rows(paying))) == (1, 0)
    call_command("record_history", stdout=out)
    assert "Demo shop: 1 segments recorded\n" in out.getvalue()
    assert len(rows(paying)) == 1


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ana(people):
    return join(people, "ana", Role.AGENT)


def shown(client, address):
    response = client.get(address)
    assert response.status_code == 200
    content = response.content.decode()
    assert "style=" not in content
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content)).split())


def page(segment):
    return reverse("admin:segments_segment_change", args=[segment.pk])


def today(workspace):
    return datetime.now(workspace.zone).date()


def past(segment, **counts):
    """What was recorded so many days ago, by d3=12 and the like, and who was in before today as now."""
    day = today(segment.workspace)
    for ago, count in counts.items():
        SegmentDay.objects.create(
            segment=segment, day=day - timedelta(days=int(ago[1:])), count=count, entered=2, left=1
        )
    history.record(segment.workspace)


def test_a_segments_page_tells_how_it_has_grown_until_now(ana, people, paying):
    history.record(people, milliseconds(timezone.now() - timedelta(days=1)))
    past(paying, d30=1, d29=1)
    plan("Cem", "pro")
    plan("Ana", "free")
    plan("Dov", "pro")
    words = shown(ana, page(paying))
    assert "Grew from 1 to 3 in 30 days; most on" in words
    assert "Entered today: Dov , Cem ." in words
    assert "Left today: Ana ." in words
    day = today(people)
    assert f"Day by day People in this segment from day to day Day People Entered Left {day.day} {day:%b} {day.year} 3 2 1" in words  # fmt: skip
    assert SegmentDay.objects.get(segment=paying, day=day).count == 2  # a page records nothing


def test_a_page_reads_its_people_once_and_those_of_a_large_rule_not_at_all(ana, people, monkeypatch):
    read = []
    several = audience.several
    monkeypatch.setattr(audience, "several", lambda *args, **more: read.append(args) or several(*args, **more))
    for conditions, times in ((100, 1), (101, 0)):
        segment = make(people, Any(tuple(Condition("firstName", "is", f"x{number}") for number in range(conditions))), f"{conditions}")  # fmt: skip
        history.record(people)
        read.clear()
        assert "Recording since today." in shown(ana, page(segment))
        assert len(read) == times


def test_a_segments_first_day_says_so(ana, people, paying):
    assert "Nothing is recorded yet." in shown(ana, page(paying))
    history.record(people)
    words = shown(ana, page(paying))
    assert "Recording since today." in words
    assert 'class="chart"' not in ana.get(page(paying)).content.decode()


def test_a_broken_segments_page_shows_what_was_recorded(ana, people, paying):
    past(paying, d3=7, d2=9)
    people.properties.filter(name="plan").delete()
    words = shown(ana, page(paying))
    assert "Nobody can say who is in" in words
    assert "Shrank from 7 to 2 since" in words
    assert "Entered today" not in words


def test_people_who_are_gone_are_counted_but_not_named(ana, people, paying):
    history.record(people, milliseconds(timezone.now() - timedelta(days=1)))
    Contact.objects.filter(first_name="Ana").delete()
    plan("Bo", "free")
    assert "Left today: Bo and 1 more." in shown(ana, page(paying))


def test_the_list_says_how_they_changed_in_a_week(ana, people, paying):
    past(paying, d8=1, d7=12)
    new = make(people, custom("plan", "is", "free"), "New")
    words = shown(ana, reverse("admin:segments_segment_changelist"))
    assert "Change over 7 days" in words
    assert "People whose plan is pro. 2 down 10 in 7 days" in words
    assert "People whose plan is free. 1 – not known" in words
    assert rows(new) == []


def test_the_dashboard_says_how_they_changed_and_draws_it(ana, people, paying):
    past(paying, d31=9, d30=1, d2=1)
    drawn = re.findall(r'<svg class="sparkline".*?</svg>', ana.get(reverse("admin:index")).content.decode())
    assert [re.findall(r'[ "]d="([^"]*)"', each) for each in drawn] == [["M3 21h0", "M87 21h0", "M93 3h0"]]
    words = shown(ana, reverse("admin:index"))
    assert "People whose plan is pro. 2 up 1 in 30 days" in words
    assert "No worker is running: imports wait for one." in words


def test_the_dashboard_says_when_a_worker_was_last_seen(ana, people):
    execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '12 seconds')")
    assert re.search(r"Worker last seen 1[2-9] s ago\.", shown(ana, reverse("admin:index")))
    execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
    assert "Worker last seen 5 minutes ago." in shown(ana, reverse("admin:index"))
    assert worker.last_seen() is not None
    execute("DELETE FROM procrastinate_workers")


def test_the_pages_cost_as_many_queries_however_many_segments_and_days(
    ana, people, paying, django_assert_num_queries, django_assert_max_num_queries
):
    past(paying, d3=1)
    addresses = [reverse("admin:index"), reverse("admin:segments_segment_changelist")]
    for address in addresses:
        ana.get(address)
        with django_assert_max_num_queries(30) as first:
            ana.get(address)
        made = [make(people, name=f"{number} of {address}") for number in range(4)]
        for each in made:
            past(each, d9=1, d8=2, d4=5)
        with django_assert_num_queries(len(first)):
            ana.get(address)


def test_deleting_a_segment_takes_its_history_along_without_a_line_for_each_day(ana, people, paying):
    past(paying, d4=1, d3=1, d2=1)
    address = reverse("admin:segments_segment_delete", args=[paying.pk])
    words = shown(ana, address)
    assert "Recorded days: 4" in words
    assert "Recorded day:" not in words
    ana.post(address, {"post": "yes"})
    assert not Segment.objects.exists()
    assert not SegmentDay.objects.exists()


# --- over HTTP -----------------------------------------------------------------------------------------------------


def test_programs_get_what_was_recorded(api, people, paying):
    past(paying, d40=3, d30=4)
    answer = api.get(f"/api/segments/{paying.pk}/history")
    day = today(people)
    assert answer.json() == {
        "status": "success",
        "data": {
            "segmentId": paying.pk,
            "timezone": "Europe/Madrid",
            "history": [
                {"day": str(day - timedelta(days=30)), "count": 4, "entered": 2, "left": 1},
                {"day": str(day), "count": 2, "entered": 0, "left": 0},
            ],
        },
    }
    assert len(api.get(f"/api/segments/{paying.pk}/history", days="40").json()["data"]["history"]) == 3


@pytest.mark.parametrize("days", ["0", "-1", "3661", "x", "", "1.5", "²", "1" * 5_000])
def test_days_that_are_no_number_are_refused(api, paying, days):
    answer = api.get(f"/api/segments/{paying.pk}/history", days=days)
    assert answer.status_code == 400
    assert "give a whole number from 1 to 3660" in answer.content.decode()


# --- drawing -------------------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 24)


def day(ago, count, entered=0, left=0):
    return Day(TODAY - timedelta(days=ago), count, entered, left)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([], "Nothing is recorded yet."),
        ([day(0, 5)], "Recording since today."),
        ([day(3, 5)], "Recorded only on 21 Nov."),
        ([day(1, 5), day(0, 7, 3, 1)], "Grew from 5 to 7 since yesterday."),
        ([day(30, 44_900), day(21, 47_000, 3000, 900), day(0, 48_213, 1300, 87)], "Grew from 44,900 to 48,213 in 30 days; most on 3 Nov."),
        ([day(30, 9), day(2, 4, 1, 6), day(0, 3, 0, 1)], "Shrank from 9 to 3 in 30 days; most on 22 Nov."),
        ([day(5, 9), day(2, 4, 0, 5)], "Shrank from 9 to 4 since 19 Nov, until 22 Nov."),
        ([day(30, 9), day(1, 10, 2, 1), day(0, 9, 0, 1)], "9 now as before, in 30 days; 2 entered and 2 left."),
        ([day(30, 9), day(0, 9)], "9 now as before, in 30 days."),
        ([day(30, 0), day(0, 1_234_567_890_123, 1_234_567_890_123)], "Grew from 0 to 1,234,567,890,123 in 30 days."),
    ],
)  # fmt: skip
def test_a_chart_is_said_in_a_sentence(days, words):
    assert charts.summary(days, TODAY) == words


def test_days_of_another_year_are_said_with_it():
    assert charts.summary([Day(date(2026, 12, 30), 1, 0, 0), Day(date(2027, 1, 5), 2, 1, 0)], date(2027, 1, 5)) == (
        "Grew from 1 to 2 since 30 Dec 2026."
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], ""),
        ([(0, 5)], ""),
        ([(30, 5), (0, 1_209)], "up 1,204 in 30 days"),
        ([(12, 100), (0, 12)], "down 88 since 12 Nov"),
        ([(30, 5), (3, 8), (0, 5)], "unchanged in 30 days"),
        ([(1, 5), (0, 6)], "up 1 since yesterday"),
    ],
)
def test_a_change_is_said_in_words(points, words):
    assert charts.change([(TODAY - timedelta(days=ago), count) for ago, count in points], TODAY) == words


def sparkline(*points):
    return charts.sparkline([(TODAY - timedelta(days=ago), count) for ago, count in points], TODAY)


def test_a_sparkline_goes_from_the_lowest_to_the_highest_and_marks_the_last():
    assert sparkline() is None
    assert sparkline((30, 0), (29, 10), (28, 5)) == charts.Sparkline(["M3 21L6 3L9 12"], "9", "12")
    assert sparkline((0, 7)) == charts.Sparkline(["M93 12h0"], "93", "12")
    assert sparkline((30, 7), (29, 7)).lines == ["M3 12L6 12"]
    assert sparkline((30, 1), (29, 2), (2, 3), (0, 10**18)).lines == ["M3 21L6 21", "M87 21h0", "M93 3h0"]


def test_a_growth_chart_stands_on_zero_and_has_gaps():
    drawn = charts.growth([day(30, 50), day(29, 100, 60, 10), day(0, 0, 0, 100)], TODAY)
    assert drawn.lines == ["M12 80L36 3", "M732 157h0"]
    assert drawn.most == drawn.most_moved == 100
    assert drawn.entered == [charts.Bar("28", "16", "16", "24")]
    assert drawn.left == [charts.Bar("28", "40", "16", "4"), charts.Bar("724", "40", "16", "40")]
    assert drawn.labels == ["25 Oct", "4 Nov", "14 Nov", "24 Nov"]


def test_a_growth_chart_of_nobody_is_flat_and_of_a_single_one_among_many_visible():
    drawn = charts.growth([day(1, 0), day(0, 0)], TODAY)
    assert (drawn.lines, drawn.most, drawn.most_moved, drawn.entered, drawn.left) == (
        ["M708 157L732 157"],
        0,
        0,
        [],
        [],
    )
    huge = charts.growth([day(1, 10**15, 10**15), day(0, 10**15 + 1, 1, 0)], TODAY)
    assert [bar.height for bar in huge.entered] == ["40", "1"]
