"""Explain why one person is in a segment or not: every node of its rule, the pins, and one sentence."""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo

from contacts.columnar import from_table
from contacts.columnar.from_table import OneContact
from contacts.columnar.snapshot import Reading
from contacts.schema import PropertyType
from contacts.values import milliseconds, moment_of
from segments import references
from segments.engine import summaries
from segments.engine.audience import Audience
from segments.engine.evaluation import evaluate
from segments.models import Pin, Segment
from segments.references import RuleWithPins
from segments.rules.check import check
from segments.rules.explanation import Explainer, Explanation, Pinned, Stored, stored
from segments.rules.reasons import closest, why
from segments.rules.tree import walk
from segments.rules.words import day_in_words
from workspaces.consistent_reads import one_moment
from workspaces.models import Workspace

MOST_SHOWN = 200  # segments on the page of a contact
IN_THE_TRASH = "Is in the trash, and whoever is there is in no segment."


def explain(workspace: Workspace, wanted: RuleWithPins, contact_id: int) -> Explanation:
    """Why a rule finds this person or does not; where it is a segment's, with the segment's pins.

    Raises Contact.DoesNotExist, and Invalid if the rule does not fit the workspace.
    """
    people: list[OneContact] = []

    def read(workspace: Workspace, named: Collection[str]) -> Reading:
        people.append(from_table.read(workspace, contact_id, named))
        return people[0].reading

    with one_moment():
        needed = references.in_order(workspace, [wanted])
        rules = [*(RuleWithPins(each.tree, each) for each in needed), wanted]
        # The engine is asked about every node; nothing here decides what is met.
        asked = {key: each for place, rule in enumerate(rules) for key, each in _questions(place, rule).items()}
        done = evaluate(workspace, list(asked.values()), read=read)
        if not done.reading.layers:
            return Explanation(*_names(wanted), False, IN_THE_TRASH, (), None, None)
        pins = _pins(contact_id, rules, done.now)
    met: list[dict[str, bool]] = [{} for _ in rules]
    for (place, at), (mask,) in zip(asked, done.masks, strict=True):
        met[place][at] = bool(mask[0])
    return _explained(rules, met, people[0], pins)


_WITH_PINS = ""  # where the answer about a rule as a whole stands, beside those about its nodes


def _questions(place: int, rule: RuleWithPins) -> dict[tuple[int, str], RuleWithPins]:
    """By the place of the rule among several and that of the node in it."""
    return {(place, _WITH_PINS): rule, **{(place, each.at): RuleWithPins(each.node) for each in walk(rule.rule)}}


def _pins(contact_id: int, rules: Collection[RuleWithPins], now: int) -> dict[str, Pinned]:
    held = Pin.objects.order_by().filter(
        contact=contact_id, segment__in=[each.segment for each in rules if each.segment]
    )
    return {pin.segment_id: _pinned(pin, now) for pin in held.select_related("author")}


def _pinned(pin: Pin, now: int) -> Pinned:
    expires = milliseconds(pin.expires_at) if pin.expires_at else None
    author = str(pin.author) if pin.author else ""
    return Pinned(pin.kind, pin.reason, author, expires, expires is None or expires > now)


def _explained(
    rules: Sequence[RuleWithPins], met: Sequence[Mapping[str, bool]], someone: OneContact, pins: Mapping[str, Pinned]
) -> Explanation:
    """Of the last rule; those that it needs stand in front of it. `met`: of each rule its nodes, by their places."""
    schema = someone.reading.schema

    def held(type_: PropertyType) -> Stored:
        text, is_known = someone.texts.get(type_.reference), someone.knows(type_.reference)
        return stored(type_.kind, text, is_known, schema.zone)

    explained: dict[str, Explanation] = {}
    for wanted, met_here in zip(rules, met, strict=True):
        is_in = met_here[_WITH_PINS]
        explainer = Explainer(met_here, held, explained)
        root = explainer.node(check(wanted.rule, schema)) if wanted.rule else None
        pin = pins.get(wanted.segment.pk) if wanted.segment else None
        by_hand = pin is not None and pin.in_force
        changes = closest(root) if root and not root.met and not by_hand else ()
        sentence = why(root, is_in, pin, changes, _last_day(pin, schema.zone))
        explanation = Explanation(*_names(wanted), is_in, sentence, changes, root, pin)
        explained[explanation.segment or ""] = explanation
    return explanation


def memberships(workspace: Workspace, contact_id: int) -> list[tuple[Segment, bool | None]]:
    """The live segments by name, and whether this person is in; None where nobody can say.

    Raises Contact.DoesNotExist.
    """

    def read(workspace: Workspace, named: Collection[str]) -> Reading:
        return from_table.read(workspace, contact_id, named).reading

    segments = list(workspace.segments.live().order_by("name", "id")[:MOST_SHOWN])
    found = summaries.of_segments(workspace, segments, read=read)
    return [(each, _is_in(found[each.pk])) for each in segments]


def _is_in(found: Audience | str) -> bool | None:
    return None if isinstance(found, str) else found.count > 0


def _names(wanted: RuleWithPins) -> tuple[str, str | None]:
    return (wanted.segment.name, wanted.segment.pk) if wanted.segment else ("", None)


def _last_day(pin: Pinned | None, zone: tzinfo) -> str:
    """The last day on which an expiring pin still counts: not the one at whose first instant it ends."""
    if pin is None or pin.expires is None:
        return ""
    return day_in_words(moment_of(pin.expires - 1).astimezone(zone))
