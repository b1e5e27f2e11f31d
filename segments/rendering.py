"""Fill a message with what is known of one person, in one pass: no value is ever read as a template itself.

Pure Python. In a message stand {{tag}} and {{tag|fallback}}, and for substitution tags also -tag- and %tag%. Between
braces a name is that of a substitution tag, else a property's reference, else the bare name of a custom property.
"""

import difflib
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, tzinfo

import orjson

from contacts.builtin import BUILTIN
from contacts.schema import CUSTOM, TAG, Schema
from contacts.values import Kind, Refused, as_boolean, as_date, as_number, as_text, is_day, is_missing, span
from segments.rules.words import day_in_words, minute_in_words
from workspaces.problems import Problem, listed

LONGEST_TEMPLATE = 100_000


@dataclass(frozen=True)
class Slot:
    """A place to be filled. `reference`: of which property, "" where the name is nobody's."""

    name: str
    reference: str
    fallback: str | None  # written beside the name
    at: int  # its place in the text


@dataclass(frozen=True)
class Template:
    text: str
    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> list[Slot]:
        return [part for part in self.parts if isinstance(part, Slot)]

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, counted from 1."""
        before = self.text[:at]
        return before.count("\n") + 1, at - before.rfind("\n")

    def render(self, values: Mapping[str, str | None], fallbacks: Mapping[str, str], *, as_html: bool = False) -> str:
        """With values by reference, else the fallback of the slot, else that of the tag, else nothing.

        As HTML, values and the fallbacks of tags are escaped; the slot's own is a part of the message like all of it.
        """
        escaped = html.escape if as_html else str
        return "".join(
            part if isinstance(part, str) else _filled(part, values, fallbacks, escaped) for part in self.parts
        )


def _filled(
    slot: Slot, values: Mapping[str, str | None], fallbacks: Mapping[str, str], escaped: Callable[[str], str]
) -> str:
    value = values.get(slot.reference)
    if value is not None:
        return escaped(value)
    return escaped(fallbacks.get(slot.reference, "")) if slot.fallback is None else slot.fallback


# --- reading -------------------------------------------------------------------------------------------------------

_BRACES = re.compile(r"\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")
_STARTS = re.compile(r"\{\{|[-%]")
_OWN = (("-", "-"), ("%", "%"), ("{{", "}}"))  # between which a tag may be stored; such a one stands for itself


def parse(text: str, schema: Schema) -> Template:
    return Template(text, tuple(_joined(_parts(text, schema))))


def _parts(text: str, schema: Schema) -> Iterator[str | Slot]:
    literals = _Literals(schema)
    done = at = 0
    while start := _STARTS.search(text, at):
        at = start.start()
        found = literals.at(text, at) or _between_braces(text, at, schema)
        if found is None:
            at += 1
            continue
        slot, end = found
        yield text[done:at]
        yield slot
        done = at = end
    yield text[done:]


def _joined(parts: Iterator[str | Slot]) -> Iterator[str | Slot]:
    return (part for part in parts if part != "")


def _between_braces(text: str, at: int, schema: Schema) -> tuple[Slot, int] | None:
    match = _BRACES.match(text, at)
    if match is None:
        return None
    name = match[1].strip()
    return Slot(name, reference(name, schema), _unquoted(match[2]), at), match.end()


def _unquoted(fallback: str | None) -> str | None:
    """Blanks around a fallback are not part of it, unless it stands in quotes."""
    stripped = None if fallback is None else fallback.strip()
    return stripped[1:-1] if stripped and len(stripped) > 1 and stripped[0] == stripped[-1] == '"' else stripped


def reference(name: str, schema: Schema) -> str:
    """The property that a name between braces means; "" for none."""
    name = unicodedata.normalize("NFC", name)
    return next(filter(schema.get, (TAG + name, name, CUSTOM + name)), "")


class _Literals:
    """The substitution tags between - or %, which are found only where there is such a tag."""

    def __init__(self, schema: Schema) -> None:
        tags = [name.removeprefix(TAG) for name in schema.own if name.startswith(TAG)]
        self.own = {tag: tag for tag in tags if any(_stands_between(tag, *ends) for ends in _OWN)}
        self.made = {f"{end}{tag}{end}": tag for tag in tags for end in "-%"}
        self.lengths: dict[str, list[int]] = {}  # by how literals begin, the longest first
        for literal in sorted({*self.own, *self.made}, key=len, reverse=True):
            self.lengths.setdefault(literal[:3], []).append(len(literal))

    def at(self, text: str, at: int) -> tuple[Slot, int] | None:
        """The longest that begins here, and where it ends."""
        for length in self.lengths.get(text[at : at + 3], ()):
            literal = text[at : at + length]
            tag = self.own.get(literal) or ("" if _is_hyphenated(text, at, at + length) else self.made.get(literal, ""))
            if tag:
                return Slot(tag, TAG + tag, None, at), at + length
        return None


def _stands_between(tag: str, start: str, end: str) -> bool:
    return len(tag) > len(start + end) and tag.startswith(start) and tag.endswith(end)


def _is_hyphenated(text: str, start: int, end: int) -> bool:
    """Whether this stands inside a word like Rio-de-Janeiro, or an address like /spring-sale-2024."""
    return text[start] == "-" and text[max(start - 1, 0)].isalnum() and text[end : end + 1].isalnum()


# --- what is wrong -------------------------------------------------------------------------------------------------


def unknown(template: Template, schema: Schema) -> list[tuple[Slot, list[str]]]:
    """The slots that nothing can fill, each with the names most like it."""
    slots = [slot for slot in template.slots if not slot.reference]
    likely = nearest((slot.name for slot in slots), schema)
    return [(slot, likely[slot.name]) for slot in slots]


def nearest(wanted: Iterable[str], schema: Schema) -> dict[str, list[str]]:
    """For each of some names that are nobody's those most like it, likeliest first."""
    names: dict[str, str] = {}
    for full in (*schema.own, *BUILTIN):
        short = full.removeprefix(TAG).removeprefix(CUSTOM)
        names.setdefault(short.lower(), short if reference(short, schema) == full else full)
    return {
        name: [names[each] for each in difflib.get_close_matches(name.lower(), names, 3, 0.7)] for name in set(wanted)
    }


