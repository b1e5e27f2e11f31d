"""The operators: which types each is for, what values it takes, how it is said and how it is denied.

Only positive operators exist; "is not" is a Not around "is". An operator is one row of this table, and one row for
each of its types in expression.py.
"""

from dataclasses import dataclass
from enum import Enum

from contacts.values import Kind


class Takes(Enum):
    """What an operator is given beside its property."""

    NOTHING = "no value"
    ONE = "one value"
    TWO = "a list of two values"
    SOME = "a value or a list of values"
    PERIOD = 'a number of days, or {"amount": 3, "unit": "hours"}'


@dataclass(frozen=True)
class Operator:
    """`says` and `denies` finish the clause "whose plan ..."; {} stands for the values."""

    name: str
    kinds: frozenset[Kind]
    takes: Takes
    says: str
    denies: str


def _row(name: str, kinds: str, takes: Takes, says: str, denies: str) -> Operator:
    return Operator(name, frozenset(map(Kind, kinds.split())), takes, says, denies)


_ROWS = [
    _row("is", "text number boolean", Takes.SOME, "is {}", "is not {}"),
    _row("contains", "text", Takes.SOME, "contains {}", "does not contain {}"),
    _row("starts_with", "text", Takes.SOME, "starts with {}", "does not start with {}"),
    _row("ends_with", "text", Takes.SOME, "ends with {}", "does not end with {}"),
    _row("includes", "list", Takes.SOME, "include {}", "do not include {}"),
    _row("includes_all", "list", Takes.SOME, "include all of {}", "do not include all of {}"),
    _row("greater_than", "number text", Takes.ONE, "is more than {}", "is not more than {}"),
    _row("at_least", "number text", Takes.ONE, "is at least {}", "is not at least {}"),
    _row("less_than", "number text", Takes.ONE, "is less than {}", "is not less than {}"),
    _row("at_most", "number text", Takes.ONE, "is at most {}", "is not at most {}"),
    _row("between", "number date", Takes.TWO, "is between {} (both included)", "is not between {} (both included)"),
    _row("before", "date", Takes.ONE, "is before {}", "is not before {}"),
    _row("after", "date", Takes.ONE, "is after {}", "is not after {}"),
    _row("at_or_before", "date", Takes.ONE, "is at or before {}", "is not at or before {}"),
    _row("at_or_after", "date", Takes.ONE, "is at or after {}", "is not at or after {}"),
    _row("on", "date", Takes.ONE, "is on {}", "is not on {}"),
    _row("in_the_last", "date", Takes.PERIOD, "is in the last {}", "is not in the last {}"),
    _row("in_the_next", "date", Takes.PERIOD, "is in the next {}", "is not in the next {}"),
    _row("more_than_ago", "date", Takes.PERIOD, "is more than {} ago", "is not more than {} ago"),
    _row("is_known", "text number boolean date list opaque", Takes.NOTHING, "is known", "is unknown"),
]

OPERATORS: dict[str, Operator] = {row.name: row for row in _ROWS}

UNITS = {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000, "weeks": 7 * 86_400_000}  # in milliseconds


def operators_for(kind: Kind) -> tuple[str, ...]:
    return tuple(row.name for row in _ROWS if kind in row.kinds)
