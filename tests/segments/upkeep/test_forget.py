"""People who ask for it are erased everywhere, and get what is kept of them."""

import json
import re
from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from pyroaring import BitMap64

from contacts.columnar import catalogue, columns
from contacts.columnar.refresh import refresh
from contacts.importing import uploads
from contacts.models import Contact, ImportRejects, SnapshotColumn, SubstitutionTag
from segments.dialects.draft import Draft
from segments.engine import audience
from segments.growth import history
from segments.models import Pin, PinKind, Segment
from segments.rules.tree import All, Not, write_node
from segments.saving import drafts, pins
from segments.saving.pins import Wish
from segments.upkeep import forgetting
from tests.conftest import Api
from tests.contacts.columnar.test_protocol import Elsewhere
from tests.people import PRO, add, custom, declare, found
from workspaces.models import ApiKey, KeptAnswer

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "Ana.Unique@Post.example"


def everything():
    """Every text and every byte of every table, statistics of the planner too; columns of the snapshot unpacked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [table for (table,) in cursor.fetchall()]
        ours = "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"  # others' numbers are ids of tables
        for table in [*tables, "pg_stats", "pg_stats_ext_exprs"]:
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} AS t {ours if table.startswith('pg_') else ''}")
            for (text,) in cursor.fetchall():
                yield table, text
                for data in re.findall(r"\\\\x((?:[0-9a-f]{2})+)", text):
                    yield table, bytes.fromhex(data).decode("latin-1")
    for part in SnapshotColumn.objects.all():
        yield f"column {part.column} of {part.first_id}", str(columns.unpack(bytes(part.data)).to_list())


def places_of(*words):
    sought = [word.lower() for word in words]
    return {place for place, text in everything() if any(word in text.lower() for word in sought)}


def log(model, pk, shown, message=""):
    author, _ = User.objects.get_or_create(username="staff")
    return LogEntry.objects.create(
        user=author, content_type=ContentType.objects.get_for_model(model), object_id=str(pk),
        object_repr=shown, action_flag=CHANGE, change_message=message,
    )  # fmt: skip


@pytest.fixture(params=["marked", "in the delta", "in chunks", "in chunks and the delta"])
def ana(request, shop, settings):
    """Somebody among five, wherever the snapshot may hold her, with all that a service may have of a person."""
    if request.param.startswith("in chunks"):
        settings.SNAPSHOT_DELTA_BEFORE_MERGE, settings.SNAPSHOT_CHUNK = 0, 3
    declare(shop, plan="text", spend="number", likes="list", home="opaque")
    SubstitutionTag.objects.create(workspace=shop, tag="coupon")
    ana = add(
        shop, "Ana", {"city": "Anatown"}, ["anatag"], email=EMAIL, phone="+34600111999", external_id="ANA-77",
        plan="anaplan", spend=271_828_182_845, likes=["analike"], home={"street": "Ana street"},
    )  # fmt: skip
    Contact.objects.filter(pk=ana.pk).update(substitution_tags={"coupon": "ANACOUPON"}, last_name="Unique")
    for name in ("Bo", "Cem", "Dov", "Eva"):
        add(shop, name, email=f"{name}@post.example", plan="pro", spend=1)
    if request.param != "marked":
        refresh(shop)
    if request.param.endswith("and the delta"):
        settings.SNAPSHOT_DELTA_BEFORE_MERGE = 100
        Contact.objects.filter(pk=ana.pk).update(phone="+34600111888")
        refresh(shop)
    catalogue.keep(shop)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact, contacts_propertysummary, segments_pin, django_admin_log")
    return Contact.objects.get(pk=ana.pk)


@pytest.fixture
def traces(ana):
    """What people and programs left of her elsewhere."""
    shop = ana.workspace
    pro = drafts.create(shop, Draft("Pro", PRO, rule_given=True))
    pins.pin(pro, [ana.pk], Wish(reason=f"{EMAIL} asked for it"))
    pins.pin(pro, [Contact.objects.get(first_name="Eva").pk], Wish(PinKind.EXCLUDED, "of no interest"))
    history.record(shop)
    log(Contact, ana.pk, str(ana))
    log(Pin, 12345, f"{EMAIL} included in Pro")
    log(Segment, pro.pk, "Pro", json.dumps([{"added": {"name": "pin", "object": "Ana Unique included in Pro"}}]))
    job = uploads.begin(shop, "tests")
    ImportRejects.objects.create(
        job=job, text=f'3,email,"{EMAIL.upper()} ",is taken\r\n4,id,ANA-77,is taken\r\n5,id,7,kept\r\n'
    )
    KeptAnswer.objects.create(workspace=shop, key="k", request=b"x", answer=b'{"message":"%s is odd"}' % EMAIL.encode())
    return pro


HERS = [EMAIL, "ANA-77", "anatag", "anaplan", "analike", "Ana street", "Anatown", "ANACOUPON", "+346001118", "+346001119", "271828182845", "Ana Unique"]  # fmt: skip


def command(name, *words):
    out, err = StringIO(), StringIO()
    call_command(name, *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def answers(shop, segment):
    return (
        found(shop, PRO), found(shop, Not(PRO)), list(audience.of(segment).ids()),
        [(entry.type.reference, entry.known) for entry in catalogue.read(shop) if entry.type.reference != "email"],
    )  # fmt: skip


def test_nothing_of_a_forgotten_person_is_left_in_any_table(ana, traces):
    shop = ana.workspace
    assert places_of(EMAIL) > {"public.contacts_contact", "public.segments_pin", "public.django_admin_log"}
    assert all(places_of(text) for text in HERS if not text.startswith("+"))
    before, dov = found(shop, PRO), Contact.objects.get(first_name="Dov")
    out, _ = command("forget_contact", EMAIL)
    assert {text: places for text in HERS if (places := places_of(text))} == {}
    assert re.fullmatch(r"1 pins, 1 lists of who was in a segment, 3 lines of the admin's log, 1 kept answers, 1 rejects of imports, 1 contacts erased; tables cleaned in [\d.]+ s", out.splitlines()[-1])  # fmt: skip
    assert not Contact.objects.filter(pk=ana.pk).exists()
    assert found(shop, PRO) == before == "Bo Cem Dov Eva"
    assert found(shop, Not(PRO)) == ""
    segment = Segment.objects.get(pk=traces.pk)
    assert (list(BitMap64.deserialize(bytes(segment.included))), list(BitMap64.deserialize(bytes(segment.excluded)))) == (
        [], [Contact.objects.get(first_name="Eva").pk]
    )  # fmt: skip
    assert audience.of(segment).count == 3
    assert Contact.objects.get(pk=dov.pk).updated_at == dov.updated_at


def test_the_log_keeps_who_did_what_and_others_stay_in_it(ana, traces):
    bo = Contact.objects.get(first_name="Bo")
    log(Contact, bo.pk, str(bo))
    log(Pin, 1, "Ana Unique included in Another shop's segment")
    command("forget_contact", EMAIL)
    number = f"contact {ana.wire_id}"
    assert list(LogEntry.objects.order_by("id").values_list("object_repr", flat=True)) == [
        number, f"{number} included in Pro", "Pro", "Bo", "Ana Unique included in Another shop's segment",
    ]  # fmt: skip
    message = json.loads(LogEntry.objects.get(object_repr="Pro").change_message)
    assert message == [{"added": {"name": "pin", "object": f"{number} included in Pro"}}]


def test_a_refresh_that_was_faster_is_made_good(ana):
    """The background refresh may take the deletion into the delta: her chunk is rewritten all the same."""
    with transaction.atomic():
        Contact.objects.filter(pk=ana.pk).delete()
    refresh(ana.workspace)
    forgetting.settle(ana.workspace, ana.pk)
    assert places_of(EMAIL) == {"pg_stats", "pg_stats_ext_exprs"} & places_of(EMAIL)
    assert found(ana.workspace, PRO) == "Bo Cem Dov Eva"


def test_a_forced_merge_leaves_everybody_else_as_they_were(ana, settings):
    shop = ana.workspace
    refresh(shop)
    Contact.objects.filter(first_name="Bo").update(custom={"plan": "free"})
    Contact.objects.filter(first_name="Cem").delete()
    settings.SNAPSHOT_DELTA_BEFORE_MERGE = 100
    refresh(shop, merge=[ana.pk])
    assert found(shop, PRO) == "Dov Eva"
    assert found(shop, All()) == "Ana Bo Dov Eva"
    refresh(shop, merge=[ana.pk, 10**12])
    assert found(shop, All()) == "Ana Bo Dov Eva"


def test_the_last_person_of_a_workspace_leaves_an_empty_snapshot(shop):
    only = add(shop, "Only", email=EMAIL)
    refresh(shop)
    command("forget_contact", only.wire_id)
    assert not SnapshotColumn.objects.exists()
    assert found(shop, All()) == ""
    add(shop, "Next")
    assert found(shop, All()) == "Next"


def test_a_dry_run_says_what_would_go_and_changes_nothing(ana, traces):
    before = sorted(everything())
    out, _ = command("forget_contact", EMAIL, "--dry-run")
    assert out.splitlines()[-2:] == [
        "Nothing was erased: this was a dry run.",
        "1 pins, 1 lists of who was in a segment, 3 lines of the admin's log, 1 kept answers, 1 rejects of imports, 1 contacts erased",
    ]
    assert [each for each in sorted(everything()) if "pg_stat" not in each[0]] == [
        each for each in before if "pg_stat" not in each[0]
    ]


def test_what_people_wrote_is_named_and_left(ana):
    shop = ana.workspace
    rule = drafts.create(shop, Draft("Friends", custom("plan", "is", EMAIL.lower()), rule_given=True))
    named = drafts.create(shop, Draft(f"Not {EMAIL}", All(), rule_given=True))
    drafts.create(shop, Draft("Nobody's", custom("plan", "is", "post.example"), rule_given=True))
    before = drafts.create(shop, Draft("Before", custom("plan", "is", (EMAIL, "x")), rule_given=True))
    drafts.update(before, Draft(fields={"description": f"of {EMAIL}"}))
    drafts.update(before, Draft(rule=PRO, rule_given=True, fields={"description": ""}))
    out, _ = command("forget_contact", EMAIL)
    assert [line for line in out.splitlines() if line.startswith("Still")] == [
        f"Still named in segment Friends ({rule.pk}).",
        f"Still named in segment Not {EMAIL} ({named.pk}).",
        f"Still named in versions 1 and 2 of segment Before ({before.pk}).",
    ]
    assert "stays in its history until deleted there" in out


def test_a_rule_that_named_somebody_is_in_no_table_once_its_version_is_deleted(ana):
    """The admin's log, which said the change in words, forgets by itself."""
    shop, boss = ana.workspace, User.objects.create(username="root", is_staff=True, is_superuser=True)
    segment = drafts.create(shop, Draft("Friends", custom("plan", "is", EMAIL.lower()), rule_given=True))
    client = Client()
    client.force_login(boss)
    asked = {"name": "Friends", "rule": json.dumps(write_node(PRO)), "pins-TOTAL_FORMS": "0", "pins-INITIAL_FORMS": "0"}
    page = f"/admin/segments/segment/{segment.pk}/"
    assert client.post(f"{page}change/", {**asked, "confirmed": "change"}).status_code == 302
    assert f"plan is {EMAIL.lower()} → pro" in LogEntry.objects.get(user=boss).get_change_message()
    assert client.post(f"{page}versions/1/delete/", {"confirmed": "delete"}).status_code == 302
    command("forget_contact", EMAIL)
    assert places_of(EMAIL) == set()
    assert "plan is ... → pro" in LogEntry.objects.filter(user=boss).order_by("pk")[0].get_change_message()


