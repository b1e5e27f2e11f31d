"""Show a rule node by node as one person meets it: what each node says, whether it is met, and what they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any as Json

import orjson

from contacts.schema import PropertyType
from contacts.values import Kind, as_number, is_day, is_missing, iso, span
from segments.rules.check import Checked, Test
from segments.rules.tree import ROOT, All, Any, Branch, InSegment, Not, thawed
from segments.rules.words import PERSON, clause, date_in_words, moment_in_words, quoted, quoted_all

LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Stored:
    """What somebody has for a property, as it is written; None if nothing. What does not fit counts as missing."""

    value: Json = None
    shown: str = ""
    fits: bool = True


@dataclass(frozen=True)
class Leaf:
    """A condition."""

    at: str  # where the node stands in the rule, like rule.all[0].not
    met: bool
    words: str
    test: Test
    stored: Stored

    def as_json(self, shown: set[str]) -> dict[str, Json]:
        condition = self.test.condition
        return {
            "met": self.met,
            "words": self.words,
            "property": condition.property,
            "label": self.test.property.label,
            "operator": condition.operator,
            **({} if condition.value is None else {"value": thawed(condition.value)}),
            "stored": self.stored.value,
            **({} if self.stored.fits else {"fits": False}),
        }


@dataclass(frozen=True)
class Group:
    at: str
    met: bool
    words: str
    joiner: str  # all or any
    parts: tuple[Node, ...]

    def as_json(self, shown: set[str]) -> dict[str, Json]:
        return {"met": self.met, "words": self.words, self.joiner: [part.as_json(shown) for part in self.parts]}


@dataclass(frozen=True)
class Denial:
    at: str
    met: bool
    words: str
    part: Node

    def as_json(self, shown: set[str]) -> dict[str, Json]:
        return {"met": self.met, "words": self.words, "not": self.part.as_json(shown)}


@dataclass(frozen=True)
class Membership:
    """Being in another segment."""

    at: str
    met: bool
    words: str
    member: InSegment
    explanation: Explanation

    def as_json(self, shown: set[str]) -> dict[str, Json]:
        """Each segment is explained once: several that use each other in turn would fill any memory."""
        explained = {} if self.member.segment in shown else {"explanation": self.explanation.as_json(shown)}
        shown.add(self.member.segment)
        return {"met": self.met, "words": self.words, "segment": self.member.segment, **explained}


Node = Leaf | Group | Denial | Membership


@dataclass(frozen=True)
class Pinned:
    """Somebody who was put into a segment, or is kept out of it, by hand."""

    kind: str  # included or excluded
    reason: str
    author: str
    expires: int | None  # milliseconds UTC
    in_force: bool

    def as_json(self) -> dict[str, Json]:
        return {
            "kind": self.kind,
            "reason": self.reason,
            "author": self.author or None,
            "expiresAt": None if self.expires is None else iso(self.expires),
            "inForce": self.in_force,
        }


@dataclass(frozen=True)
class NeededChange:
    """A condition that would have to be met, or not to be, for somebody to be in."""

    at: str
    words: str  # "country were DE"
    met: bool  # as it would have to be


@dataclass(frozen=True)
class Explanation:
    """Why somebody is in a segment or not. `changes`: the fewest conditions that would let them in, if that is known.

    No `rule` where a segment has none, and for people in the trash, of whom rules say nothing.
    """

    name: str  # of the segment; "" for a rule that is nobody's yet
    segment: str | None
    is_in: bool
    why: str
    changes: tuple[NeededChange, ...]
    rule: Node | None
    pin: Pinned | None

    def as_json(self, shown: set[str] | None = None) -> dict[str, Json]:
        return {
            "segment": self.segment,
            "name": self.name or None,
            "in": self.is_in,
            "why": self.why,
            "changes": [{"at": each.at, "words": each.words, "met": each.met} for each in self.changes],
            "pin": self.pin and self.pin.as_json(),
            "rule": self.rule and self.rule.as_json(set() if shown is None else shown),
        }


# --- making the tree -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explainer:
    """`met`: of each node of a rule, by its place, whether the person meets it, as the engine says."""

    met: Mapping[str, bool]
    stored: Callable[[PropertyType], Stored]
    segments: Mapping[str, Explanation]

    def node(self, rule: Checked, at: str = ROOT) -> Node:
        met, words = self.met[at], clause(rule, PERSON, self.name)
        match rule:
            case Test(property):
                return Leaf(at, met, words, rule, self.stored(property))
            case InSegment(segment):
                return Membership(at, met, words, rule, self.segments[segment])
            case Not():
                return Denial(at, met, words, *self.parts(rule, at))
            case All() | Any():
                return Group(at, met, words, rule.word, self.parts(rule, at))

    def parts(self, branch: Branch[Test | InSegment], at: str) -> tuple[Node, ...]:
        return tuple(self.node(part, f"{at}.{place}") for place, part in branch.parts.items())

    def name(self, segment: str) -> str:
        return self.segments[segment].name


# --- what somebody has ---------------------------------------------------------------------------------------------


def stored(kind: Kind, text: str | None, is_known: bool, zone: tzinfo) -> Stored:
    """From the text of a stored value, as PostgreSQL's ->> gives it. `is_known`: whether the engine can use it."""
    if text is None or (not is_known and is_missing(_json(text))):
        return Stored()
    if not is_known:
        return Stored(_json(text), quoted(_short(text)), fits=False)
    value, shown = _READ[kind](text, zone)
    return Stored(value, _short(shown))


def _date(text: str, zone: tzinfo) -> tuple[Json, str]:
    """A day as it was written; an instant in UTC, said in the workspace's time."""
    if is_day(text):
        return text, date_in_words(text)
    instant, _ = span(text, zone)
    return iso(instant), moment_in_words(instant, zone)


def _number(text: str, zone: tzinfo) -> tuple[Json, str]:
    number = as_number(text)
    return int(number) if number.is_integer() else number, text


def _list(text: str, zone: tzinfo) -> tuple[Json, str]:
    items = [item for item in orjson.loads(text) if not is_missing(item)]
    return items, quoted_all(str(item) for item in items)


_READ: dict[Kind, Callable[[str, tzinfo], tuple[Json, str]]] = {
    Kind.TEXT: lambda text, zone: (text, quoted(text)),
    Kind.NUMBER: _number,
    Kind.BOOLEAN: lambda text, zone: (text == "true", text),
    Kind.DATE: _date,
    Kind.LIST: _list,
    Kind.OPAQUE: lambda text, zone: (_json(text), text),
}


def _json(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
