"""What a contact's value may be: its kinds, how each is normalised before it is stored, and how texts and days compare.

Pure Python: the rule engine uses the same functions for the values that rules name.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from workspaces.problems import Problem

LONGEST_TEXT = 10_000
LARGEST_INTEGER = 2**53


class Kind(StrEnum):
    """The type of a property."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    LIST = "list"
    OPAQUE = "opaque"


class Refused(ValueError):
    """A value that cannot be stored or compared; the message says why, without naming the property."""


def fold(text: str) -> str:
    """The form in which texts are compared. Python's only: the engines' own lower-casing differs on 55 code points."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def clean(text: str) -> str:
    """NFC text that PostgreSQL can hold and that is short enough to compare.

    Raises Refused for NUL, lone surrogates and more than 10,000 characters.
    """
    if "\0" in text:
        raise Refused("holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("holds half of a surrogate pair") from None
    if len(text) > LONGEST_TEXT:
        raise Refused(f"is longer than {LONGEST_TEXT:,} characters")
    return unicodedata.normalize("NFC", text)


def cleaned(text: object, path: str, problems: list[Problem]) -> str:
    """A text that was sent, clean. What is wrong with it joins the problems, and it counts as empty."""
    if not isinstance(text, str):
        problems.append(Problem(path, "is not a text"))
        return ""
    try:
        return clean(text)
    except Refused as error:
        problems.append(Problem(path, str(error)))
        return ""


def is_missing(value: Any) -> bool:
    """Absent, null, "" and [] all say that nothing is known. 0 and false are known."""
    return value is None or value == "" or value == []


def as_text(value: Any) -> str:
    """A JSON text, number or boolean as a text. Raises Refused."""
    match value:
        case str():
            return clean(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            number = as_number(value)
            return str(int(number)) if number.is_integer() else repr(number)
    raise Refused("is not a text")


LONGEST_NUMERAL = 400  # characters; the largest float has 309 before its point
_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def as_number(value: Any) -> float:
    """A finite 64-bit float, from a JSON number or a text that spells one. Raises Refused."""
    if isinstance(value, str) and len(value) > LONGEST_NUMERAL:
        raise Refused("is not a number")
    if isinstance(value, str) and _NUMERAL.fullmatch(value.strip()):
        text = value.strip()
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("is not a number")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise Refused("is an integer beyond 2^53, which a number cannot hold exactly; send it as text")
    if not math.isfinite(value):
        raise Refused("is not a finite number")
    if float(value).is_integer() and abs(value) > LARGEST_INTEGER:
        raise Refused("is an integer beyond 2^53, which a number cannot hold exactly; send it as text")
    return float(value)


def as_boolean(value: Any) -> bool:
    """From a JSON boolean or the text true or false. Raises Refused."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise Refused("is not true or false")


def as_texts(value: Any) -> list[str]:
    """A list of distinct texts without empty ones; a single text is a list of one. Raises Refused."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise Refused("is not a list of texts")
    return list(dict.fromkeys(as_text(item) for item in value if not is_missing(item)))


# --- dates ---------------------------------------------------------------------------------------------------------

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?", re.ASCII | re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 in UTC, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(ms: int) -> datetime:
    """The instant so many milliseconds after 1970, in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def day_start(day: date, zone: tzinfo) -> int:
    """The first instant of a local date, in milliseconds UTC. Where midnight is skipped, the end of the gap.

    Raises Refused outside the years 1 to 9999.
    """
    midnight = datetime.combine(day, time.min)
    try:
        start = midnight.replace(tzinfo=zone).astimezone(UTC)
        if start.astimezone(zone).replace(tzinfo=None) != midnight:
            start = _end_of_gap(midnight, zone)
    except OverflowError:
        raise Refused("is outside the years 1 to 9999") from None
    return milliseconds(start)


def _end_of_gap(skipped: datetime, zone: tzinfo) -> datetime:
    """The instant at which local clocks jump over this local time."""
    before = (skipped.replace(tzinfo=zone, fold=1)).astimezone(UTC)
    after = (skipped.replace(tzinfo=zone, fold=0)).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < skipped:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def is_day(text: str) -> bool:
    """Whether a stored date is a whole day."""
    return len(text) == len("2024-06-01")


