"""What a segment was before: kept on every save through every door, compared in words, restored, deleted."""

import html
import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.writing import tags
from contacts.writing.tags import NamedTag
from segments.dialects.draft import Draft
from segments.models import Channel, PinKind, Segment, SegmentVersion
from segments.rules import tree
from segments.rules.tree import All, InSegment, Not, read_node
from segments.saving import drafts, pins, versions
from segments.saving.pins import Wish
from segments.saving.questions import ago
from segments.saving.versions import By
from segments.upkeep import property_changes, tag_changes
from segments.upkeep.property_changes import Breaking
from tests.callers import join
from tests.people import PRO, add, custom, declare
from tests.segments.admin.builder import NO_PINS, edit
from tests.staff import text
from workspaces.models import Role

pytestmark = pytest.mark.django_db

FREE = custom("plan", "is", "free")


@pytest.fixture
def people(shop):
    declare(shop, plan="text", age="number")
    for number, plan in enumerate(["pro", "pro", "pro", "team", "team", "free"]):
        add(shop, f"P{number}", plan=plan, age=20 + number, email=f"p{number}@shop.example")
    return shop


@pytest.fixture
def agent(people):
    return join(people, "ana", Role.AGENT)


@pytest.fixture
def segment(people):
    return drafts.create(people, Draft("Paying", PRO, rule_given=True))


def kept(segment):
    return [(each.number, each.name, each.rule and each.rule["rule"]) for each in versions.newest_first(segment)]


def change(segment, rule, name=None, by=None):
    return drafts.update(segment, Draft(name, rule, rule_given=True), by or By())


# --- every door ------------------------------------------------------------------------------------------------------


def test_each_save_that_changes_something_is_the_next_version(segment):
    drafts.update(segment, Draft("Payers"))
    drafts.update(segment, Draft(fields={"description": "All who pay"}))
    change(segment, None)
    change(segment, Not(PRO))
    is_pro = tree.write_node(PRO)
    assert kept(segment) == [
        (5, "Payers", {"not": is_pro}), (4, "Payers", None), (3, "Payers", is_pro), (2, "Payers", is_pro), (1, "Paying", is_pro)
    ]  # fmt: skip
    held = list(segment.versions.order_by("number").values_list("description", flat=True))
    assert held == ["", "", "All who pay", "All who pay", "All who pay"]
    assert versions.latest([segment])[segment.pk].saved_at == segment.updated_at


def test_an_equal_save_writes_no_version_and_another_spelling_of_a_value_does(segment):
    change(segment, PRO, "Paying")
    drafts.update(segment, Draft(fields={"segment_type": "STATIC"}))
    assert len(kept(segment)) == 1
    change(segment, custom("age", "is", 1))
    change(segment, custom("age", "is", "1"))
    assert len(kept(segment)) == 3


def last(segment):
    found = segment.versions.select_related("author").first()
    return found.number, found.source, found.author and found.author.username