def test_a_file_that_is_yet_to_be_taken_in_is_named(ana):
    upload = uploads.Upload(job := uploads.begin(ana.workspace, "tests"))
    upload.take(b"email\n" + EMAIL.encode())
    upload.finish()
    out, _ = command("forget_contact", EMAIL)
    assert f"perhaps the file of import {job.pk}" in out


def test_somebody_with_the_same_address_keeps_it(shop, rival):
    ana, _, theirs = add(shop, "Ana", email=EMAIL), add(shop, "Son", email=EMAIL), add(rival, "Ana", email=EMAIL)
    with pytest.raises(CommandError, match="There are several people for that"):
        command("forget_contact", EMAIL)
    command("forget_contact", ana.wire_id)
    assert sorted(Contact.objects.values_list("first_name", flat=True)) == ["Ana", "Son"]
    command("forget_contact", EMAIL, "--workspace", "Rival shop")
    assert not Contact.objects.filter(pk=theirs.pk).exists()


def test_somebody_in_the_trash_is_forgotten_too(shop):
    add(shop, "Ana", email=EMAIL)
    add(shop, "Bo", email="bo@post.example")
    Contact.objects.update(lifecycle="trashed")
    command("forget_contact", EMAIL)
    assert places_of(EMAIL) == set()


def test_the_command_waits_for_whoever_still_sees_them(shop):
    add(shop, "Ana", email=EMAIL)

    def look():
        connection.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM contacts_contact")

    with Elsewhere() as reader:
        reader.do(look)
        with pytest.raises(CommandError, match="what was erased is still on the disk") as caught:
            command("forget_contact", EMAIL, "--patience", "0.1")
        assert caught.value.returncode == 1
        reader.do(lambda: connection.cursor().execute("COMMIT"))
    assert not Contact.objects.exists()
    out, err = command("forget_contact", "--finish")
    assert out.startswith("Nobody new was erased; tables cleaned")
    assert err == ""


