"""Read conditions and write operators by a table of each dialect's own."""

from collections.abc import Mapping
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