@dataclass(frozen=True)
class Fault:
    """What a strict reader refuses, and where it stands in the text."""

    at: int
    end: int
    message: str
    nearest: tuple[str, ...] = ()


def faults(template: Template, schema: Schema) -> list[Fault]:
    """Names that are nobody's, and braces that are not closed, in the order of the text."""
    found = []
    for slot, names in unknown(template, schema):
        braces = _BRACES.match(template.text, slot.at)
        end = braces.end() if braces else slot.at
        found.append(Fault(slot.at, end, f"there is no tag {slot.name!r}{_hint(names)}", tuple(names)))
    places = {slot.at for slot in template.slots}
    opened = (match.start() for match in re.finditer(r"\{\{(?!\{)", template.text))
    unclosed = "{{ stands here without a name and }} behind it"
    found += [Fault(at, at + 2, unclosed) for at in opened if at not in places]
    return sorted(found, key=lambda fault: fault.at)


def problems(template: Template, schema: Schema, path: str) -> list[Problem]:
    """The faults, each with its line and column."""
    return [
        Problem(path, f"line {line}, column {column}: {fault.message}", fault.nearest)
        for fault in faults(template, schema)
        for line, column in [template.place(fault.at)]
    ]


def _hint(names: list[str]) -> str:
    return f"; did you mean {listed(names)}?" if names else ""


# --- values --------------------------------------------------------------------------------------------------------


def shown(kind: Kind, text: str | None, zone: tzinfo) -> str | None:
    """A stored value, given as PostgreSQL's ->> gives it, as it stands in messages; None where it is missing.

    Dates are words in the workspace's time, numbers figures. Like the engine, takes what does not fit the property's
    type for missing.
    """
    if not text:
        return None
    try:
        return _SHOWN[kind](text, zone) or None
    except (Refused, orjson.JSONDecodeError):
        return None


_SHOWN: dict[Kind, Callable[[str, tzinfo], str]] = {
    Kind.TEXT: lambda text, zone: text,
    Kind.NUMBER: lambda text, zone: as_text(as_number(text)),
    Kind.BOOLEAN: lambda text, zone: as_text(as_boolean(text)),
    Kind.DATE: lambda text, zone: _date(as_date(text, zone), zone),
    Kind.LIST: lambda text, zone: _items(orjson.loads(text)),
    Kind.OPAQUE: lambda text, zone: text,
}


def _date(text: str, zone: tzinfo) -> str:
    """As people write it: 12 May 2026, or 12 May 2026, 14:04 by the workspace's clocks."""
    return day_in_words(date.fromisoformat(text)) if is_day(text) else minute_in_words(span(text, zone)[0], zone)


def _items(items: object) -> str:
    if not isinstance(items, list):
        raise Refused("is not a list of texts")
    return ", ".join(as_text(item) for item in items if not is_missing(item))


# --- how many ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coverage:
    """How many people a slot can be filled for, and what the others get."""

    name: str
    reference: str
    known: int
    missing: int
    fallback: str | None
    source: str | None  # "message" or "tag"
    nearest: tuple[str, ...] = ()  # of a name that is nobody's

    @property
    def words(self) -> str:
        if not self.reference:
            return f"{self.name} is no tag here{_hint(list(self.nearest))}: {self._instead}"
        if not self.missing:
            return f"{self.name}: everybody has it"
        return f"{self.name} is missing for {percent(self.missing, self.known + self.missing)}: {self._instead}"

    @property
    def _instead(self) -> str:
        done = "it is left empty" if self.fallback is None else "the fallback is used"
        return f"{done} for {self.missing:,} {'person' if self.missing == 1 else 'people'}"

    def as_json(self) -> dict[str, object]:
        people = self.known + self.missing
        return {
            "tag": self.name,
            "property": self.reference or None,
            "known": self.known,
            "missing": self.missing,
            "missingShare": round(self.missing / people, 4) if people else 0,
            "fallback": self.fallback,
            "fallbackFrom": self.source,
            **({} if self.reference else {"nearest": list(self.nearest)}),
            "words": self.words,
        }


def percent(part: int, whole: int) -> str:
    """Rounded, but never to none or all where that is not so."""
    rounded = round(100 * part / whole)
    if rounded == 0 < part:
        return "under 1%"
    return "over 99%" if rounded == 100 and part < whole else f"{rounded}%"