def test_no_dead_row_is_left_behind_the_tables(ana, traces):
    command("forget_contact", EMAIL)
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple")
        for table in forgetting.TABLES:
            cursor.execute("SELECT dead_tuple_count FROM pgstattuple(%s)", [table])
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody@post.example"], "There is nobody with the id"),
        ([], "Name a contact, or say --finish."),
        (["x", "--finish"], "Name a contact, or say --finish."),
        (["x", "--workspace", "Nowhere"], "There is no workspace Nowhere"),
    ],
)
def test_the_command_refuses_what_it_cannot_take(shop, words, message):
    with pytest.raises(CommandError, match=message) as caught:
        command("forget_contact", *words)
    assert caught.value.returncode == 2


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_delete_erases_at_once_and_says_what(api, ana, traces):
    answer = api("DELETE", f"/api/contacts/{ana.wire_id}")
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "status": "success",
        "data": {
            "contactId": ana.wire_id, "namedIn": [], "stillToDo": [], "dryRun": False,
            "erased": {"pins": 1, "lists of who was in a segment": 1, "lines of the admin's log": 3, "kept answers": 1, "rejects of imports": 1, "contacts": 1},
        },
    }  # fmt: skip
    assert {text: places for text in HERS if (places := places_of(text))} == {}
    assert api("DELETE", f"/api/contacts/{ana.wire_id}").status_code == 404
    assert api.get(f"/api/contacts/{ana.wire_id}/data").status_code == 404


