"""A rule as a tree of frozen nodes, and the JSON document in which it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any as Json

from workspaces.problems import Invalid, Problem

VERSION = 1
MOST_LEVELS = 10
MOST_CONDITIONS = 500


@dataclass(frozen=True)
class Condition:
    """One property, a positive operator and a JSON value, lists as tuples. `at`: where it stood in its document."""

    property: str
    operator: str
    value: Json = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True)
class All:
    """Without rules: everyone."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Any:
    """Without rules: nobody."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Not:
    rule: Rule


@dataclass(frozen=True)
class InSegment:
    segment: str
    at: str = field(default="", compare=False)


Rule = Condition | All | Any | Not | InSegment


def conditions(rule: Rule) -> Iterator[Condition]:
    return (condition for condition, _ in denials(rule))


def replaced(rule: Rule, change: Callable[[Condition], Condition]) -> Rule:
    """The same rule with other conditions."""
    match rule:
        case Condition():
            return change(rule)
        case All(rules):
            return All(tuple(replaced(part, change) for part in rules))
        case Any(rules):
            return Any(tuple(replaced(part, change) for part in rules))
        case Not(part):
            return Not(replaced(part, change))
    return rule


def denials(rule: Rule | None, denied: bool = False) -> Iterator[tuple[Condition, bool]]:
    """Each condition, and whether it stands under an odd number of Nots."""
    match rule:
        case Condition():
            yield rule, denied
        case All(rules) | Any(rules):
            for part in rules:
                yield from denials(part, denied)
        case Not(part):
            yield from denials(part, not denied)


def referred(rule: Rule | None) -> Iterator[InSegment]:
    """The segments that a rule names itself."""
    match rule:
        case InSegment():
            yield rule
        case All(rules) | Any(rules):
            for part in rules:
                yield from referred(part)
        case Not(part):
            yield from referred(part)


def levels(rule: Rule) -> int:
    """How deep groups lie in groups. A Not belongs to what it denies; only a Not of a Not is a level of its own."""
    match rule:
        case All(rules) | Any(rules):
            return 1 + max(map(levels, rules), default=0)
        case Not(part):
            return levels(part) + isinstance(part, Not)
    return 0


def write(rule: Rule) -> dict[str, Json]:
    """The stored form: {"version": 1, "rule": node}. `read` gives an equal rule back."""
    return {"version": VERSION, "rule": write_node(rule)}


def write_node(rule: Rule) -> dict[str, Json]:
    match rule:
        case Condition(property, operator, None):
            return {"property": property, "operator": operator}
        case Condition(property, operator, value):
            return {"property": property, "operator": operator, "value": thawed(value)}
        case All(rules):
            return {"all": [write_node(part) for part in rules]}
        case Any(rules):
            return {"any": [write_node(part) for part in rules]}
        case Not(part):
            return {"not": write_node(part)}
        case InSegment(segment):
            return {"segment": segment}


def read(document: Json, path: str = "") -> Rule:
    """A rule from its stored form. Raises Invalid naming every problem with its path below `path`."""
    match document:
        case {"version": version} if version != VERSION:
            raise Invalid([Problem(_join(path, "version"), f"is {version!r}; this program reads version {VERSION}")])
        case {"version": _, "rule": node}:
            return read_node(node, _join(path, "rule"))
    raise Invalid([Problem(path, 'a rule is an object like {"version": 1, "rule": {"all": []}}')])


def read_node(node: Json, path: str) -> Rule:
    problems: list[Problem] = []
    rule = _node(node, path, problems, 1)
    if not problems:
        problems += limits(rule, path)
    if problems:
        raise Invalid(problems)
    return rule


def limits(rule: Rule, path: str) -> list[Problem]:
    count = sum(1 for _ in conditions(rule))
    problems = []
    if count > MOST_CONDITIONS:
        problems.append(Problem(path, f"a rule can have {MOST_CONDITIONS} conditions; this one has {count}"))
    if levels(rule) > MOST_LEVELS:
        problems.append(Problem(path, f"groups can be {MOST_LEVELS} deep; these are {levels(rule)}"))
    return problems


_FORMS = ("property, operator and value", "all", "any", "not", "segment")


def _node(node: Json, path: str, problems: list[Problem], depth: int) -> Rule:
    if depth > 4 * MOST_LEVELS:
        problems.append(Problem(path, f"groups can be {MOST_LEVELS} deep"))
        return All()
    match node:
        case {"property": str(property), "operator": str(operator), **rest} if rest.keys() <= {"value"}:
            return Condition(property, operator, frozen(rest.get("value")), path)
        case {"all": list(nodes), **rest} if not rest:
            return All(_nodes(nodes, f"{path}.all", problems, depth))
        case {"any": list(nodes), **rest} if not rest:
            return Any(_nodes(nodes, f"{path}.any", problems, depth))
        case {"not": part, **rest} if not rest:
            return Not(_node(part, f"{path}.not", problems, depth + 1))
        case {"segment": str(segment), **rest} if not rest:
            return InSegment(segment, path)
    problems.append(Problem(path, f"is none of the forms that a rule can have: {'; '.join(_FORMS)}", _FORMS))
    return All()


def _nodes(nodes: list[Json], path: str, problems: list[Problem], depth: int) -> tuple[Rule, ...]:
    return tuple(_node(node, f"{path}[{place}]", problems, depth + 1) for place, node in enumerate(nodes))


def frozen(value: Json) -> Json:
    """JSON with lists as tuples, so that conditions can be compared and hashed."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def thawed(value: Json) -> Json:
    return list(map(thawed, value)) if isinstance(value, tuple) else value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
