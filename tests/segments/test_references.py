"""Segments that name other segments: each evaluated once, never in a circle, not too many."""

import threading

import pytest
from django.db import close_old_connections, connections

from contacts.models import Contact
from segments.dialects.draft import Draft
from segments.engine import audience, evaluation
from segments.models import Segment
from segments.references import MOST_SEGMENTS, RuleWithPins
from segments.rules.tree import All, Any, InSegment, Not, write
from segments.saving import drafts, pins
from segments.saving.pins import Wish
from tests.people import add, custom, declare
from workspaces.problems import Conflict, Invalid

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(shop):
    declare(shop, plan="text")
    for name, plan in (("Ana", "pro"), ("Bea", "pro"), ("Cem", "free")):
        add(shop, name, plan=plan)
    return shop


def make(shop, name, rule):
    return drafts.create(shop, Draft(name, rule, rule_given=True))


def change(segment, rule):
    return drafts.update(segment, Draft(rule=rule, rule_given=True))


def both(segment):
    """Names the segment twice, so that a naive evaluation of a chain of these doubles at every link."""
    return All((InSegment(segment.pk), Not(Not(InSegment(segment.pk)))))


def test_a_chain_of_fourteen_segments_is_fourteen_evaluations(people, monkeypatch):
    last = make(people, "0", custom("plan", "is", "pro"))
    for number in range(1, 14):
        last = make(people, str(number), both(last))
    evaluated = []
    really = evaluation.joined
    monkeypatch.setattr(evaluation, "joined", lambda rule, *rest: evaluated.append(rule) or really(rule, *rest))
    answer = audience.of(last)
    assert answer.count == 2
    assert len(evaluated) == 14 * len(answer.layers)


@pytest.mark.parametrize("mask_bytes", [0, evaluation.MASK_BYTES])
def test_segments_that_share_a_condition_keep_their_own_pins(people, monkeypatch, mask_bytes):
    """However few conditions are looked at together."""
    monkeypatch.setattr(evaluation, "MASK_BYTES", mask_bytes)
    pro = custom("plan", "is", "pro")
    pinned, plain = make(people, "pinned", pro), make(people, "plain", pro)
    pins.pin(pinned, [Contact.objects.get(first_name="Cem").pk], Wish())
    outer = make(people, "outer", All((InSegment(pinned.pk), Not(InSegment(plain.pk)))))
    held = [Segment.objects.get(pk=each.pk) for each in (pinned, plain, outer)]
    together = audience.several(people, [RuleWithPins(each.tree, each) for each in held])
    assert [[str(each) for each in found.page(9)] for found in together] == [
        ["Ana", "Bea", "Cem"],
        ["Ana", "Bea"],
        ["Cem"],
    ]


def test_the_widest_rule_allowed_and_one_more(people):
    inner = [make(people, str(number), custom("plan", "is", "pro")) for number in range(MOST_SEGMENTS + 1)]
    wide = make(people, "wide", Any(tuple(InSegment(each.pk) for each in inner[:-1])))
    assert audience.of(wide).count == 2
    with pytest.raises(Invalid, match="50 other segments at most"):
        change(wide, Any(tuple(InSegment(each.pk) for each in inner)))
    assert Segment.objects.get(pk=wide.pk).tree == wide.tree


def test_a_segment_in_use_does_not_come_to_need_too_many_for_those_that_use_it(people):
    inner = [make(people, str(number), custom("plan", "is", "pro")) for number in range(MOST_SEGMENTS)]
    used = make(people, "used", custom("plan", "is", "pro"))
    make(people, "uses it", InSegment(used.pk))
    change(used, Any(tuple(InSegment(each.pk) for each in inner[:-1])))
    with pytest.raises(Invalid, match="the rule of uses it can need 50"):
        change(used, Any(tuple(InSegment(each.pk) for each in inner)))


def test_a_rule_that_nobody_can_read_is_in_the_way_of_a_deletion_alone(people):
    used = make(people, "used", custom("plan", "is", "pro"))
    inner = make(people, "inner", custom("plan", "is", "free"))
    Segment.objects.create(workspace=people, name="odd", rule={"version": 99, "rule": {}})
    change(used, Any((InSegment(inner.pk), custom("plan", "is", "pro"))))
    assert audience.of(Segment.objects.get(pk=used.pk)).count == 3
    with pytest.raises(Conflict, match="odd"):
        drafts.delete(used)


def test_a_chain_too_long_is_refused_however_it_came_about(people):
    """Saved past the checks, as raw SQL may do: reading fails closed, and quickly."""
    last = make(people, "0", custom("plan", "is", "pro"))
    for number in range(1, 300):
        last = Segment.objects.create(workspace=people, name=str(number), rule=write(InSegment(last.pk)))
    for wanted in ([RuleWithPins(last.tree, last)], [RuleWithPins(each.tree, each) for each in people.segments.all()]):
        with pytest.raises(Invalid, match="50 other segments at most"):
            audience.several(people, wanted)


def test_a_circle_is_refused_with_its_path(people):
    ana = make(people, "A", custom("plan", "is", "pro"))
    bea = make(people, "B", InSegment(ana.pk))
    cem = make(people, "C", Not(InSegment(bea.pk)))
    with pytest.raises(Invalid, match="A → C → B → A"):
        change(ana, InSegment(cem.pk))
    with pytest.raises(Invalid, match="A → A"):
        change(ana, InSegment(ana.pk))
    assert audience.of(Segment.objects.get(pk=cem.pk)).count == 1


def test_a_circle_that_is_there_all_the_same_has_nobody_in_it_but_an_error(people):
    ana = make(people, "A", custom("plan", "is", "pro"))
    bea = make(people, "B", InSegment(ana.pk))
    Segment.objects.filter(pk=ana.pk).update(rule=write(Not(InSegment(bea.pk))))
    for segment in Segment.objects.filter(pk__in=[ana.pk, bea.pk]):
        with pytest.raises(Invalid, match="circle"):
            audience.of(segment)
    with pytest.raises(Invalid, match="circle"):
        audience.matching(people, Not(InSegment(ana.pk)))


def test_an_unknown_a_deleted_and_a_foreign_segment_are_errors(people, rival):
    gone = make(people, "gone", custom("plan", "is", "pro"))
    Segment.objects.filter(pk=gone.pk).update(deleted_at="2026-01-01T00:00:00Z")
    foreign = make(rival, "foreign", All(()))
    for pk in (gone.pk, foreign.pk, "f" * 24, "nonsense"):
        with pytest.raises(Invalid, match="there is no segment"):
            audience.matching(people, Not(InSegment(pk)))


def test_two_saves_at_once_never_make_a_circle(people):
    for attempt in range(8):
        ana, bea = (make(people, f"{name} {attempt}", custom("plan", "is", "pro")) for name in "AB")
        start, refused = threading.Barrier(2), []

        def save(segment, other, start=start, refused=refused):
            close_old_connections()
            start.wait()
            try:
                change(segment, InSegment(other.pk))
            except Invalid as error:
                refused.append(str(error))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=save, args=pair) for pair in ((ana, bea), (bea, ana))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert "circle" in refused[0]
        assert audience.of(Segment.objects.get(pk=ana.pk)).count == 2
