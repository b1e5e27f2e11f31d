"""A draft, which is what reading a segment gives in any dialect, and how a table of operators reads a condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any as Json

from contacts.schema import CUSTOM, Schema
from contacts.values import Kind
from segments.rules.tree import Any, Condition, Not, Rule, frozen, read_node
from workspaces.problems import Invalid, Problem, listed

# The property of the one condition that stands for a rule which a dialect cannot say; its value is the stored form.
NATIVE = "segmenter.rule"

# Operators on the wire, each with ours and whether it is denied, by the property's type. Of several spellings of the
# same the first is the one written.
Operators = Mapping[Kind, dict[str, tuple[str, bool]]]


Person = tuple[str, str, str]  # id, external id, e-mail address


@dataclass
class Draft:
    """What somebody wants a segment to be. None leaves a part as it is, and `rule_given` tells "no rule" from that.

    Where there are problems the rule has gaps and must not be used.
    """

    name: str | None = None
    rule: Rule | None = None
    rule_given: bool = False
    declares: dict[str, Kind] = field(default_factory=dict)  # custom properties that the rule is the first to name
    dialect: str = ""
    document: Json = None  # the rule as it was sent, to be echoed in this dialect
    fields: dict[str, str] = field(default_factory=dict)  # what else a segment keeps, by the model's names
    persons: list[Json] | None = None  # contacts sent with it, to be those pinned in; None in it: unreadable
    people: list[Person] = field(default_factory=list)  # who the persons turned out to be, once they are saved
    like_builtins: bool = False  # what it declares may be called as built-in properties are
    problems: list[Problem] = field(default_factory=list)  # found while reading; reported with all others

    @property
    def says_something(self) -> bool:
        parts = self.name is not None, self.rule_given, self.fields, self.persons is not None, self.problems
        return any(map(bool, parts))


@dataclass(frozen=True)
class Shown:
    """A segment as a dialect is to write it; `document` is its rule as this dialect says it."""

    id: str
    workspace: str
    name: str
    document: Json
    author: str  # 24 hex digits, or "system"
    created: datetime
    updated: datetime
    deleted: bool = False
    people: Sequence[Person] = ()  # those who were sent with it


@dataclass(frozen=True)
class Listing:
    """Which of the segments a list is to give; `field` is one of the model's."""

    field: str = "id"
    descending: bool = False
    start: int = 0
    limit: int | None = None


class Reader:
    """Reads conditions and collects everything that is wrong with them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.problems: list[Problem] = []
        self.declares: dict[str, Kind] = {}

    def problem(self, path: str, message: str, allowed: tuple[str, ...] = ()) -> Rule:
        self.problems.append(Problem(path, message, allowed))
        return Any(())

    def native(self, node: Json, path: str) -> Rule:
        try:
            return read_node(node, path)
        except Invalid as error:
            self.problems += error.problems
            return Any(())

    def kind(self, reference: str, wanted: Kind) -> Kind | None:
        """The type of a property; a custom one that nobody has yet is declared with the wanted one."""
        known = self.schema.get(reference)
        if known is not None:
            return known.kind
        if not reference.startswith(CUSTOM):
            return None
        return self.declares.setdefault(reference.removeprefix(CUSTOM), wanted)

    def condition(self, reference: str, kind: Kind, operators: Operators, sent: Mapping[str, Json], path: str) -> Rule:
        """`sent` holds an operator and, unless it asks only whether something is known, a value."""
        operator, allowed = sent["operator"], operators[kind]
        if operator not in allowed:
            message = f"{operator!r} does not go with {reference}, which is of type {kind}; use {listed(allowed)}"
            return self.problem(f"{path}.operator", message, tuple(allowed))
        ours, denied = allowed[operator]
        value = sent.get("value")
        if ours == "is_known":
            return _denied(Condition(reference, ours, None, path), denied)
        if value is None:
            return self.problem(f"{path}.value", f"give a value for {operator}")
        if ours == "is" and value == "":
            return _denied(Condition(reference, "is_known", None, path), not denied)
        return _denied(Condition(reference, ours, frozen(value), path), denied)


def _denied(rule: Rule, denied: bool) -> Rule:
    return Not(rule) if denied else rule


def spelled(operators: Operators) -> dict[Kind, dict[tuple[str, bool], str]]:
    """From our operators back to the wire's."""
    return {kind: {ours: wire for wire, ours in reversed(table.items())} for kind, table in operators.items()}


class NotSayable(Exception):
    """A rule that a dialect cannot express."""
