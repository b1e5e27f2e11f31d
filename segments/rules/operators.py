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
    """How it is said of people ("whose plan is pro") and of what might be ("if plan were pro").

    {} stands for the values. Words that name the {label} themselves go with who has it, not with whose it is.
    What is denied is also true of people without a value, which is for the sentence to say.
    """

    name: str
    kinds: frozenset[Kind]
    takes: Takes
    says: str
    denies: str
    would: str
    would_not: str
    joiner: str  # of several values


def _row(
    name: str,
    kinds: str,
    takes: Takes,
    says: str,
    denies: str,
    would: str = "",
    would_not: str = "",
    joiner: str = "or",
) -> Operator:
    """What begins with "is" need not say how it would be."""
    would, would_not = would or _were(says), would_not or _were(denies)
    return Operator(name, frozenset(map(Kind, kinds.split())), takes, says, denies, would, would_not, joiner)


def _were(words: str) -> str:
    return f"were {words.removeprefix('is ')}"


_ROWS = [
    _row("is", "text number boolean", Takes.SOME, "is {}", "is not {}"),
    _row("contains", "text", Takes.SOME, "contains {}", "does not contain {}", "contained {}", "did not contain {}"),
    _row("starts_with", "text", Takes.SOME,
         "starts with {}", "does not start with {}", "started with {}", "did not start with {}"),
    _row("ends_with", "text", Takes.SOME,
         "ends with {}", "does not end with {}", "ended with {}", "did not end with {}"),
    _row("includes", "list", Takes.SOME, "include {}", "do not include {}", "included {}", "did not include {}"),
    _row("includes_all", "list", Takes.SOME, "include all of {}", "do not include all of {}",
         "included all of {}", "did not include all of {}", joiner="and"),
    _row("greater_than", "number text", Takes.ONE, "is more than {}", "is at most {}"),
    _row("at_least", "number text", Takes.ONE, "is at least {}", "is less than {}"),
    _row("less_than", "number text", Takes.ONE, "is less than {}", "is at least {}"),
    _row("at_most", "number text", Takes.ONE, "is at most {}", "is more than {}"),
    _row("between", "number date", Takes.TWO, "is from {}", "is not from {}", joiner="to"),
    _row("before", "date", Takes.ONE, "is before {}", "is on or after {}"),
    _row("after", "date", Takes.ONE, "is after {}", "is on or before {}"),
    _row("at_or_before", "date", Takes.ONE, "is on or before {}", "is after {}"),
    _row("at_or_after", "date", Takes.ONE, "is on or after {}", "is before {}"),
    _row("on", "date", Takes.ONE, "is on {}", "is not on {}"),
    _row("in_the_last", "date", Takes.PERIOD, "is in the last {}", "is not in the last {}"),
    _row("in_the_next", "date", Takes.PERIOD, "is in the next {}", "is not in the next {}"),
    _row("more_than_ago", "date", Takes.PERIOD, "is more than {} ago", "is not more than {} ago"),
    _row("is_known", "text number boolean date list opaque", Takes.NOTHING,
         "have a value for {label}", "have no {label}", "had a value for {label}", "had no {label}"),
]  # fmt: skip

OPERATORS: dict[str, Operator] = {row.name: row for row in _ROWS}

UNITS = {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000, "weeks": 7 * 86_400_000}  # in milliseconds


def operators_for(kind: Kind) -> tuple[str, ...]:
    return tuple(row.name for row in _ROWS if kind in row.kinds)