def test_delete_does_not_wait_for_others_and_says_what_is_still_to_do(api, shop):
    ana = add(shop, "Ana", email=EMAIL)
    with Elsewhere() as reader:
        reader.do(
            lambda: connection.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM contacts_contact")
        )
        answer = api("DELETE", f"/api/contacts/{ana.wire_id}")
        reader.do(lambda: connection.cursor().execute("COMMIT"))
    assert answer.status_code == 202
    assert answer.json()["data"]["stillToDo"] == [
        "1 older transactions still see what was erased; run manage.py forget_contact --finish later"
    ]
    assert not Contact.objects.exists()


def test_a_dry_run_over_http(api, ana, traces):
    answer = api("DELETE", f"/api/contacts/{ana.wire_id}?dryRun=true")
    assert (answer.status_code, answer.json()["data"]["dryRun"], answer.json()["data"]["erased"]["pins"]) == (
        200,
        True,
        1,
    )
    assert Contact.objects.filter(pk=ana.pk).exists()
    assert Pin.objects.filter(contact=ana).exists()
    answer = api("DELETE", f"/api/contacts/{ana.wire_id}?dryRun=maybe")
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "dryRun")
    assert Contact.objects.filter(pk=ana.pk).exists()


def test_only_the_own_workspace_and_only_a_key_that_may_write(api, rival_api, shop):
    ana = add(shop, "Ana", email=EMAIL)
    reader = Api(ApiKey.objects.issue(shop, "reader", "read")[1])
    address = f"/api/contacts/{ana.wire_id}"
    assert rival_api("DELETE", address).status_code == 404
    assert rival_api.get(f"{address}/data").status_code == 404
    assert reader("DELETE", address).status_code == 403
    assert Api("")("DELETE", address).status_code == 401
    assert reader.get(f"{address}/data").status_code == 200
    assert api("DELETE", "/api/contacts/xyz").status_code == 404
    assert api.get("/api/contacts/xyz/data").status_code == 404
    assert Contact.objects.filter(pk=ana.pk).exists()