def test_the_apis_say_which_one_it_was(people, api, call):
    base = f"/api/workspaces/{people.pk}/segments"
    predicate = {"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}
    made = api.post(base, {"name": "Over HTTP", "criteria": {"type": "and", "predicates": [predicate]}}).json()
    segment = Segment.objects.get(pk=made["data"]["segment"]["_id"])
    assert last(segment) == (1, "swipeone", None)
    api.patch(f"/api/segments/{segment.pk}", {"name": "Renamed"})
    assert last(segment) == (2, "swipeone", None)
    assert api("PUT", "/api/segments", {"id": segment.pk, "name": "By Segmenter", "persons": []}).status_code == 200
    assert last(segment) == (3, "segmenter", None)
    theirs = {"name": "By Tiledesk", "filters": [{"field": "plan", "operator": "=", "value": "team"}], "match": "all"}
    assert call("PUT", f"/v3/{people.pk}/segments/{segment.pk}", theirs).status_code == 200
    assert last(segment) == (4, "tiledesk", "ana@shop.example")


def test_the_admin_says_who_it_was_and_logs_the_change_in_words(agent, segment):
    added = {"workspace": segment.workspace_id, "name": "Second", "description": "", "rule": json.dumps({"all": []})}
    agent.post("/admin/segments/segment/add/", {**added, "confirmed": "everyone"})
    assert last(Segment.objects.get(name="Second")) == (1, "admin", "ana")
    both = {"all": [{**tree.write_node(PRO), "value": ["pro", "team"]}]}
    assert edit(agent, segment, both, name="Payers", description="Old ones", confirmed="change").status_code == 302
    assert last(segment) == (2, "admin", "ana")
    said = LogEntry.objects.filter(object_id=segment.pk).latest("pk").get_change_message()
    assert said == (
        "Changed name: Paying → Payers, description: none → Old ones, now in a group, all of: plan is pro and"
        " plan is pro → any of pro, team."
    )


def test_the_log_says_pins_beside_a_change(agent, segment):
    pinned = {
        "pins-TOTAL_FORMS": "1", "pins-INITIAL_FORMS": "0", "pins-0-kind": "included",
        "pins-0-contact": segment.workspace.contacts.first().pk,
    }  # fmt: skip
    assert edit(agent, segment, segment.rule, name="Payers", **pinned).status_code == 302
    said = LogEntry.objects.filter(object_id=segment.pk).latest("pk").get_change_message()
    assert said == "Changed name: Paying → Payers. Added pin “P0 included in Payers”."
    assert edit(agent, segment, segment.rule, name="Payers", **{**pinned, **NO_PINS}).status_code == 302
    assert len(kept(segment)) == 2


def test_rules_that_a_property_or_tag_takes_along_are_versions_too(people, segment):
    declare(people, tier="text")
    property_changes.delete(people, "customProperties.plan", instead="customProperties.tier")
    assert [number for number, *_ in kept(segment)] == [2, 1]
    assert last(segment) == (2, "command", None)
    tag = tags.make(people, NamedTag("vip"))
    tagged = drafts.create(people, Draft("Tagged", tree.Condition("tags", "includes", "vip"), rule_given=True))
    bo = User.objects.create(username="bo")
    tag_changes.rename(tag, "gold", By(bo, Channel.API))
    assert last(tagged) == (2, "api", "bo")
    called = versions.names(people, [])
    assert versions.changes(*reversed(versions.newest_first(tagged)), called) == ["tags include vip → gold"]


def test_the_api_and_the_admin_take_rules_along_in_their_own_name(people, segment, api):
    declare(people, tier="text")
    base = f"/api/workspaces/{people.pk}/properties"
    assert api("DELETE", f"{base}/plan?instead=customProperties.tier").status_code == 200
    assert last(segment) == (2, "api", None)
    bo, held = join(people, "bo", Role.ADMIN), people.properties.get(name="tier")
    declare(people, level="text")
    bo.post(f"/admin/contacts/property/{held.pk}/delete/", {"instead": "customProperties.level"})
    assert last(segment) == (3, "admin", "bo")


def test_what_a_command_takes_along_is_a_version(people, segment):
    declare(people, tier="text")
    call_command("delete_property", people.pk, "plan", "--instead", "customProperties.tier", stdout=StringIO())
    assert last(segment) == (2, "command", None)


def test_a_dry_run_and_a_refused_save_leave_no_version(people, segment, agent):
    declare(people, tier="text")
    property_changes.delete(people, "customProperties.plan", instead="customProperties.tier", dry_run=True)
    property_changes.delete(people, "customProperties.plan", breaking=Breaking.DELETE, dry_run=True)
    edit(agent, segment, {"all": [{"property": "nowhere", "operator": "is"}]})
    edit(agent, segment, {"all": []})  # which is asked about
    edit(agent, segment, {"all": [tree.write_node(FREE)]}, _check="Check")
    assert len(kept(segment)) == 1


def test_no_more_than_the_last_hundred_are_kept_and_numbers_go_on(segment, people):
    other = drafts.create(people, Draft("Other", FREE, rule_given=True))
    for number in range(versions.MOST_KEPT + 5):
        drafts.update(segment, Draft(f"Paying {number}"))
    numbers = [number for number, *_ in kept(segment)]
    assert numbers == list(range(versions.MOST_KEPT + 6, 6, -1))
    assert len(kept(other)) == 1


def test_many_segments_are_written_with_the_same_number_of_queries(people, segment):
    more = [drafts.create(people, Draft(f"S{number}", PRO, rule_given=True)) for number in range(20)]
    counts = []
    for several in ([segment], more):
        for each in several:
            each.rule = tree.write(FREE)
        with CaptureQueriesContext(connection) as asked:
            versions.keep(several, By())
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert all(len(kept(each)) == 2 for each in [segment, *more])


@pytest.mark.django_db(transaction=True)
def test_twenty_saves_at_once_are_numbered_without_gaps_and_lose_nothing(people, segment):
    def save(number):
        try:
            mine = Segment.objects.get(pk=segment.pk)
            drafts.update(
                mine,
                Draft(f"Name {number}") if number % 2 else Draft(rule=custom("age", "is", number), rule_given=True),
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(save, range(20)))
    held = list(segment.versions.order_by("number"))
    assert [each.number for each in held] == list(range(1, 22))
    for before, after in itertools.pairwise(held):  # each changed what it said and nothing else
        assert (before.name == after.name) != (before.rule == after.rule)
    segment.refresh_from_db()
    assert versions.equal(segment, held[-1])


@pytest.mark.django_db(transaction=True)
def test_segments_of_before_get_their_first_version(people):
    executor = MigrationExecutor(connection)
    executor.migrate([("segments", "0001_initial")])
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO segments_segment (id, workspace_id, name, name_is_unique, description, rule, included,"
                " excluded, broadcast_medium_id, segment_type, tag_id) VALUES ('6684f0911504d49e7c00312e', %s, 'Old', true,"
                " 'From before', %s, '', '', '', '', '')",
                [people.pk, json.dumps(tree.write(PRO))],
            )
    finally:
        MigrationExecutor(connection).migrate([("segments", executor.loader.graph.leaf_nodes("segments")[0][1])])
    segment = Segment.objects.get(name="Old")
    version = segment.versions.get()
    assert (version.number, version.source, version.author) == (1, Channel.EARLIER, None)
    assert version.saved_at == segment.updated_at
    assert versions.equal(segment, version)
    drafts.update(segment, Draft("Old"))
    assert len(kept(segment)) == 1


# --- the pages -------------------------------------------------------------------------------------------------------


def address(segment, rest=""):
    return f"/admin/segments/segment/{segment.pk}/versions/{rest}"


def seen(client, segment):
    shown = client.get(address(segment)).content.decode()
    found = re.search(r'name="seen" value="([^"]*)"', shown)
    return html.unescape(found[1]) if found else ""


def restore(client, segment, number, **sent):
    return client.post(address(segment, f"{number}/restore/"), {"seen": seen(client, segment), **sent})


def test_the_page_says_who_changed_what_and_how_many_more_or_fewer(agent, people, segment):
    bo = User.objects.create(username="bo", first_name="Bo")
    change(segment, custom("plan", "is", ("pro", "team")), "Payers", By(bo, Channel.ADMIN))
    shown = text(agent.get(address(segment)))
    now = timezone.now().astimezone(people.zone)
    assert re.search(r"Version 2, as it is now Saved \d\d:\d\d by Bo · 5 people", shown)
    assert "v1 → v2: 2 more name: Paying → Payers plan is pro → any of pro, team" in shown
    assert "Version 1 Saved" in shown
    assert "by a command · 3 people The first version." in shown
    assert "What restoring version 1 changes v2 → v1: 2 fewer name: Payers → Paying" in shown
    segment.versions.filter(number=1).update(saved_at=now.replace(year=2025, month=3, day=4, hour=5, minute=6))
    assert "Saved 4 Mar 2025, 05:06 by a command" in text(agent.get(address(segment)))


def test_a_single_change_is_one_line(agent, segment):
    change(segment, custom("plan", "is", ("pro", "team")))
    assert "v1 → v2: plan is pro → any of pro, team ; 2 more" in text(agent.get(address(segment)))


def test_a_version_that_nobody_can_read_any_more_says_why(agent, people, segment):
    declare(people, gone="text")
    change(segment, custom("gone", "is_known"))
    change(segment, PRO)
    people.properties.filter(name="gone").delete()
    segment.versions.filter(number=1).update(rule={"version": 9, "rule": {}})
    shown = text(agent.get(address(segment)))
    assert "Nobody can say who would be in: rule.property: there is no property 'customProperties.gone'" in shown
    assert "Nobody can say who would be in: version: is 9; this program reads version 1" in shown
    assert "v2 → v3: gone has a value → plan is pro" in shown or "removed: gone has a value" in shown
    assert "the rule; nobody can say how: version: is 9" in shown


def test_the_list_goes_on_page_by_page(agent, segment):
    for number in range(30):
        drafts.update(segment, Draft(f"Paying {number}"))
    first = agent.get(address(segment)).content.decode()
    assert [int(number) for number in re.findall(r"<h2>Version (\d+)", first)] == list(range(31, 11, -1))
    assert "name: Paying 9 → Paying 10" in html.unescape(first)  # of the last one too, whose older one is not here
    following = re.search(r'href="(\?before=\d+)"', first)[1]
    second = agent.get(address(segment) + following).content.decode()
    assert [int(number) for number in re.findall(r"<h2>Version (\d+)", second)] == list(range(11, 0, -1))
    assert "before=" not in second
    assert agent.get(address(segment) + "?before=x").status_code == 200


def test_the_page_costs_the_same_number_of_queries_however_long(agent, segment, django_assert_num_queries):
    change(segment, FREE)
    with CaptureQueriesContext(connection) as two:
        agent.get(address(segment))
    for number in range(15):
        change(segment, custom("age", "at_least", number))
    with django_assert_num_queries(len(two)):
        agent.get(address(segment))


def test_the_segments_page_says_its_version_and_where_it_is_used(agent, people, segment):
    drafts.create(people, Draft("Uses it", InSegment(segment.pk), rule_given=True))
    shown = text(agent.get(f"/admin/segments/segment/{segment.pk}/change/"))
    assert re.search(r"Version 1, saved \d\d:\d\d by a command · History · Used in 1", shown)
    SegmentVersion.objects.all().delete()  # as one that raw SQL made
    shown = text(agent.get(f"/admin/segments/segment/{segment.pk}/change/"))
    assert "Version 1" not in shown
    assert "No version is kept here." in text(agent.get(address(segment)))
    assert "Version 1" not in text(agent.get("/admin/segments/segment/add/"))


def test_the_segments_page_reads_the_rules_of_its_workspace_and_its_own_saved_row_once(agent, people, segment):
    drafts.create(people, Draft("Uses it", InSegment(segment.pk), rule_given=True))
    with CaptureQueriesContext(connection) as queries:
        agent.get(f"/admin/segments/segment/{segment.pk}/change/")
    asked = [each["sql"] for each in queries if 'FROM "segments_segment"' in each["sql"]]
    (rules,) = (sql for sql in asked if '"segments_segment"."rule" IS NOT NULL' in sql)
    assert not any(f'"segments_segment"."{heavy}"' in rules for heavy in ("document", "included", "excluded"))
    alone = [sql for sql in asked if 'WHERE "segments_segment"."id" = ' in sql and 'JOIN "workspaces_workspace"' in sql]
    assert len(alone) == 1


# --- restoring -------------------------------------------------------------------------------------------------------


def test_what_is_restored_is_the_next_version(agent, segment):
    drafts.update(
        segment, Draft("Payers", custom("plan", "is", ("pro", "team")), rule_given=True, fields={"description": "x"})
    )
    answer = restore(agent, segment, 1, confirmed="change")
    assert answer["Location"] == address(segment)
    segment.refresh_from_db()
    assert (segment.name, segment.description, segment.tree) == ("Paying", "", PRO)
    assert [number for number, *_ in kept(segment)] == [3, 2, 1]
    assert last(segment) == (3, "admin", "ana")
    assert "Paying is as it was in version 1; this is version 3." in text(agent.get(address(segment)))
    said = LogEntry.objects.filter(object_id=segment.pk).latest("pk").get_change_message()
    assert said.startswith(
        "Changed version 1 restored, name: Payers → Paying, description: x → none and plan is any of"
    )


def test_what_a_client_sent_is_echoed_again_once_it_is_restored(people, api, agent):
    criteria = {"type": "and", "predicates": [{"property": "customProperties.plan", "operator": "is_not", "value": "pro", "dataType": "string", "x": 1}]}  # fmt: skip
    made = api.post(f"/api/workspaces/{people.pk}/segments", {"name": "S", "criteria": criteria}).json()
    segment = Segment.objects.get(pk=made["data"]["segment"]["_id"])
    change(segment, PRO)
    assert restore(agent, segment, 1, confirmed="change").status_code == 302
    assert api.get(f"/api/segments/{segment.pk}").json()["data"]["segment"]["criteria"] == criteria


def test_restoring_asks_like_a_save(agent, people, segment):
    change(segment, All(()))
    change(segment, PRO)
    asked = restore(agent, segment, 2)
    assert "Save a segment of everyone?" in text(asked)
    assert len(kept(segment)) == 3
    assert restore(agent, segment, 2, confirmed="nobody").status_code == 200
    assert restore(agent, segment, 2, _keep="1")["Location"] == address(segment)
    assert len(kept(segment)) == 3
    held = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.content.decode()))
    held["seen"] = html.unescape(held["seen"])
    assert (
        agent.post(address(segment, "2/restore/"), {"seen": held["seen"], "confirmed": "everyone"}).status_code == 302
    )
    segment.refresh_from_db()
    assert segment.tree == All(())


