"""Prove of a rule that nobody can meet it, or that everybody does, whoever there is. What is unsure is not claimed.

The values that a property can have are cut into cells at those that the rule names; a condition allows some of the
cells, which are the bits of a number. A cell may in truth hold nothing: then less is proved, never something wrong.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json

from contacts.values import Kind
from segments.rules.check import Checked, Test, tests
from segments.rules.expression import DATE_RANGES, Range
from segments.rules.operators import Takes
from segments.rules.tree import All, Any, InSegment, Not
from segments.rules.words import PERSON, NameOf, clause, label, quoted, simplified
from workspaces.problems import listed

MOST_VALUES = 1_000  # of all conditions together: what is compared grows with their square


@dataclass(frozen=True)
class Proof:
    """That everyone meets a rule, or nobody. `parts`: the fewest of its parts found that bring it about."""

    everyone: bool
    parts: tuple[Checked, ...]


def proof(rule: Checked) -> Proof | None:
    """None where it depends on who there is, or cannot be told, or only by comparing very many values."""
    if sum(len(test.values) for test in tests(rule)) > MOST_VALUES:
        return None
    cells = _Cells(rule)
    for everyone in (False, True):  # what everyone meets is what nobody can fail to
        plain = simplified(rule, everyone)
        if cells.exclude(plain):
            parts = _core(cells, plain.rules) if isinstance(plain, All) else (plain,)
            return Proof(everyone, tuple(simplified(part, everyone) for part in parts))
    return None


def _core(cells: _Cells, parts: Sequence[Checked]) -> tuple[Checked, ...]:
    """Parts that nobody can meet together, while somebody may meet them without any one of them."""
    found: tuple[Checked, ...] = ()
    while not cells.exclude(All(found)):
        # The last of the shortest prefix that excludes everybody has a share in it; what is behind it has none.
        lengths, tried = range(len(parts) + 1), found
        end = bisect_left(lengths, True, key=lambda length: cells.exclude(All((*parts[:length], *tried))))
        found, parts = (parts[end - 1], *found), parts[: end - 1]
    return found


# --- in words ------------------------------------------------------------------------------------------------------


def in_words(found: Proof, segment_name: NameOf) -> str:
    values = _one_value_each(found.parts, denied=found.everyone)
    if values and found.everyone:
        return f"Every person lacks one of the {_count(len(values))}, so this matches everyone."
    if values:
        return f"Nobody can have {listed(values, 'and')} at once."
    said = "; ".join(clause(part, PERSON, segment_name) for part in found.parts)
    if found.everyone:
        return f"Everyone meets {'one of these' if len(found.parts) > 1 else 'this'}, whatever they have: {said}."
    return f"Nobody can meet {'all of these at once' if len(found.parts) > 1 else 'this'}: {said}."


def _count(number: int) -> str:
    return "two" if number == 2 else str(number)


def _one_value_each(parts: Sequence[Checked], *, denied: bool) -> list[str]:
    """Like "plan pro", where every part is about one value of the same property; else nothing."""
    tested = [part.rule if isinstance(part, Not) else part for part in parts if isinstance(part, Not) == denied]
    about = [test for test in tested if isinstance(test, Test) and test.operator.name == "is" and len(test.values) == 1]
    if len(about) < max(len(parts), 2) or len({test.property for test in about}) > 1:
        return []
    return [f"{label(test)} {quoted(test.shown[0])}" for test in about]


# --- cells ---------------------------------------------------------------------------------------------------------

# Of some variables, like the number that somebody has for a property, the cells that are allowed.
Allowed = Mapping[Hashable, int]

_MISSING = _NO = 1
_YES = 2  # the second cell, of a variable that has but two
_ANYTHING = -1  # all bits


def _cells(first: int, last: int) -> int:
    """From one cell to another, both included; none where the last comes before the first."""
    return max((2 << last) - (1 << first), 0)


class _Cells:
    """The variables of a rule, and what its conditions allow of them."""

    def __init__(self, rule: Checked) -> None:
        bounds: dict[Hashable, set[Json]] = {}
        for test in tests(rule):
            bounds.setdefault(_variable(test), set()).update(_bounds(test))
        self._bounds = {variable: sorted(values) for variable, values in bounds.items()}

    def exclude(self, rule: Checked, held: Allowed = {}) -> bool:  # noqa: B006  # is never changed
        """Whether nobody within `held` can meet a simplified rule."""
        match rule:
            case Any(rules):
                return all(self.exclude(part, held) for part in rules)
            case All(rules):
                for part in rules:
                    held = _both(held, self._spanned(part))
                if not all(held.values()) or _is_denied_itself(rules):
                    return True
                return any(self.exclude(part, held) for part in rules)
        return not any(all(_both(held, way).values()) for way in self._ways(rule))

    def _spanned(self, rule: Checked) -> Allowed:
        """What is allowed at most by a rule."""
        match rule:
            case All(rules):
                allowed: Allowed = {}
                for part in rules:
                    allowed = _both(allowed, self._spanned(part))
                return allowed
            case Any(rules):
                return _either([self._spanned(part) for part in rules])
        return _either(self._ways(rule))

    def _ways(self, rule: Checked) -> list[Allowed]:
        """The ways of meeting a condition or its denial: each is what it allows of several variables together."""
        match rule:
            case Not(InSegment(segment)):
                return [{("segment", segment): _NO}]
            case InSegment(segment):
                return [{("segment", segment): _YES}]
            case Not(Test() as test):
                return self._tested(test, denied=True)
            case Test():
                return self._tested(rule, denied=False)
        raise AssertionError(rule)

    def _tested(self, test: Test, *, denied: bool) -> list[Allowed]:
        name, kind = test.operator.name, test.property.kind
        if name == "is_known":
            allowed = _MISSING if denied else ~_MISSING
            return [dict.fromkeys(_variables(test), allowed)]
        if kind is Kind.LIST:
            return _joined(name != "includes_all", denied, [self._item(test, item, denied) for item in test.values])
        if kind is Kind.TEXT and name != "is":
            return _joined(True, denied, [self._pattern(test, text, denied) for text in test.values])
        variable = _variable(test)
        allowed = _ALLOWED[kind](self._bounds[variable], test)
        return [{variable: ~allowed if denied else allowed}]

    def _item(self, test: Test, item: str, denied: bool) -> Allowed:
        variable = (test.property.reference, "item", item)
        return {variable: _NO} if denied else {variable: _YES, _variable(test): ~_MISSING}

    def _pattern(self, test: Test, text: str, denied: bool) -> Allowed:
        """Of the texts that the rule names itself it is known whether they match; another may or may not."""
        matches = _MATCHES[test.operator.name]
        named = self._bounds[_variable(test)]
        matching = _texts(named, [each for each in named if matches(each, text)])
        allowed = ~matching if denied else matching | _OTHER
        return {(test.property.reference, test.operator.name, text): _NO if denied else _YES, _variable(test): allowed}


def _variable(test: Test) -> Hashable:
    """Dates that go by the clock are apart from those that do not: how they lie to each other changes."""
    return (test.property.reference, "moving") if test.operator.takes is Takes.PERIOD else (test.property.reference,)


def _variables(test: Test) -> list[Hashable]:
    reference = test.property.reference
    return [(reference,), (reference, "moving")] if test.property.kind is Kind.DATE else [(reference,)]


def _both(one: Allowed, other: Allowed) -> Allowed:
    return {**one, **{variable: one.get(variable, _ANYTHING) & allowed for variable, allowed in other.items()}}


def _either(ways: Sequence[Allowed]) -> Allowed:
    found: dict[Hashable, int] = {}
    for variable in set.intersection(*map(set, ways)):
        for way in ways:
            found[variable] = found.get(variable, 0) | way[variable]
    return found


def _joined(any_is_enough: bool, denied: bool, ways: list[Allowed]) -> list[Allowed]:
    """Several values of one condition: each a way of meeting it, or all of them together the only one."""
    if any_is_enough != denied:
        return ways
    together: Allowed = {}
    for way in ways:
        together = _both(together, way)
    return [together]


def _is_denied_itself(rules: Sequence[Checked]) -> bool:
    """Whether a group and its very denial are among these."""
    parts = set(rules)
    denials = (simplified(part, True) for part in rules if isinstance(part, Any))
    return any(isinstance(denial, All) and parts.issuperset(denial.rules) for denial in denials)


# --- kinds ---------------------------------------------------------------------------------------------------------


def _bounds(test: Test) -> Iterable[Json]:
    """The values at which a condition cuts what its variable can be."""
    if test.property.kind is Kind.DATE and test.operator.takes is not Takes.NOTHING:
        return [end for end in _range(test) if end is not None]
    return test.values if test.property.kind is Kind.NUMBER or test.operator.name == "is" else ()


# Numbers: a cell for each that is named, and for what lies in front of, between and behind them.
_NUMBERS: dict[str, Callable[..., tuple[int, int]]] = {
    "greater_than": lambda last, place: (place + 1, last),
    "at_least": lambda last, place: (place, last),
    "less_than": lambda last, place: (1, place - 1),
    "at_most": lambda last, place: (1, place),
    "between": lambda last, place, end: (place, end),
}


def _number(bounds: Sequence[float], test: Test) -> int:
    places = [2 + 2 * bisect_left(bounds, value) for value in test.values]
    if test.operator.name == "is":
        return sum({1 << place for place in places})
    return _cells(*_NUMBERS[test.operator.name](1 + 2 * len(bounds), *places))


def _range(test: Test) -> Range:
    return DATE_RANGES[test.operator.name](test.values[0], 0)


def _date(bounds: Sequence[int], test: Test) -> int:
    """A cell in front of the first bound and one from each of them on."""
    first, end = _range(test)
    start = 1 if first is None else 2 + bisect_left(bounds, first)
    return _cells(start, 1 + (len(bounds) if end is None else bisect_left(bounds, end)))


_OTHER = 2  # the cell of a text that the rule does not name


def _texts(named: Sequence[str], texts: Iterable[str]) -> int:
    return sum({4 << bisect_left(named, text) for text in texts})


_ALLOWED: dict[Kind, Callable[[Sequence[Json], Test], int]] = {
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.TEXT: lambda named, test: _texts(named, test.values),
    Kind.BOOLEAN: lambda named, test: sum({4 if value else 2 for value in test.values}),
}

_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "greater_than": lambda text, other: text > other,
    "at_least": lambda text, other: text >= other,
    "less_than": lambda text, other: text < other,
    "at_most": lambda text, other: text <= other,
}