# --- what is kept of somebody ----------------------------------------------------------------------------------------


def test_all_that_is_kept_of_a_person(api, ana, traces):
    shop = ana.workspace
    drafts.create(shop, Draft("Spenders", custom("spend", "greater_than", 1000), rule_given=True))
    drafts.create(shop, Draft("Broken", PRO, rule_given=True))
    Segment.objects.filter(name="Broken").update(
        rule={"version": 1, "rule": {"property": "customProperties.gone", "operator": "is", "value": "x"}}
    )
    data = api.get(f"/api/contacts/{ana.wire_id}/data").json()["data"]
    kept = data["contact"]
    assert (kept["email"], kept["state"], kept["tags"], kept["city"]) == (EMAIL, "active", ["anatag"], "Anatown")
    assert kept["customProperties"] == {
        "plan": "anaplan", "spend": 271_828_182_845, "likes": ["analike"], "home": {"street": "Ana street"},
    }  # fmt: skip
    assert kept["substitutionTags"] == {"coupon": "ANACOUPON"}
    assert {"createdAt", "updatedAt", "externalId", "phone"} <= kept.keys()
    [pin] = data["pins"]
    assert (pin["segment"]["name"], pin["kind"], pin["reason"], pin["expiresAt"]) == (
        "Pro", "included", f"{EMAIL} asked for it", None,
    )  # fmt: skip
    assert [segment["name"] for segment in data["segments"]] == ["Pro", "Spenders"]
    assert [segment["name"] for segment in data["segmentsThatCannotBeRead"]] == ["Broken"]
    out, _ = command("export_contact", EMAIL)
    assert json.loads(out) == data


def test_somebody_in_the_trash_is_in_no_segment(api, shop):
    ana = add(shop, "Ana", email=EMAIL)
    drafts.create(shop, Draft("All", All(), rule_given=True))
    assert [each["name"] for each in api.get(f"/api/contacts/{ana.wire_id}/data").json()["data"]["segments"]] == ["All"]
    Contact.objects.update(lifecycle="trashed")
    data = api.get(f"/api/contacts/{ana.wire_id}/data").json()["data"]
    assert (data["segments"], data["contact"]["state"]) == ([], "trashed")