def test_who_restores_is_told_of_what_somebody_saved_meanwhile(agent, people, segment):
    drafts.update(segment, Draft("Payers"))
    before = seen(agent, segment)
    bo = User.objects.create(username="bo", first_name="Bo")
    change(segment, FREE, by=By(bo, Channel.ADMIN))
    asked = agent.post(address(segment, "1/restore/"), {"seen": before})
    for words in ("Bo saved version 3 a moment ago", "Bo's rule: People whose plan is free. 1 person.",
                  "Version 1: People whose plan is pro. 3 people.", "Save mine as version 4", "Take Bo's",
                  "What saving yours changes in it: name: Payers → Paying; plan is free → pro."):  # fmt: skip
        assert words in text(asked)
    newer = html.unescape(re.search(r'name="seen" value="([^"]*)"', asked.content.decode())[1])
    asked = agent.post(address(segment, "1/restore/"), {"seen": newer, "confirmed": "over"})
    assert "Change who is in this segment?" in text(asked)
    assert agent.post(address(segment, "1/restore/"), {"seen": newer, "confirmed": "change"}).status_code == 302
    assert [name for _, name, _ in kept(segment)] == ["Paying", "Payers", "Payers", "Paying"]


def broken(people, segment):
    declare(people, gone="text")
    change(segment, custom("gone", "is_known"), "Gone")
    change(segment, PRO, "Paying")
    people.properties.filter(name="gone").delete()
    drafts.create(people, Draft("Gone", None, rule_given=True))


