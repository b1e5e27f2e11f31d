"""What a rule means, as plainly as it can be said: one person, one rule, yes or no. Shares no code with the engine."""

import json
import math
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

UNITS = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}


def folded(text):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def known(kind, value, zone):
    """A stored JSON value as its kind, None if it is missing or does not fit."""
    if value is None or value == "" or (value == [] and kind != "text"):
        return None  # in a text property raw SQL's [] is a text of two brackets, as PostgreSQL writes it
    if kind == "list":
        return [folded(item) for item in value if item != ""] or None if isinstance(value, list) else None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    if kind == "opaque":
        return True
    if kind == "text":
        return folded(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind == "number":
        return as_number(text)
    return as_instant(text, zone)


def as_number(text):
    if not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text):
        return None
    number = float(text)
    if not math.isfinite(number) or (number == int(number) and abs(number) > 2**53):
        return None
    return number


def as_instant(text, zone):
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return first_instant(date.fromisoformat(text), zone)
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
            return datetime.fromisoformat(text)
    except ValueError:
        return None
    return None


@cache
def first_instant(day, zone):
    """Walk back from the day's noon, minute by minute, as far as the local date stays the same."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
    start = moment - timedelta(hours=14)
    while start.astimezone(zone).date() < day:
        start += timedelta(minutes=15)
    return start


def meets(rule, person, kinds, zone: ZoneInfo, now: datetime, segments=()):
    """`rule`: the stored JSON of a node; `person`: references to stored JSON values; `segments`: those they are in."""
    match rule:
        case {"all": parts}:
            return all(meets(part, person, kinds, zone, now, segments) for part in parts)
        case {"any": parts}:
            return any(meets(part, person, kinds, zone, now, segments) for part in parts)
        case {"not": part}:
            return not meets(part, person, kinds, zone, now, segments)
        case {"segment": segment}:
            return segment in segments
    kind, operator = kinds[rule["property"]], rule["operator"]
    value = known(kind, person.get(rule["property"]), zone)
    if operator == "is_known":
        return value is not None
    if value is None:
        return False
    wanted = rule["value"]
    many = wanted if isinstance(wanted, list) else [wanted]
    if kind == "date":
        return meets_date(operator, value, wanted, many, zone, now)
    if kind in ("text", "list"):
        many = [folded(each if isinstance(each, str) else json.dumps(each)) for each in many]
    if kind == "number":
        many = [float(each) for each in many]
    match operator:
        case "is":
            return any(value == each for each in many)
        case "contains":
            return any(each in value for each in many)
        case "starts_with":
            return any(value.startswith(each) for each in many)
        case "ends_with":
            return any(value.endswith(each) for each in many)
        case "includes":
            return any(each in value for each in many)
        case "includes_all":
            return all(each in value for each in many)
        case "greater_than":
            return value > many[0]
        case "at_least":
            return value >= many[0]
        case "less_than":
            return value < many[0]
        case "at_most":
            return value <= many[0]
        case "between":
            return many[0] <= value <= many[1]
    raise AssertionError(operator)


def meets_date(operator, value, wanted, many, zone, now):
    if operator in ("in_the_last", "in_the_next", "more_than_ago"):
        amount = wanted if isinstance(wanted, dict) else {"amount": wanted, "unit": "days"}
        span = timedelta(seconds=float(amount["amount"]) * UNITS[amount["unit"]])
        return {
            "in_the_last": now - span <= value <= now,
            "in_the_next": now < value <= now + span,
            "more_than_ago": value < now - span,
        }[operator]
    days = [len(each) == 10 for each in many]
    start = [first_instant(date.fromisoformat(e), zone) if d else datetime.fromisoformat(e) for e, d in zip(many, days)]
    local = value.astimezone(zone).date()
    local_days = [date.fromisoformat(e) if d else s.astimezone(zone).date() for e, d, s in zip(many, days, start)]
    match operator:
        case "on":
            return local == local_days[0]
        case "between":
            return local_days[0] <= local <= local_days[1]
        case "before":
            return value < start[0]
        case "at_or_after":
            return value >= start[0]
        case "after":
            return local > local_days[0] if days[0] else value > start[0]
        case "at_or_before":
            return local <= local_days[0] if days[0] else value <= start[0]
    raise AssertionError(operator)
