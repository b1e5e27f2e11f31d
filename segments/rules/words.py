"""Say a checked rule as an English sentence that is true, also of people with nothing set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from contacts.values import Kind, iso, moment_of
from segments.rules.check import AllOf, AnyOf, Checked, Member, NotOf, Test
from segments.rules.operators import Takes
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


_EVERYONE, _NOBODY = AllOf(()), AnyOf(())
_CONSTANTS: dict[Checked, str] = {_EVERYONE: "everyone", _NOBODY: "nobody"}


def simplified(rule: Checked, denied: bool = False) -> Checked:
    """The same people in plainer words: only conditions are denied, and no group stands in one of its own sort.

    A denied group would need a remark on what becomes of people without a value; a denied condition says it itself.
    """
    match rule:
        case NotOf(part):
            return simplified(part, not denied)
        case AllOf(rules) | AnyOf(rules):
            join = AllOf if isinstance(rule, AllOf) != denied else AnyOf
            return _grouped(join, [simplified(part, denied) for part in rules])
    return NotOf(rule) if denied else rule


def _grouped(join: type[AllOf] | type[AnyOf], parts: Sequence[Checked]) -> Checked:
    decisive = _NOBODY if join is AllOf else _EVERYONE
    if decisive in parts:
        return decisive
    flat = dict.fromkeys(inner for part in parts for inner in (part.rules if isinstance(part, join) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else join(tuple(flat))


def _joined(rule: Checked, voice: Voice, name: NameOf) -> str:
    match rule:
        case NotOf(part):
            return said(part, False, voice, name)
        case AllOf(rules):
            return " and ".join(_bracketed(part, voice, name) for part in rules)
        case AnyOf(rules):
            return " or ".join(_bracketed(part, voice, name) for part in rules)
    return said(rule, True, voice, name)


def _bracketed(rule: Checked, voice: Voice, name: NameOf) -> str:
    """Brackets wherever "and" and "or" could be read two ways."""
    words = _joined(rule, voice, name)
    return f"({words})" if isinstance(rule, AllOf | AnyOf) else words


def said(rule: Checked, met: bool, voice: Voice, name: NameOf) -> str:
    """A condition, or the denial of it; the same of being in another segment."""
    if isinstance(rule, Member):
        return f"{voice.who} {voice.are} {'' if met else 'not '}in {quoted(name(rule.segment))}"
    assert isinstance(rule, Test)
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
