"""Check a rule against the properties of a workspace and settle the type of every value in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any as Json
from typing import TypeAlias

from contacts.schema import PropertyType, Schema
from contacts.values import (
    Kind,
    Refused,
    as_boolean,
    as_number,
    as_text,
    day_end,
    day_start,
    fold,
    is_missing,
    local_day,
    span,
)
from segments.rules.operators import OPERATORS, UNITS, Operator, Takes, operators_for
from segments.rules.tree import Any, Condition, InSegment, Leaf, Rule, Tree, replaced, thawed, walk
from workspaces.problems import Invalid, Problem, listed

LONGEST_PERIOD = 10_000 * 366 * UNITS["days"]


@dataclass(frozen=True)
class Test(Leaf):
    """A checked condition.

    `values` are folded texts, floats, booleans, half-open ranges of milliseconds (dates) or one number of
    milliseconds (periods); `shown` the same as people wrote them. Equal tests are met by the same people.
    """

    property: PropertyType
    operator: Operator
    values: tuple[Json, ...]
    shown: tuple[str, ...]
    condition: Condition = field(compare=False, repr=False)  # of which it was made


Checked: TypeAlias = Tree[Test | InSegment]


def check(rule: Rule, schema: Schema) -> Checked:
    """The rule with its types settled, each node in its place. Raises Invalid naming every problem."""
    problems: list[Problem] = []

    def checked(leaf: Condition | InSegment) -> Checked:
        if isinstance(leaf, InSegment):
            return leaf
        try:
            return _test(leaf, schema)
        except Invalid as error:
            problems.extend(error.problems)
            return Any()

    found = replaced(rule, checked)
    if problems:
        raise Invalid(problems)
    return found


def tests(rule: Checked) -> Iterator[Test]:
    return (each.node for each in walk(rule) if isinstance(each.node, Test))


def _test(condition: Condition, schema: Schema) -> Test:
    type_ = find_property(schema, condition.property, _path(condition, "property"))
    allowed = operators_for(type_.kind)
    if condition.operator not in allowed:
        message = f"{type_.label} is {_a(type_.kind)}, so it takes {listed(allowed)}; not {condition.operator!r}"
        raise _problem(condition, "operator", message, allowed)
    operator = OPERATORS[condition.operator]
    try:
        values, shown = _values(operator, type_, thawed(condition.value), schema.zone)
    except Refused as error:
        raise _problem(condition, "value", f"{type_.label}: {error}") from None
    return Test(type_, operator, values, shown, condition)


def find_property(schema: Schema, reference: str, path: str = "property") -> PropertyType:
    """Raises Invalid, with the nearest names, if there is no such property."""
    type_ = schema.get(reference)
    if type_ is None:
        raise no_property(schema, reference, path)
    return type_


def no_property(schema: Schema, reference: str, path: str) -> Invalid:
    nearest = schema.nearest(reference)
    hint = f"; did you mean {listed(nearest)}?" if nearest else ""
    return Invalid([Problem(path, f"there is no property {reference!r}{hint}", tuple(nearest))])


def _problem(condition: Condition, part: str, message: str, allowed: tuple[str, ...] = ()) -> Invalid:
    return Invalid([Problem(_path(condition, part), message, allowed)])


def _path(condition: Condition, part: str) -> str:
    return f"{condition.at}.{part}" if condition.at else part


def _a(kind: Kind) -> str:
    return "not comparable" if kind is Kind.OPAQUE else f"a {kind}"


def _values(
    operator: Operator, type_: PropertyType, value: Json, zone: tzinfo
) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    if operator.takes is Takes.NOTHING:
        return (), ()
    if operator.takes is Takes.PERIOD:
        amount, unit = period(value)
        return (round(amount * UNITS[unit]),), (amount_in_words(amount, unit),)
    values = value if isinstance(value, list) else [value]
    _count(operator, values)
    typed = tuple(_value(type_, each, zone) for each in values)
    shown = tuple(_shown(each) for each in values)
    if type_.kind is Kind.DATE and operator.name in ("on", "between"):
        typed, shown = _days(typed, zone)
    elif operator.takes is Takes.TWO and typed[0] > typed[1]:
        raise Refused(f"the first value, {shown[0]}, is larger than the second, {shown[1]}")
    return typed, shown


def _count(operator: Operator, values: list[Json]) -> None:
    if (operator.takes is Takes.ONE and len(values) != 1) or (operator.takes is Takes.TWO and len(values) != 2):
        raise Refused(f"{operator.name} takes {operator.takes.value}, not {len(values)} values")
    if not values:
        raise Refused("give at least one value")
    if any(is_missing(value) for value in values):
        raise Refused("a value is empty; to find people without one, deny is_known")


def _value(type_: PropertyType, value: Json, zone: tzinfo) -> Json:
    """One literal, normalised as stored values of the property are, in the form that columns hold."""
    if isinstance(value, list | dict):
        raise Refused(f"{_shown(value)} is not a single value")
    try:
        match type_.kind:
            case Kind.TEXT | Kind.LIST:
                return fold(_normalised(type_, as_text(value)))
            case Kind.NUMBER:
                return as_number(value)
            case Kind.BOOLEAN:
                return as_boolean(value)
            case Kind.DATE if isinstance(value, str):
                return span(value, zone)
    except Refused as error:
        raise Refused(f"{_shown(value)} {error}") from None
    raise Refused(f"{_shown(value)} is not a date like 2024-06-01 or 2024-06-01T10:00:00Z")


def _normalised(type_: PropertyType, text: str) -> str:
    """A part of an e-mail address or phone number is no such thing and is compared as it is."""
    try:
        return str(type_.normalise(text)) if type_.normalise else text
    except Refused:
        return text


def _days(spans: tuple[tuple[int, int], ...], zone: tzinfo) -> tuple[tuple[tuple[int, int]], tuple[str, ...]]:
    """on and between take whole days, so a time stands for the day it lies in; the days as they are shown."""
    days = [local_day(first, zone) for first, _ in spans]
    if days[0] > days[-1]:
        raise Refused(f"the first day, {days[0]}, is later than the second, {days[-1]}")
    return ((day_start(days[0], zone), day_end(days[-1], zone)),), tuple(map(str, days))


def period(value: Json) -> tuple[float, str]:
    """An amount and its unit, from 30, "30" or {"amount": 30, "unit": "days"}. Raises Refused."""
    amount, unit = value, "days"
    if isinstance(value, dict):
        if value.keys() - {"amount", "unit"}:
            raise Refused(f"{_shown(value)} is not {Takes.PERIOD.value}")
        amount, unit = value.get("amount"), value.get("unit", "days")
    if not isinstance(unit, str) or unit not in UNITS:
        raise Refused(f"the unit is one of {listed(UNITS)}; not {_shown(unit)}")
    try:
        number = as_number(amount)
    except Refused:
        raise Refused(f"{_shown(amount)} is not {Takes.PERIOD.value}") from None
    if number < 0 or number * UNITS[unit] > LONGEST_PERIOD:
        raise Refused(f"{_shown(amount)} {unit} is out of range; use 0 or more, up to 10,000 years")
    return number, unit


def amount_in_words(amount: float, unit: str) -> str:
    number = f"{amount:g}" if not amount.is_integer() else str(int(amount))
    return f"{number} {unit.removesuffix('s') if amount == 1 else unit}"


def _shown(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case str():
            return value if len(value) <= 200 else value[:197] + "..."
    return str(value)
