"""The snapshot never shows a wrong number: each rule of its protocol, and all of them at once under fire."""

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from contacts import properties
from contacts.columnar import extract, snapshot
from contacts.columnar import refresh as refreshing
from contacts.columnar.busy import SnapshotBusy
from contacts.columnar.refresh import refresh
from contacts.models import Contact, ContactMark, SnapshotColumn
from contacts.values import Kind
from segments.engine import audience
from segments.rules.tree import All, Not
from tests.people import PRO, add, custom, declare, found
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


class Elsewhere:
    """Runs functions in one other thread, which has a connection of its own."""

    def __enter__(self):
        self.pool = ThreadPoolExecutor(1)
        return self

    def start(self, work, *args):
        return self.pool.submit(work, *args)

    def do(self, work, *args):
        return self.start(work, *args).result(timeout=30)

    def __exit__(self, *_):
        self.pool.submit(lambda: connection.close()).result()  # the name means another connection there
        self.pool.shutdown()


def execute(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def wait_until_blocked(count=1):
    """Until so many sessions wait for a lock."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= count:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def count(workspace, rule=PRO):
    return audience.matching(workspace, rule).count


@pytest.fixture
def shop(shop):
    declare(shop, plan="text", number="number", flag="boolean")
    return shop


# --- rule 1: marks, then properties, then rows ------------------------------------------------------------------


def test_a_write_that_commits_while_a_refresh_begins_is_not_lost(shop):
    ana = add(shop, "Ana", plan="free")
    with Elsewhere() as refresher:
        with transaction.atomic():
            execute("LOCK TABLE contacts_contactmark IN EXCLUSIVE MODE")
            running = refresher.start(refresh, shop)
            wait_until_blocked()
            Contact.objects.filter(pk=ana.pk).update(custom={"plan": "pro"})
        running.result(timeout=30)
    assert count(shop) == 1


def test_a_refresh_is_never_part_of_a_longer_transaction(shop):
    with pytest.raises(RuntimeError), transaction.atomic():
        refresh(shop)


# --- rule 2: marks are append-only ------------------------------------------------------------------------------


def test_a_write_keeps_its_own_mark_beside_an_older_one(shop):
    ana = add(shop, "Ana", plan="free")
    with Elsewhere() as refresher:
        with transaction.atomic():
            Contact.objects.filter(pk=ana.pk).update(custom={"plan": "pro"})
            refresher.do(refresh, shop)  # takes the first mark and sees the first plan
        assert count(shop) == 1
        refresher.do(refresh, shop)
    assert count(shop) == 1


@pytest.mark.parametrize(
    ("write", "marks"),
    [
        ("UPDATE contacts_contact SET first_name = 'Zoe'", 3),
        ("DELETE FROM contacts_contact WHERE first_name = 'Ana'", 1),
        ("INSERT INTO contacts_contact (workspace_id) SELECT workspace_id FROM contacts_contact", 3),
        ("INSERT INTO contacts_contact SELECT * FROM contacts_contact WHERE first_name = 'Ana'"
         " ON CONFLICT (id) DO UPDATE SET last_name = 'Ruiz'", 1),
    ],
)  # fmt: skip
def test_every_kind_of_write_leaves_a_mark_for_each_contact(shop, write, marks):
    for name in ("Ana", "Bo", "Cleo"):
        add(shop, name)
    refresh(shop)
    execute(write)
    assert ContactMark.objects.count() == marks


def test_copy_leaves_marks(shop):
    connection.ensure_connection()
    with connection.cursor() as cursor, cursor.copy("COPY contacts_contact (workspace_id, custom) FROM STDIN") as copy:
        copy.write_row([shop.pk, '{"plan": "pro"}'])
    assert count(shop) == 1
    assert ContactMark.objects.count() == 1


def test_a_write_that_is_rolled_back_leaves_nothing(shop):
    add(shop, "Ana", plan="pro")
    refresh(shop)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add(shop, "Bo", plan="pro")
        assert count(shop) == 2
        _ = 1 / 0
    assert count(shop) == 1
    assert not ContactMark.objects.exists()


# --- rule 3: one statement, and from the top where bytes have gone ----------------------------------------------


@pytest.mark.parametrize("table", ["contacts_contactmark", "contacts_snapshotcolumn", "contacts_contact"])
def test_a_read_that_waits_for_one_table_sees_all_of_them_at_one_moment(shop, table):
    """While a reader waits, a flag moves from Ana to Bo and everything is refreshed. In two statements it would have
    seen the one table before and the other behind that."""
    ana, bo = add(shop, "Ana", flag=True), add(shop, "Bo", flag=False)
    refresh(shop)
    Contact.objects.filter(pk=ana.pk).update(last_name="Ruiz")  # marked, so that its values come from its row
    with Elsewhere() as reader:
        with transaction.atomic():
            execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            counting = reader.start(found, shop, custom("flag", "is", True))
            wait_until_blocked()
            Contact.objects.filter(pk=ana.pk).update(custom={"flag": False})
            Contact.objects.filter(pk=bo.pk).update(custom={"flag": True})
            refresh_here(shop)
        assert counting.result(timeout=30) == "Bo"


def refresh_here(workspace):
    """What a refresh does, as a part of this transaction."""
    with extract.cursor() as cursor:
        assert refreshing.refresh_within(cursor, workspace.pk)


def test_bytes_that_vanish_between_the_statement_and_their_fetch_are_read_from_the_top(shop):
    ana = add(shop, "Ana", plan="free")
    refresh(shop)
    with Elsewhere() as writer:

        def rewrite():
            Contact.objects.filter(pk=ana.pk).update(custom={"plan": "pro"})
            refresh(shop)

        looked = snapshot._look(shop, [PRO.property], None)
        writer.do(rewrite)
    assert looked.reading() is None
    assert count(shop) == 1


# --- rule 4: bytes are named by their digest --------------------------------------------------------------------


def test_old_bytes_are_not_served_after_everything_was_emptied_and_filled_again(shop):
    add(shop, "Ana", plan="pro")
    refresh(shop)
    assert count(shop) == 1
    execute("TRUNCATE contacts_contact RESTART IDENTITY CASCADE")
    execute("ALTER SEQUENCE contacts_snapshotcolumn_id_seq RESTART")
    add(shop, "Bo", plan="free")
    refresh(shop)
    assert count(shop) == 0


def test_a_cached_column_is_not_served_for_a_rewritten_one(shop):
    ana = add(shop, "Ana", plan="pro")
    refresh(shop)
    assert count(shop) == 1
    Contact.objects.filter(pk=ana.pk).update(custom={"plan": "free"})
    refresh(shop)
    assert count(shop) == 0


# --- rule 5: identity -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["id = id + 1000", "workspace_id = %(rival)s"])
def test_a_contact_keeps_its_id_and_workspace(shop, rival, change):
    add(shop, "Ana", plan="pro")
    with pytest.raises(IntegrityError, match="for life"):
        execute(f"UPDATE contacts_contact SET {change}", {"rival": rival.pk})


def test_no_mark_brings_in_a_stranger(shop, rival):
    add(shop, "Ana", plan="pro")
    declare(rival, plan="text")
    zed = add(rival, "Zed", plan="pro")
    refresh(rival)
    ContactMark.objects.create(workspace_id=shop.pk, contact_id=zed.pk)
    assert count(shop) == 1
    refresh(shop)
    assert count(shop) == 1
    assert count(rival) == 1


def test_truncating_the_contacts_empties_the_snapshot(shop):
    add(shop, "Ana", plan="pro")
    refresh(shop)
    add(shop, "Bo", plan="pro")
    execute("TRUNCATE contacts_contact CASCADE")
    assert count(shop) == 0
    assert not SnapshotColumn.objects.exists()
    assert not ContactMark.objects.exists()


def test_a_deleted_or_trashed_contact_is_in_no_audience(shop):
    for name in ("Ana", "Bo", "Cleo"):
        add(shop, name, plan="pro")
    refresh(shop)
    Contact.objects.get(first_name="Ana").delete()
    Contact.objects.filter(first_name="Bo").update(lifecycle="trashed")
    assert found(shop, PRO) == "Cleo"
    refresh(shop)
    assert found(shop, PRO) == "Cleo"
    assert audience.matching(shop, All()).people == 1


# --- rule 6: a property's type is for life, and declaring marks those who have it --------------------------------


@pytest.mark.parametrize("change", ["type = 'number'", "name = 'tariff'"])
def test_a_property_keeps_its_type_and_name(shop, change):
    with pytest.raises(IntegrityError, match="for life"):
        execute(f"UPDATE contacts_property SET {change} WHERE name = 'plan'")


def test_declaring_a_property_finds_those_who_have_it_already(shop):
    add(shop, "Ana", tier="gold")
    refresh(shop)
    declare(shop, tier="text")
    assert found(shop, custom("tier", "is", "gold")) == "Ana"
    refresh(shop)
    assert found(shop, custom("tier", "is", "gold")) == "Ana"


def test_a_property_made_anew_with_another_type_does_not_see_the_old_column(shop):
    add(shop, "Ana", number="12")
    refresh(shop)
    shop.properties.get(name="number").delete()
    refresh(shop)
    properties.declare(shop, {"number": Kind.TEXT})
    assert found(shop, custom("number", "starts_with", "1")) == "Ana"


def test_nobody_is_lost_who_is_written_while_a_property_is_being_declared(shop):
    with Elsewhere() as writer, Elsewhere() as refresher:
        with transaction.atomic():
            shop.properties.create(name="tier", type="text")
            writer.do(add, shop, "Ana")
            writer.do(execute, """UPDATE contacts_contact SET custom = '{"tier": "gold"}'""")
            running = refresher.start(refresh, shop)
            wait_until_blocked()
        running.result(timeout=30)
    assert found(shop, custom("tier", "is", "gold")) == "Ana"


def test_a_stored_day_moves_with_the_time_zone_of_the_workspace(shop):
    declare(shop, born="date")
    add(shop, "Ana", born="2024-06-01")
    rule = custom("born", "before", "2024-06-01T00:00:00Z")
    refresh(shop)
    assert found(shop, rule) == "Ana"  # the day began at 22:00 UTC in Madrid
    Workspace.objects.filter(pk=shop.pk).update(timezone="America/New_York")
    shop.refresh_from_db()
    assert found(shop, rule) == ""


# --- rule 7: no refresh in somebody's transaction or on a read-only connection ----------------------------------


@pytest.fixture
def few_marks(settings):
    settings.SNAPSHOT_MARKS_BEFORE_REFRESH = 3


def test_a_read_past_the_bound_refreshes(shop, few_marks):
    for number in range(5):
        add(shop, f"P{number}", plan="pro")
    assert count(shop) == 5
    assert not ContactMark.objects.exists()


def test_a_read_in_a_transaction_goes_through_all_marks_and_refreshes_nothing(shop, few_marks):
    for number in range(5):
        add(shop, f"P{number}", plan="pro")
    with transaction.atomic():
        add(shop, "Six", plan="pro")
        assert count(shop) == 6
        assert ContactMark.objects.count() == 6


def test_a_read_on_a_read_only_connection_refreshes_nothing(shop, few_marks):
    for number in range(5):
        add(shop, f"P{number}", plan="pro")
    execute("SET default_transaction_read_only = on")
    try:
        assert count(shop) == 5
    finally:
        execute("SET default_transaction_read_only = off")
    assert ContactMark.objects.count() == 5


def test_readers_past_the_bound_wait_for_the_one_that_refreshes_and_then_say_busy(shop, few_marks, monkeypatch):
    monkeypatch.setattr(snapshot, "PATIENCE_MS", 200)
    for number in range(5):
        add(shop, f"P{number}", plan="pro")
    with Elsewhere() as reader, transaction.atomic():
        execute("SELECT pg_advisory_xact_lock(hashtextextended('snapshot:' || %s, 0))", [shop.pk])
        with pytest.raises(SnapshotBusy):
            reader.do(count, shop)
    assert count(shop) == 5


# --- rule 8: extraction never raises ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "junk"),
    [
        ("number", '"many"'), ("number", "1e400"), ("number", "99999999999999999999"), ("number", "[1]"),
        ("number", '"NaN"'), ("number", '"inf"'), ("date", '"2024-02-30"'), ("date", '"soon"'), ("date", "20240601"),
        ("date", '"0000-01-01T00:00:00.000Z"'), ("boolean", '"yes"'), ("boolean", "1"), ("list", '"a"'),
        ("list", '{"a": 1}'), ("list", "[[1]]"), ("text", '""'), ("text", "null"),
    ],
)  # fmt: skip
def test_a_stored_value_that_does_not_fit_counts_as_missing(shop, kind, junk):
    declare(shop, odd=kind)
    add(shop, "Ana")
    execute(f"UPDATE contacts_contact SET custom = '{{\"odd\": {junk}}}'")
    assert found(shop, Not(custom("odd", "is_known"))) == "Ana"
    refresh(shop)
    assert found(shop, Not(custom("odd", "is_known"))) == "Ana"


# --- chunks and delta -------------------------------------------------------------------------------------------


def test_chunks_split_and_take_late_low_ids(shop, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 2, 4
    execute("ALTER SEQUENCE contacts_contact_id_seq RESTART 1000")
    for number in range(10):
        add(shop, f"P{number}", plan="pro", number=number)
    refresh(shop)
    execute('INSERT INTO contacts_contact (id, workspace_id, custom) VALUES (5, %s, \'{"plan": "pro"}\')', [shop.pk])
    Contact.objects.filter(first_name__in=["P3", "P9"]).delete()
    Contact.objects.filter(first_name="P4").update(custom={"plan": "free"})
    refresh(shop)
    assert SnapshotColumn.objects.filter(column="id").count() > 2
    answer = audience.matching(shop, PRO)
    assert answer.count == 8
    assert answer.people == 9
    assert answer.ids()[0] == 5
    assert found(shop, custom("number", "at_least", 7)) == "P7 P8"


def test_a_workspace_that_becomes_empty_and_full_again(shop, settings):
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 2
    for _ in range(2):
        for number in range(5):
            add(shop, f"P{number}", plan="pro")
        refresh(shop)
        assert count(shop) == 5
        Contact.objects.all().delete()
        refresh(shop)
        assert count(shop) == 0
        assert audience.matching(shop, All()).people == 0


# --- all at once ------------------------------------------------------------------------------------------------

PAIRS = 20


@pytest.mark.parametrize("seconds", [8, pytest.param(45, marks=pytest.mark.slow)])
def test_under_fire_no_write_is_unseen_and_no_invariant_seen_half(shop, settings, seconds):
    """Writers check their own commits, readers an invariant over pairs, while two refresh and chunks are merged."""
    settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 30, 40
    pairs = [(add(shop, "L", flag=True).pk, add(shop, "R", flag=False).pk) for _ in range(PAIRS)]
    end = time.monotonic() + seconds
    wrong, done = [], {"writes": 0, "reads": 0, "refreshes": 0}

    def until_the_end(work):
        def run(seed):
            rng = random.Random(seed)
            try:
                while time.monotonic() < end and not wrong:
                    work(rng, seed)
            except Exception as error:
                wrong.append(repr(error))
            finally:
                connection.close()

        return run

    def write(rng, seed):
        tag = f"writer {seed}"
        with transaction.atomic():
            contact = add(shop, tag, plan=tag, number=rng.randrange(100))
        mine = custom("plan", "is", tag)
        before = count(shop, mine)
        if contact.pk not in audience.matching(shop, mine).ids():
            wrong.append(f"{tag} does not see the contact just made")
        Contact.objects.filter(pk=contact.pk).update(custom={"plan": tag, "number": 1000})
        page = audience.matching(shop, All((mine, custom("number", "is", 1000)))).page(100_000)
        if contact.pk not in [each.pk for each in page]:
            wrong.append(f"{tag} does not see its update")
        if rng.random() < 0.5:
            Contact.objects.filter(pk=contact.pk).delete()
            before -= 1
        if count(shop, mine) != before:
            wrong.append(f"{tag} counts {count(shop, mine)}, not {before}")
        done["writes"] += 3

    def move(rng, seed):
        left, right = rng.choice(pairs)
        with transaction.atomic():
            for pk in sorted((left, right)):
                execute("SELECT 1 FROM contacts_contact WHERE id = %s FOR UPDATE", [pk])
            execute(
                "UPDATE contacts_contact SET custom = jsonb_set(custom, '{flag}', to_jsonb(NOT (custom->>'flag')::bool))"
                " WHERE id = ANY(%s)",
                [[left, right]],
            )

    def watch(rng, seed):
        seen = count(shop, custom("flag", "is", True))
        if seen != PAIRS:
            wrong.append(f"{seen} of {PAIRS} flags seen")
        done["reads"] += 1

    def renew(rng, seed):
        refresh(shop)
        done["refreshes"] += 1

    workers = [write, write, move, watch, renew, renew]
    threads = [threading.Thread(target=until_the_end(work), args=[seed]) for seed, work in enumerate(workers)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 20)  # so that they meet in many more places
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not wrong
    assert min(done.values()) > 5, done


def test_the_delta_may_lie_in_pieces_and_every_person_counts_once(shop, settings, monkeypatch):
    monkeypatch.setattr(refreshing, "LEAST_BEHIND", 2)
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 12
    declare(shop, flag="boolean")
    chance, most = random.Random(5), 0
    for _ in range(60):
        people = list(shop.contacts.order_by("id"))
        for person in chance.sample(people, min(len(people), chance.choice([0, 0, 0, 1, 3]))):
            person.delete() if chance.random() < 0.3 else update(person, flag=chance.random() < 0.5)
        for number in range(chance.choice([0, 2, 3, 4])):
            add(shop, f"Ada {number}", flag=chance.random() < 0.5)
        refresh(shop)
        pieces = SnapshotColumn.objects.filter(workspace=shop, first_id__lte=0, column="id").count()
        most = max(most, pieces)
        snapshot.cache.clear()
        assert flagged(shop) == audience.matching(shop, custom("flag", "is", True)).count
        for person in chance.sample(people, min(len(people), 3)) if chance.random() < 0.3 else ():
            update(person, flag=chance.random() < 0.5)
        assert flagged(shop) == audience.matching(shop, custom("flag", "is", True)).count
    assert most > 2


def flagged(workspace):
    return workspace.contacts.filter(custom__flag=True).count()


def update(person, **values):
    Contact.objects.filter(pk=person.pk).update(custom=values)
