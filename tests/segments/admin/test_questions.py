"""What is asked back before a segment is saved, copied, or saved over what somebody else did."""

import html
import json
import re

import pytest
from django.urls import reverse

from segments.models import Segment
from segments.rules import tree
from segments.rules.tree import InSegment
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.callers import join
from tests.segments.admin.builder import JSON, PRO, STALE, edit, write
from tests.staff import text
from workspaces.models import Role

pytestmark = pytest.mark.django_db


LETTER_A = {"property": "email", "operator": "contains", "value": "ana@"}


# --- asked before saving -------------------------------------------------------------------------------------------


QUESTIONS = [
    ({"all": []}, "everyone", "Save a segment of everyone?", "all 10 people in Demo shop", "Save for everyone"),
    ({"any": [PRO, {"not": PRO}]}, "everyone", "Save a segment of everyone?", "all 10 people", "Save for everyone"),
    ({"all": [PRO, {"not": PRO}]}, "nobody", "Save a segment that is empty now?", "No one matches", "Save it empty"),
]


@pytest.mark.parametrize(("rule", "kind", "title", "says", "yes"), QUESTIONS)
def test_a_segment_of_everyone_or_nobody_is_saved_once_ana_says_so(ana, people, rule, kind, title, says, yes):
    response = write(ana, people, rule)
    assert not Segment.objects.exists()
    for words in (title, says, yes, "Keep editing"):
        assert words in text(response)
    assert write(ana, people, rule, confirmed=kind).status_code == 302
    assert Segment.objects.get().rule == {"version": 1, "rule": rule}


def test_a_yes_to_one_question_is_none_to_another(ana, people):
    assert "Save a segment of everyone?" in text(write(ana, people, {"all": []}, confirmed="nobody"))
    assert not Segment.objects.exists()


def test_the_page_in_between_sends_everything_again(ana, people):
    """As a browser without JavaScript does."""
    shown = write(ana, people, {"all": []}, description='Say "all" & go', _continue="Save").content.decode()
    held = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown)
    }
    back = ana.post(reverse("admin:segments_segment_add"), {**held, "_keep": "1"})
    assert "Say &quot;all&quot; &amp; go" in back.content.decode()
    assert "errornote" not in back.content.decode()
    assert not Segment.objects.exists()
    done = ana.post(reverse("admin:segments_segment_add"), {**held, "confirmed": "everyone"})
    segment = Segment.objects.get()
    assert done["Location"].endswith(f"{segment.pk}/change/")
    assert segment.description == 'Say "all" & go'


def test_changing_more_than_half_asks_and_says_how_many(ana, people):
    segment = drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
    drafts.create(people, Draft("Uses it", InSegment(segment.pk), rule_given=True))
    response = edit(ana, segment, STALE)
    assert "6 people today. Saving adds 1 and removes 4, leaving 3. Used in 1 segment." in text(response)
    assert "Save: 5 people change" in text(response)
    segment.refresh_from_db()
    assert segment.rule == {"version": 1, "rule": PRO}
    assert edit(ana, segment, STALE, confirmed="change").status_code == 302


LATER = {"property": "customProperties.last", "operator": "after", "value": "2500-01-01"}


@pytest.mark.parametrize("rule", [PRO, {"all": [PRO, {"not": STALE}]}, {"any": [PRO, LETTER_A]}, {"all": [PRO, LATER]}])
def test_a_change_of_half_or_less_asks_nothing(ana, people, rule):
    segment = drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
    assert edit(ana, segment, rule).status_code == 302


def test_renaming_a_segment_of_everyone_asks_nothing(ana, people):
    segment = drafts.create(people, Draft("All", tree.All(), rule_given=True))
    assert edit(ana, segment, segment.rule, name="All of them").status_code == 302


def test_nothing_is_asked_where_there_are_no_people_yet(ana, shop):
    assert write(ana, shop, {"all": []}).status_code == 302


