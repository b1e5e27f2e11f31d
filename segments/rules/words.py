"""Say a checked rule as an English sentence that is true, also of people with nothing set."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from contacts.values import Kind, iso, moment_of
from segments.rules.check import Checked, Test
from segments.rules.operators import Takes
from segments.rules.tree import All, Any, InSegment, Leaf, Not
from workspaces.problems import listed

NameOf = Callable[[str], str]


@dataclass(frozen=True)
class Voice:
    """Of whom a clause speaks, and whether of what is so or of what might be."""

    whose: str
    who: str
    are: str
    none: str  # what is added where a denial is also true of those without a value
    might_be: bool = False
    one_of: bool = True  # several values as "one of DE, AT", so that "and" can follow


PEOPLE = Voice("whose ", "who", "are", " (or who have none)", one_of=False)
PERSON = Voice("", "they", "are", " (or they have none)")
PLAINLY = Voice("", "they", "are", "")
MIGHT_BE = Voice("", "they", "were", "", might_be=True)


def sentence(rule: Checked, segment_name: NameOf = lambda segment: f"segment {segment}") -> str:
    plain = simplified(rule)
    if plain in _CONSTANTS:
        return f"{_CONSTANTS[plain].capitalize()}."
    return f"People {_joined(plain, PEOPLE, segment_name)}."


def clause(rule: Checked, voice: Voice, segment_name: NameOf) -> str:
    """The rule as a part of a sentence."""
    plain = simplified(rule)
    return _CONSTANTS[plain] if plain in _CONSTANTS else _joined(plain, voice, segment_name)


_EVERYONE: Checked = All()
_NOBODY: Checked = Any()
_CONSTANTS: dict[Checked, str] = {_EVERYONE: "everyone", _NOBODY: "nobody"}


def simplified(rule: Checked, denied: bool = False) -> Checked:
    """The same people in plainer words: only conditions are denied, and no group stands in one of its own sort.

    A denied group would need a remark on what becomes of people without a value; a denied condition says it itself.
    """
    match rule:
        case Not(part):
            return simplified(part, not denied)
        case All(rules) | Any(rules):
            parts = [simplified(part, denied) for part in rules]
            return _flat(rule.opposite(parts) if denied else rule.of(parts))
    return Not(rule) if denied else rule


def _flat(group: All[Test | InSegment] | Any[Test | InSegment]) -> Checked:
    decisive = _NOBODY if isinstance(group, All) else _EVERYONE
    if decisive in group.rules:
        return decisive
    inner = (part.rules if isinstance(part, type(group)) else (part,) for part in group.rules)
    distinct = dict.fromkeys(itertools.chain.from_iterable(inner))
    return next(iter(distinct)) if len(distinct) == 1 else group.of(distinct)


def _joined(rule: Checked, voice: Voice, name: NameOf) -> str:
    match rule:
        case Not(part):
            assert isinstance(part, Leaf)  # as simplified leaves it
            return said(part, False, voice, name)
        case All(rules):
            return " and ".join(_bracketed(part, voice, name) for part in rules)
        case Any(rules):
            return " or ".join(_bracketed(part, voice, name) for part in rules)
        case Test() | InSegment():
            return said(rule, True, voice, name)


def _bracketed(rule: Checked, voice: Voice, name: NameOf) -> str:
    """Brackets wherever "and" and "or" could be read two ways."""
    words = _joined(rule, voice, name)
    return f"({words})" if isinstance(rule, All | Any) else words


def said(rule: Test | InSegment, met: bool, voice: Voice, name: NameOf) -> str:
    """A condition, or the denial of it; the same of being in another segment."""
    if isinstance(rule, InSegment):
        return f"{voice.who} {voice.are} {'' if met else 'not '}in {quoted(name(rule.segment))}"
    operator, name_of_it = rule.operator, label(rule)
    if voice.might_be:
        words = operator.would if met else operator.would_not
    else:
        words = operator.says if met else operator.denies
    subject = voice.who if "{label}" in words else f"{voice.whose}{name_of_it}"
    also_missing = "" if met or operator.takes is Takes.NOTHING else voice.none
    return f"{subject} {words.format(_values(rule, met, voice), label=name_of_it)}{also_missing}"


def _values(test: Test, met: bool, voice: Voice) -> str:
    shown = [date_in_words(text) if test.property.kind is Kind.DATE else quoted(text) for text in test.shown]
    joiner = test.operator.joiner
    if voice.one_of and joiner == "or" and len(shown) > 1:
        return f"{'one' if met else 'any'} of {', '.join(shown)}"
    return listed(shown, joiner)


def label(test: Test) -> str:
    """In mid-sentence: "plan" for Plan, but NPS and TotalCharges as they are."""
    text = test.property.label
    return quoted(text[:1].lower() + text[1:] if text[1:].islower() else text)


def quoted(text: str) -> str:
    """Quotes only where the sentence could be misread."""
    odd = any(mark in text for mark in ',"()') or text != text.strip() or text != " ".join(text.split())
    return f'"{text}"' if odd or not text or {"and", "or", "not"} & set(text.lower().split()) else text


def quoted_all(texts: Iterable[str]) -> str:
    return ", ".join(map(quoted, texts))


def date_in_words(text: str) -> str:
    """1 Jun 2024 for a day, 1 Jun 2024, 10:00 UTC for an instant; a period stays as it is."""
    try:
        moment = datetime.fromisoformat(text.strip().upper().replace(" Z", "Z"))
    except ValueError:
        return text
    if len(text.strip()) == len("2024-06-01"):
        return day_in_words(moment)
    clock = f"{moment:%H:%M}" if moment.second == 0 else f"{moment:%H:%M:%S}"
    if moment.tzinfo is None:
        return f"{day_in_words(moment)}, {clock}"
    zone = "UTC" if moment.utcoffset() == UTC.utcoffset(None) else f"UTC{moment:%z}"
    return f"{day_in_words(moment)}, {clock} {zone}"


def moment_in_words(ms: int, zone: tzinfo) -> str:
    """An instant in a workspace's own time."""
    try:
        return date_in_words(moment_of(ms).astimezone(zone).isoformat(timespec="seconds"))
    except OverflowError:  # in the first and the last hours of the calendar
        return iso(ms)


def minute_in_words(ms: int, zone: tzinfo) -> str:
    """An instant in a workspace's own time, for whoever knows which that is: 1 Jun 2024, 10:00."""
    try:
        local = moment_of(ms).astimezone(zone)
    except OverflowError:  # in the first and the last hours of the calendar
        return iso(ms)
    return f"{day_in_words(local)}, {local:%H:%M}"


def day_in_words(moment: date) -> str:
    return f"{moment.day} {moment:%b} {moment.year}"