def test_a_version_that_no_longer_holds_is_refused_with_every_reason(agent, people, segment, api):
    broken(people, segment)
    answer = restore(agent, segment, 2)
    assert answer.status_code == 400
    assert "Version 2 cannot be restored: name: a segment called Gone exists already; choose another name" in text(
        answer
    )
    assert "Version 2 cannot be restored: rule.property: there is no property 'customProperties.gone'" in text(answer)
    answer = api.post(f"/api/segments/{segment.pk}/versions/2/restore", None)
    assert (answer.status_code, len(answer.json()["problems"])) == (400, 2)
    assert len(kept(segment)) == 3
    segment.versions.filter(number=1).update(rule={"version": 9, "rule": {}})
    assert "Version 1 cannot be restored: version: is 9" in text(restore(agent, segment, 1))


def test_guests_look_and_change_nothing_and_strangers_find_nothing(people, rival, segment):
    change(segment, FREE)
    gus, mallory = join(people, "gus", Role.GUEST), join(rival, "mallory", Role.OWNER)
    shown = text(gus.get(address(segment)))
    assert "v1 → v2: plan is pro → free" in shown
    assert "Restore" not in shown
    for rest in ("1/restore/", "1/delete/"):
        assert gus.post(address(segment, rest), {"confirmed": "delete"}).status_code == 403
        assert mallory.post(address(segment, rest), {"confirmed": "delete"}).status_code in (302, 404)
        assert Client().post(address(segment, rest), {"confirmed": "delete"}).status_code == 302
    assert len(kept(segment)) == 2
    theirs = drafts.create(rival, Draft("Theirs", None, rule_given=True))
    drafts.update(theirs, Draft("Theirs too"))
    agent = join(people, "ana", Role.AGENT)
    assert agent.post(address(theirs, "1/restore/"), {}).status_code in (302, 404)
    assert agent.post(address(segment, "99/restore/"), {}).status_code == 404
    assert agent.post(address(segment, "99999999999999999999/restore/"), {}).status_code == 404
    assert len(kept(theirs)) == 2


