"""Turn a checked rule into one narwhals expression, true for the people who meet it and false for all others.

The same expression runs on Polars here and on Spark elsewhere. It never is null: a condition on a missing value is
false, and Not is the plain complement.
"""

from collections.abc import Callable
from typing import Any

import narwhals as nw

from contacts.columns import ID
from contacts.schema import PropertyType
from contacts.values import Kind
from segments.rules.check import AllOf, AnyOf, Checked, Member, NotOf, Test


class Shortcuts:
    """What is known of a frame beside its columns; here nothing. One for each frame and moment."""

    def __init__(self) -> None:
        self.expressions: dict[Test, nw.Expr] = {}  # of conditions, which many rules share

    def vocabulary(self, property: PropertyType) -> tuple[nw.Series, nw.Series] | None:
        """For a column that is held as codes for its few distinct values: those, and how each is spelled in it."""
        return None

    def found(self, test: Test) -> nw.Expr | None:
        """For a condition that has been answered already: the column with the answer, true or false for everybody."""
        return None


def member_column(segment: str) -> str:
    """The boolean column that says who is in another segment."""
    return f"segment:{segment}"


def expression(rule: Checked, now: int, shortcuts: Shortcuts | None = None) -> nw.Expr:
    """`now` in milliseconds UTC. The frame has a column `id` and one named by reference for each property in use."""
    return _expression(rule, now, shortcuts or Shortcuts())


def _expression(rule: Checked, now: int, shortcuts: Shortcuts) -> nw.Expr:
    match rule:
        case AllOf(()):
            return everyone()
        case AnyOf(()):
            return ~everyone()
        case AllOf((part,)) | AnyOf((part,)):
            return _expression(part, now, shortcuts)
        case AllOf(rules):
            return nw.all_horizontal(*(_expression(part, now, shortcuts) for part in rules), ignore_nulls=False)
        case AnyOf(rules):
            return nw.any_horizontal(*(_expression(part, now, shortcuts) for part in rules), ignore_nulls=False)
        case NotOf(part):
            return ~_expression(part, now, shortcuts)
        case Member(segment):
            return nw.col(member_column(segment))
        case Test():
            if rule not in shortcuts.expressions:
                shortcuts.expressions[rule] = _test(rule, now, shortcuts)
            return shortcuts.expressions[rule]


def everyone() -> nw.Expr:
    """True in every row. A column, not a literal: a literal alone would have no rows."""
    return ~nw.col(ID).is_null()


def _test(test: Test, now: int, shortcuts: Shortcuts) -> nw.Expr:
    if (answer := shortcuts.found(test)) is not None:
        return answer
    column = nw.col(test.property.reference)
    if test.operator.name == "is_known":
        return ~column.is_null()
    if test.property.kind is Kind.DATE:
        first, end = DATE_RANGES[test.operator.name](test.values[0], now)
        return _within(column, first, end).fill_null(False)
    table = {Kind.TEXT: _TEXT, Kind.NUMBER: _NUMBER, Kind.BOOLEAN: _NUMBER, Kind.LIST: _LIST}[test.property.kind]
    met = table[test.operator.name](column, test.values)
    held = shortcuts.vocabulary(test.property) if test.operator.name != "is" else None
    if held is not None:
        # The few distinct values are searched instead of every row: 1 ms rather than 50 over a million people.
        values, spelled = held
        found = values.to_frame().select(met.fill_null(False).alias("met"))["met"]
        met = column.is_in(spelled.filter(found).to_list())
    return met.fill_null(False)


Compare = Callable[[nw.Expr, tuple[Any, ...]], nw.Expr]


def _either(compare: Callable[[nw.Expr, Any], nw.Expr]) -> Compare:
    """Several values mean any of them."""
    return lambda column, values: nw.any_horizontal(*(compare(column, value) for value in values), ignore_nulls=False)


_ORDER: dict[str, Compare] = {
    "is": lambda column, values: column.is_in(values) if len(values) > 1 else column == values[0],
    "greater_than": lambda column, values: column > values[0],
    "at_least": lambda column, values: column >= values[0],
    "less_than": lambda column, values: column < values[0],
    "at_most": lambda column, values: column <= values[0],
}

_NUMBER: dict[str, Compare] = {
    **_ORDER,
    "between": lambda column, values: (column >= values[0]) & (column <= values[1]),
}

_TEXT: dict[str, Compare] = {
    **_ORDER,
    "contains": _either(lambda column, value: column.str.contains(value, literal=True)),
    "starts_with": _either(lambda column, value: column.str.starts_with(value)),
    "ends_with": _either(lambda column, value: column.str.ends_with(value)),
}

_LIST: dict[str, Compare] = {
    "includes": _either(lambda column, value: column.list.contains(value)),
    "includes_all": lambda column, values: nw.all_horizontal(
        *(column.list.contains(value) for value in values), ignore_nulls=False
    ),
}

# Every date operator is a half-open range of milliseconds; None is no bound. A day's span ends where the next begins.
Range = tuple[int | None, int | None]
DATE_RANGES: dict[str, Callable[..., Range]] = {
    "before": lambda span, now: (None, span[0]),
    "at_or_before": lambda span, now: (None, span[1]),
    "after": lambda span, now: (span[1], None),
    "at_or_after": lambda span, now: (span[0], None),
    "on": lambda span, now: span,
    "between": lambda span, now: span,
    "in_the_last": lambda period, now: (now - period, now + 1),
    "in_the_next": lambda period, now: (now + 1, now + period + 1),
    "more_than_ago": lambda period, now: (None, now - period),
}


def _within(column: nw.Expr, first: int | None, end: int | None) -> nw.Expr:
    if first is None:
        return column < end
    if end is None:
        return column >= first
    return (column >= first) & (column < end)
