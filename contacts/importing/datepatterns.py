"""Read dates as people write them in files, by a pattern like dd/MM/yyyy."""

import functools
import re
from datetime import date, tzinfo

from contacts.values import Refused, as_date

LONGEST = 40  # characters of a pattern

# Each field with what it looks like in a cell. A year of two digits would have to be guessed.
_FIELDS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
}
_FIELD = re.compile("|".join(_FIELDS) + "|[A-Za-z]+")
_DAY = {"yyyy", "MM", "dd"}
_TIMES = [set(), {"HH", "mm"}, {"HH", "mm", "ss"}]


@functools.lru_cache(200)
def compiled(pattern: str) -> re.Pattern[str]:
    """What cells of this pattern look like. Raises Refused."""
    fields = _FIELD.findall(pattern)
    once, times = len(set(fields)) == len(fields), {*fields} - _DAY
    if len(pattern) > LONGEST or not once or not _DAY.issubset(fields) or times not in _TIMES:
        raise Refused(f"{pattern[:LONGEST]} is no pattern of a date; write one like dd/MM/yyyy or yyyy-MM-dd HH:mm:ss")
    parts = _FIELD.split(pattern)
    literals = map(re.escape, parts)
    looks = next(literals) + "".join(_FIELDS[name] + literal for name, literal in zip(fields, literals, strict=True))
    return re.compile(looks, re.ASCII)


@functools.lru_cache(20_000)
def read(text: str, pattern: str, zone: tzinfo) -> str:
    """A date in the form in which it is kept. Raises Refused."""
    match = compiled(pattern).fullmatch(text)
    if match is None:
        raise Refused(f"is not a date like {pattern}")
    found = {name: int(digits) for name, digits in match.groupdict().items()}
    try:
        day = date(found["year"], found["month"], found["day"]).isoformat()
    except ValueError:
        raise Refused(f"is no day that exists, read as {pattern}") from None
    if "hour" not in found:
        return as_date(day, zone)
    return as_date(f"{day}T{found['hour']:02}:{found['minute']:02}:{found.get('second', 0):02}", zone)