def span(text: str, zone: tzinfo) -> tuple[int, int]:
    """The instants that a date stands for, from the first to just after the last, in milliseconds UTC.

    A day like 2024-06-01 is the whole day in the zone; 2024-06-01T10:00:00Z is one millisecond;
    a time without an offset is in the zone. Raises Refused.
    """
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return day_start(day, zone), day_end(day, zone)
        if _MOMENT.fullmatch(text):
            start = _moment(text, zone)
            return start, start + 1
    except OverflowError:
        raise Refused("is outside the years 1 to 9999") from None
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        raise Refused("is a date that does not exist") from None
    raise Refused("is not a date like 2024-06-01 or 2024-06-01T10:00:00Z")


def day_end(day: date, zone: tzinfo) -> int:
    """Just after the last instant of a local date, in milliseconds UTC. Raises Refused on the last day of all."""
    if day == date.max:
        raise Refused("is outside the years 1 to 9999")
    return day_start(day + timedelta(days=1), zone)


def _moment(text: str, zone: tzinfo) -> int:
    moment = datetime.fromisoformat(text.upper().replace(" Z", "Z").replace(",", "."))
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return milliseconds(local.astimezone(UTC))


def local_day(ms: int, zone: tzinfo) -> date:
    """The date on which an instant falls in a zone."""
    return moment_of(ms).astimezone(zone).date()


def iso(ms: int) -> str:
    """An instant as every API here writes it: 2024-07-03T06:32:49.145Z."""
    return moment_of(ms).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def as_date(value: Any, zone: tzinfo) -> str:
    """A day stays the day that was written; a time becomes its instant in UTC. Raises Refused."""
    if not isinstance(value, str):
        raise Refused("is not a date like 2024-06-01 or 2024-06-01T10:00:00Z")
    start, _end = span(value, zone)
    return value.strip() if _DAY.fullmatch(value.strip()) else iso(start)


# --- addresses -----------------------------------------------------------------------------------------------------


def as_email(value: Any) -> str:
    """An e-mail address as its owner spells it, without spaces around it. Raises Refused."""
    text = as_text(value).strip()
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Refused(f"is not an e-mail address: {str(error).rstrip('.')}") from None


def as_phone(value: Any) -> str:
    """The number in E.164 where it is a valid international one, else the text as it came."""
    text = as_text(value).strip()
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_valid_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# --- by kind -------------------------------------------------------------------------------------------------------

_STORED: dict[Kind, Callable[[Any, tzinfo], Any]] = {
    Kind.TEXT: lambda value, zone: as_text(value),
    Kind.NUMBER: lambda value, zone: _shortest(as_number(value)),
    Kind.BOOLEAN: lambda value, zone: as_boolean(value),
    Kind.DATE: as_date,
    Kind.LIST: lambda value, zone: as_texts(value),
    Kind.OPAQUE: lambda value, zone: as_opaque(value),
}


def stored(kind: Kind, value: Any, zone: tzinfo) -> Any:
    """A JSON value in the form in which it is kept, None if it says nothing. Raises Refused."""
    if is_missing(value):
        return None
    kept = _STORED[kind](value, zone)
    return None if is_missing(kept) else kept


def as_opaque(value: Any) -> Any:
    """Any JSON value; its texts must be ones that PostgreSQL can hold."""
    match value:
        case str():
            return clean(value)
        case list():
            return [as_opaque(item) for item in value]
        case dict():
            return {clean(str(key)): as_opaque(item) for key, item in value.items()}
    return value


def kind_of(value: Any) -> Kind:
    """The kind that a property takes from the first JSON value that names it. A text is never taken for a date."""
    match value:
        case str():
            return Kind.TEXT
        case bool():
            return Kind.BOOLEAN
        case int() | float():
            return Kind.NUMBER
        case list() if value and all(isinstance(item, str) for item in value):
            return Kind.LIST
    return Kind.OPAQUE


def _shortest(number: float) -> float | int:
    return int(number) if number.is_integer() else number
