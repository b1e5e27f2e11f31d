"""Turn the conditions of a checked rule into narwhals expressions, and join what is known of each as the rule says.

The same expressions run on Polars here and on Spark elsewhere. They are true for the people who meet the condition and
false or null for all others. Null is to be made false before anything is joined: Not is the plain complement.
"""

import functools
import operator
from collections.abc import Callable, Collection
from typing import Any as Value
from typing import TypeVar

import narwhals as nw

from contacts.values import Kind
from segments.rules.check import Checked, Test
from segments.rules.operators import operators_for
from segments.rules.tree import All, Any, Branch, InSegment, Not, folded

Met = TypeVar("Met")  # who meets a rule: an expression, or a mask


def joined(rule: Checked, met: Callable[[Test | InSegment], Met], nobody: Callable[[], Met]) -> Met:
    """`met` says who meets a condition, or is in another segment; &, | and ~ join that as what it stands for."""

    def join(branch: Branch[Test | InSegment], parts: list[Met]) -> Met:
        match branch:
            case Not():
                return _not(parts[0])
            case All():
                return functools.reduce(operator.and_, parts) if parts else _not(nobody())
            case Any():
                return functools.reduce(operator.or_, parts) if parts else nobody()

    return folded(rule, met, join)


def _not(met: Met) -> Met:
    opposite: Met = ~met  # type: ignore[operator]
    return opposite


def condition(test: Test, now: int) -> nw.Expr:
    """`now` in milliseconds UTC. The frame has a column named by the property's reference."""
    column = nw.col(test.property.reference)
    if test.operator.name == "is_known":
        return ~column.is_null()
    if test.property.kind is Kind.DATE:
        first, end = DATE_RANGES[test.operator.name](test.values[0], now)
        return _within(column, first, end)
    return _COMPARE[test.property.kind][test.operator.name](column, test.values)


Compare = Callable[[nw.Expr, tuple[Value, ...]], nw.Expr]


def _either(compare: Callable[[nw.Expr, Value], nw.Expr]) -> Compare:
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
    "between": lambda column, values: column.is_between(values[0], values[1]),
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

_COMPARE = {Kind.TEXT: _TEXT, Kind.NUMBER: _NUMBER, Kind.BOOLEAN: _NUMBER, Kind.LIST: _LIST}

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
    return column.is_between(first, end, closed="left")


# Each row of the operators has one here for each of its types; whoever adds one learns it from the first import.
_ROWS: dict[Kind, Collection[str]] = {**_COMPARE, Kind.DATE: DATE_RANGES, Kind.OPAQUE: ()}
_LACKING = {kind.value: lacking for kind in Kind if (lacking := {*operators_for(kind)} - {*_ROWS[kind], "is_known"})}
assert not _LACKING, f"operators without an expression: {_LACKING}"