def test_checking_saves_nothing_and_says_the_sentence_and_the_number(ana, people):
    response = write(ana, people, {"all": [PRO]}, _check="Check")
    assert "People whose plan is pro or team. 6 of 10 in Demo shop. Nothing is saved yet." in text(response)
    assert not Segment.objects.exists()
    response = write(ana, people, {"all": [{**PRO, "operator": "like"}]}, _check="Check")
    assert "rule.all[0].operator" in text(response)


# --- a copy --------------------------------------------------------------------------------------------------------


def test_a_copy_has_the_edited_rule_and_a_free_name_and_the_original_stays(ana, people, segment):
    copied = {"all": [PRO, {"not": STALE}]}
    names = []
    for _ in range(3):
        done = edit(ana, segment, copied, JSON, _saveasnew="Save as a copy").json()
        copy = Segment.objects.latest("created_at")
        assert done == {"location": reverse("admin:segments_segment_change", args=[copy.pk])}
        assert (copy.rule["rule"], copy.workspace, copy.created_by.username) == (copied, people, "ana")
        names.append(copy.name)
    assert names == ["Paying (copy)", "Paying (copy 2)", "Paying (copy 3)"]
    assert edit(ana, segment, copied, name="Mine", _saveasnew="1").status_code == 302
    assert Segment.objects.latest("created_at").name == "Mine"
    segment.refresh_from_db()
    assert (segment.name, segment.rule["rule"]) == ("Paying", PRO)


def test_a_copy_is_asked_about_like_any_new_segment(ana, people, segment):
    answer = edit(ana, segment, {"all": []}, JSON, _saveasnew="1")
    assert (answer.status_code, answer.json()["question"]["kind"]) == (409, "everyone")
    page = edit(ana, segment, {"all": []}, _saveasnew="1")
    assert 'name="_saveasnew"' in page.content.decode()
    assert Segment.objects.count() == 1
    assert edit(ana, segment, {"all": []}, _saveasnew="1", confirmed="everyone").status_code == 302
    assert Segment.objects.count() == 2


def test_nobody_copies_what_is_not_theirs(people, rival, segment):
    assert edit(join(rival, "mallory", Role.OWNER), segment, PRO, _saveasnew="1").status_code == 404
    assert edit(join(people, "gus", Role.GUEST), segment, PRO, _saveasnew="1").status_code == 403
    assert Segment.objects.count() == 1


# --- two editors ---------------------------------------------------------------------------------------------------


def test_the_second_of_two_editors_is_told_and_loses_nothing(ana, people, segment):
    bo, seen = join(people, "bo", Role.ADMIN), segment.updated_at.isoformat()
    free = {**PRO, "value": ["pro"]}
    assert edit(bo, segment, free, seen=seen).status_code == 302
    mine = {"all": [PRO, {"not": STALE}]}
    response = edit(ana, segment, mine, seen=seen, name="Mine")
    assert "bo saved version 2 a moment ago" in text(response)
    assert "bo's rule: People whose plan is pro. 4 people." in text(response)
    assert "Yours: People whose plan is pro or team and whose last is not more than 90 days ago" in text(response)
    segment.refresh_from_db()
    assert segment.rule == {"version": 1, "rule": free}
    assert json.dumps(mine).replace('"', "&quot;") in response.content.decode()
    newer = re.search(r'name="seen" value="([^"]*)"', response.content.decode())[1]
    assert edit(ana, segment, mine, seen=newer, name="Mine").status_code == 302
    segment.refresh_from_db()
    assert (segment.name, segment.rule["rule"]) == ("Mine", mine)


def test_what_a_client_saved_in_the_meantime_is_told_too(ana, segment):
    seen = segment.updated_at.isoformat()
    drafts.update(segment, Draft("Renamed"))
    assert "Somebody saved version 2 a moment ago" in text(edit(ana, segment, PRO, seen=seen))
