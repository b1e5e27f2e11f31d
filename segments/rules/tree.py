"""A rule as a tree of frozen nodes over leaves, and the JSON document in which it is stored.

The nodes are the same before and after a rule is checked, and so are their places; only the leaves differ: `Rule` here,
`Checked` in check.py. A new kind of leaf is a subclass of Leaf, a new kind of node a class like Not; each has a row in
`_read_node`, and mypy names what else has to say something about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any as Json
from typing import ClassVar, Generic, TypeAlias, TypeVar, final

from workspaces.problems import Invalid, Problem

VERSION = 1
MOST_LEVELS = 10
MOST_CONDITIONS = 500
ROOT = "rule"  # the place of a whole rule; its parts are at rule.all[0], rule.all[1].not and so on


class Leaf:
    """What a rule says of people without joining or denying other rules."""


L = TypeVar("L", bound=Leaf, covariant=True)
Other = TypeVar("Other", bound=Leaf)
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Joined(Generic[L]):
    rules: tuple[Tree[L], ...] = ()

    word: ClassVar[str]

    @property
    def parts(self) -> dict[str, Tree[L]]:
        return {f"{self.word}[{place}]": part for place, part in enumerate(self.rules)}

    def form(self, parts: list[Json]) -> dict[str, Json]:
        """Its stored form, of those of its parts."""
        return {self.word: parts}


@final
class All(_Joined[L]):
    """Without rules: everyone."""

    word = "all"

    def of(self, parts: Iterable[Tree[Other]]) -> All[Other]:
        """The same of other parts."""
        return All(tuple(parts))

    def opposite(self, parts: Iterable[Tree[Other]]) -> Any[Other]:
        """What denies it, of the denials of its parts."""
        return Any(tuple(parts))


@final
class Any(_Joined[L]):
    """Without rules: nobody."""

    word = "any"

    def of(self, parts: Iterable[Tree[Other]]) -> Any[Other]:
        return Any(tuple(parts))

    def opposite(self, parts: Iterable[Tree[Other]]) -> All[Other]:
        return All(tuple(parts))


@final
@dataclass(frozen=True)
class Not(Generic[L]):
    rule: Tree[L]

    @property
    def parts(self) -> dict[str, Tree[L]]:
        return {"not": self.rule}

    def of(self, parts: Iterable[Tree[Other]]) -> Not[Other]:
        (part,) = parts
        return Not(part)

    def form(self, parts: list[Json]) -> dict[str, Json]:
        return {"not": parts[0]}


Branch: TypeAlias = All[L] | Any[L] | Not[L]
Tree: TypeAlias = All[L] | Any[L] | Not[L] | L


@dataclass(frozen=True)
class Condition(Leaf):
    """One property, a positive operator and a JSON value, lists as tuples. `at`: where it stood in its document."""

    property: str
    operator: str
    value: Json = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True)
class InSegment(Leaf):
    """Being in another segment. `at`: where that stood in its document."""

    segment: str
    at: str = field(default="", compare=False)


Rule: TypeAlias = Tree[Condition | InSegment]


# --- walking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placed(Generic[L]):
    """A node or leaf where it stands in a rule."""

    at: str  # like rule.all[0].not
    node: Tree[L]
    denied: bool  # whether it stands under an odd number of Nots


def walk(rule: Tree[L] | None, at: str = ROOT, denied: bool = False) -> Iterator[Placed[L]]:
    """A rule and all that is in it. Tell them apart by `at`, not by their order."""
    if rule is None:
        return
    yield Placed(at, rule, denied)
    if not isinstance(rule, Leaf):
        for place, part in rule.parts.items():
            yield from walk(part, f"{at}.{place}", denied != isinstance(rule, Not))


def folded(
    rule: Tree[L], of_leaf: Callable[[L], Result], of_branch: Callable[[Branch[L], list[Result]], Result]
) -> Result:
    """What becomes of a rule when each node is made of what became of its parts."""
    if isinstance(rule, Leaf):
        return of_leaf(rule)
    parts: list[Result] = []
    for part in rule.parts.values():
        parts.append(folded(part, of_leaf, of_branch))
    return of_branch(rule, parts)


def replaced(rule: Tree[L], change: Callable[[L], Tree[Other]]) -> Tree[Other]:
    """The same rule of other leaves."""
    return folded(rule, change, lambda branch, parts: branch.of(parts))


def conditions(rule: Rule | None) -> Iterator[Condition]:
    return (condition for condition, _ in signed_conditions(rule))


def signed_conditions(rule: Rule | None) -> Iterator[tuple[Condition, bool]]:
    """Each condition, and whether it stands under an odd number of Nots."""
    return ((each.node, each.denied) for each in walk(rule) if isinstance(each.node, Condition))


def referred(rule: Rule | None) -> Iterator[InSegment]:
    """The segments that a rule names itself."""
    return (each.node for each in walk(rule) if isinstance(each.node, InSegment))


def with_conditions(rule: Rule, change: Callable[[Condition], Condition]) -> Rule:
    """The same rule with other conditions."""
    return replaced(rule, lambda leaf: change(leaf) if isinstance(leaf, Condition) else leaf)


def levels(rule: Rule) -> int:
    """How deep groups lie in groups. A Not belongs to what it denies; only a Not of a Not is a level of its own."""
    if isinstance(rule, Leaf):
        return 0
    if isinstance(rule, Not):
        return levels(rule.rule) + isinstance(rule.rule, Not)
    return 1 + max(map(levels, rule.rules), default=0)


# --- the stored form -----------------------------------------------------------------------------------------------


def write(rule: Rule) -> dict[str, Json]:
    """The stored form: {"version": 1, "rule": node}. `read` gives an equal rule back."""
    return {"version": VERSION, "rule": write_node(rule)}


def write_node(rule: Rule) -> dict[str, Json]:
    return folded(rule, _write_leaf, lambda branch, parts: branch.form(parts))


def _write_leaf(leaf: Condition | InSegment) -> dict[str, Json]:
    match leaf:
        case Condition(property, operator, None):
            return {"property": property, "operator": operator}
        case Condition(property, operator, value):
            return {"property": property, "operator": operator, "value": thawed(value)}
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
    """A rule without its version. Raises Invalid naming every problem with its path below `path`."""
    problems: list[Problem] = []
    rule = _read_node(node, path, problems, 1)
    if not problems:
        problems += limits(rule, path)
    if problems:
        raise Invalid(problems)
    return rule


def limits(rule: Rule, path: str) -> list[Problem]:
    """What is wrong with the size of a rule."""
    count = sum(1 for _ in conditions(rule))
    problems = []
    if count > MOST_CONDITIONS:
        problems.append(Problem(path, f"a rule can have {MOST_CONDITIONS} conditions; this one has {count}"))
    if levels(rule) > MOST_LEVELS:
        problems.append(Problem(path, f"groups can be {MOST_LEVELS} deep; these are {levels(rule)}"))
    return problems


_FORMS = ("property, operator and value", "all", "any", "not", "segment")

# A Not is no level of its own, so that documents may be deeper than rules. This is only for the stack: `limits` counts.
_DEEPEST = 4 * MOST_LEVELS


def _read_node(node: Json, path: str, problems: list[Problem], depth: int) -> Rule:
    if depth > _DEEPEST:
        problems.append(Problem(path, f"groups can be {MOST_LEVELS} deep"))
        return All()
    match node:
        case {"property": str(property), "operator": str(operator), **rest} if rest.keys() <= {"value"}:
            return Condition(property, operator, frozen(rest.get("value")), path)
        case {"all": list(nodes), **rest} if not rest:
            return All(_read_nodes(nodes, f"{path}.all", problems, depth))
        case {"any": list(nodes), **rest} if not rest:
            return Any(_read_nodes(nodes, f"{path}.any", problems, depth))
        case {"not": part, **rest} if not rest:
            return Not(_read_node(part, f"{path}.not", problems, depth + 1))
        case {"segment": str(segment), **rest} if not rest:
            return InSegment(segment, path)
    problems.append(Problem(path, f"is none of the forms that a rule can have: {'; '.join(_FORMS)}", _FORMS))
    return All()


def _read_nodes(nodes: list[Json], path: str, problems: list[Problem], depth: int) -> tuple[Rule, ...]:
    return tuple(_read_node(node, f"{path}[{place}]", problems, depth + 1) for place, node in enumerate(nodes))


def frozen(value: Json) -> Json:
    """JSON with lists as tuples, so that conditions can be compared and hashed."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def thawed(value: Json) -> Json:
    return list(map(thawed, value)) if isinstance(value, tuple) else value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