# --- deleting --------------------------------------------------------------------------------------------------------


def test_an_old_version_is_deleted_once_ana_says_so_and_the_last_one_stays(agent, segment):
    drafts.update(segment, Draft("Payers"))
    assert "Delete version 1?" in text(agent.get(address(segment, "1/delete/")))
    assert len(kept(segment)) == 2
    agent.post(address(segment, "2/delete/"), {"confirmed": "delete"})
    assert "Version 2 is the last one and stays." in text(agent.get(address(segment)))
    agent.post(address(segment, "1/delete/"), {"confirmed": "delete"})
    assert [number for number, *_ in kept(segment)] == [2]
    assert "What came before it is no longer kept." in text(agent.get(address(segment)))
    drafts.update(segment, Draft("Paying"))
    assert [number for number, *_ in kept(segment)] == [3, 2]


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_versions_are_listed_and_restored_over_the_api(api, rival_api, segment):
    change(segment, custom("plan", "is", ("pro", "team")))
    drafts.update(segment, Draft("Payers"))
    base = f"/api/segments/{segment.pk}/versions"
    page = api.get(base, limit=2).json()["data"]
    assert [each["number"] for each in page["versions"]] == [3, 2]
    assert [each["changes"] for each in page["versions"]] == [
        ["name: Paying → Payers"],
        ["plan is pro → any of pro, team"],
    ]
    assert page["versions"][0]["rule"] == tree.write(custom("plan", "is", ("pro", "team")))
    assert page["searchAfter"] == 2
    page = api.get(base, limit=2, searchAfter=2).json()["data"]
    assert ([each["number"] for each in page["versions"]], page["searchAfter"]) == ([1], None)
    answer = api.get(base, limit="x", searchAfter="y")
    assert [each["path"] for each in answer.json()["problems"]] == ["limit", "searchAfter"]
    answer = api.post(f"{base}/1/restore", None)
    assert (answer.status_code, answer.json()["data"]["segment"]["name"]) == (200, "Paying")
    assert last(segment) == (4, "api", None)
    for number in ("9", "x", "٣", "9" * 40):
        assert api.post(f"{base}/{number}/restore", None).status_code == 404
    assert rival_api.get(base).status_code == rival_api.post(f"{base}/1/restore", None).status_code == 404


# --- two editors, and a change of many -------------------------------------------------------------------------------


def test_the_second_editor_sees_both_rules_with_what_differs_marked(agent, people, segment):
    before = segment.updated_at.isoformat()
    bo = User.objects.create(username="bo", first_name="Bo")
    change(segment, custom("plan", "is", ("pro", "team")), by=By(bo, Channel.ADMIN))
    response = edit(agent, segment, tree.write_node(FREE), seen=before)
    page = response.content.decode()
    assert "People whose plan is <mark>pro or team.</mark>" in page
    assert "People whose plan is <mark>free.</mark>" in page
    for words in ("Bo saved version 2 a moment ago", "Bo's rule: People whose plan is pro or team. 5 people.",
                  "Yours: People whose plan is free. 1 person.", "Keep editing mine", "Save mine as version 3", "Take Bo's",
                  "What saving yours changes in it: plan is any of pro, team → free."):  # fmt: skip
        assert words in text(response)
    asked = edit(agent, segment, tree.write_node(FREE), {"Accept": "application/json"}, seen=before).json()["question"]
    assert asked["sides"][1] == {
        "whose": "Yours",
        "says": [["People whose plan is", False], ["free.", True]],
        "people": "1 person",
    }
    assert (asked["no"], asked["yes"]) == ("Keep editing mine", "Save mine as version 3")


def test_a_save_that_changes_no_version_disturbs_no_editor(agent, people, segment, api):
    before = segment.updated_at.isoformat()
    drafts.update(segment, Draft(fields={"segment_type": "STATIC"}))
    assert edit(agent, segment, segment.rule, name="Payers", seen=before).status_code == 302
    segment.refresh_from_db()
    assert segment.segment_type == "STATIC"


def test_a_rule_of_theirs_that_nobody_can_read_is_told_too(agent, people, segment):
    before = segment.updated_at.isoformat()
    declare(people, gone="text")
    change(segment, custom("gone", "is_known"))
    people.properties.filter(name="gone").delete()
    response = edit(agent, segment, tree.write_node(FREE), seen=before)
    assert "there is no property 'customProperties.gone'" in text(response)
    assert "Take theirs" in text(response)
    assert "It was saved by a command." in text(response)


def test_ten_of_those_added_and_removed_are_named_and_pinned_people_stay(agent, people, segment):
    for number in range(12):
        add(people, f"Free{number}", plan="free")
    for name in ("P0", "P1", "P5"):
        pins.pin(segment, [people.contacts.get(first_name=name).pk], Wish())
    pins.pin(segment, [people.contacts.get(first_name="P2").pk], Wish(PinKind.EXCLUDED))
    drafts.create(people, Draft("Uses it", InSegment(segment.pk), rule_given=True))
    response = edit(agent, segment, tree.write_node(custom("plan", "is", ("free", "team"))))
    page, said = response.content.decode(), text(response)
    assert (
        "3 people today. Saving adds 14 and removes 0, leaving 17. Three pinned people stay. Used in 1 segment." in said
    )
    assert "Ten of the 14 people added" in said
    links = re.findall(r'<li dir="auto"><a href="/admin/contacts/contact/(\d+)/change/">', page)
    added = people.contacts.exclude(first_name__in=["P0", "P1", "P2", "P5"])
    assert len(set(links)) == 10
    assert set(map(int, links)) <= set(added.values_list("pk", flat=True))
    asked = edit(agent, segment, tree.write_node(custom("age", "is_known")), {"Accept": "application/json"})
    assert asked.json()["question"]["some"][0]["title"] == "The two people added"
    assert re.match(r"/admin/contacts/contact/\d+/change/", asked.json()["question"]["some"][0]["people"][0]["page"])


@pytest.mark.parametrize(("minutes", "words"), [
    (0, "a moment ago"), (1, "one minute ago"), (4, "four minutes ago"), (45, "45 minutes ago"), (60, "one hour ago"),
    (60 * 24 * 12, "12 days ago"),
])  # fmt: skip
def test_how_long_ago_is_said_in_words(minutes, words):
    now = timezone.now()
    assert ago(now - timezone.timedelta(minutes=minutes), now) == words


def test_deleting_a_segment_takes_its_versions_along(people, segment):
    bo = join(people, "bo", Role.ADMIN)
    drafts.update(segment, Draft("Payers"))
    shown = text(bo.get(f"/admin/segments/segment/{segment.pk}/delete/"))
    assert "version 1 of" not in shown
    assert "Segment versions: 2" in shown
    assert bo.post(f"/admin/segments/segment/{segment.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not SegmentVersion.objects.exists()


def test_rules_are_read_whichever_way_a_version_came(segment):
    assert versions.draft(segment.versions.get()).rule == read_node(tree.write_node(PRO), "")
