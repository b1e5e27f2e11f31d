"""Swipe One's segments on the wire: https://docs.swipeone.com, article 10545714, and what its clients send.

    {"name": "Spain, not free", "criteria": {"type": "and", "predicates": [
        {"property": "country", "operator": "is", "value": "ES", "dataType": "string"},
        {"property": "customProperties.plan", "operator": "is_not", "value": "free", "dataType": "string"}]}}

becomes All((Condition("country", "is", "ES"), Not(Condition("customProperties.plan", "is", "free")))).
"""

from collections.abc import Mapping, Sequence
from typing import Any as Json

from contacts.schema import Schema
from contacts.values import Kind, iso, milliseconds
from segments.dialects.dialect import Listing, Shown
from segments.dialects.draft import Draft
from segments.dialects.reading import NATIVE, NotSayable, Operators, Reader, spelled
from segments.rules.tree import MOST_LEVELS, All, Any, Condition, Not, Rule, limits, thawed, write_node
from workspaces.problems import Problem, listed

NAME = "swipeone"
UNIQUE_NAMES = True
CREATED = 201

# dataType on the wire to the type that a property takes which nobody has yet.
DATA_TYPES = {
    "string": Kind.TEXT,
    "text": Kind.TEXT,
    "email": Kind.TEXT,
    "phone": Kind.TEXT,
    "url": Kind.TEXT,
    "select": Kind.TEXT,
    "country": Kind.TEXT,
    "person": Kind.TEXT,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "multiselect": Kind.LIST,
    "array": Kind.LIST,
    "address": Kind.OPAQUE,
}

# Operator on the wire to ours and whether it is denied, by the property's type. The first spelling is the one written.
_KNOWN = {"is_known": ("is_known", False), "is_unknown": ("is_known", True)}
_EQUAL = {"is": ("is", False), "is_not": ("is", True)}
_ORDER = {
    "greater_than": ("greater_than", False),
    "less_than": ("less_than", False),
    "greater_than_or_equal": ("at_least", False),
    "less_than_or_equal": ("at_most", False),
}

OPERATORS: Operators = {
    Kind.TEXT: {
        **_EQUAL,
        "contains": ("contains", False),
        "does_not_contain": ("contains", True),
        "starts_with": ("starts_with", False),
        "ends_with": ("ends_with", False),
        **_KNOWN,
    },
    Kind.NUMBER: {**_EQUAL, **_ORDER, "between": ("between", False), **_KNOWN},
    Kind.BOOLEAN: {**_EQUAL, **_KNOWN},
    Kind.LIST: {
        "contains": ("includes", False),
        "does_not_contain": ("includes", True),
        "includes": ("includes", False),
        "excludes": ("includes", True),
        "includes_all": ("includes_all", False),
        **_KNOWN,
    },
    Kind.DATE: {
        "is_before": ("before", False),
        "is_after": ("after", False),
        "is_on": ("on", False),
        "is_between_dates": ("between", False),
        "is_in_the_last": ("in_the_last", False),
        "is_in_the_next": ("in_the_next", False),
        "is_more_than": ("more_than_ago", False),
        "less_than": ("before", False),
        "greater_than": ("after", False),
        "less_than_or_equal": ("at_or_before", False),
        "greater_than_or_equal": ("at_or_after", False),
        "is": ("on", False),
        "is_not": ("on", True),
        **_KNOWN,
    },
    Kind.OPAQUE: _KNOWN,
}

_JOINERS: dict[str, type[All] | type[Any]] = {"and": All, "or": Any}


def read_segment(body: Json, schema: Schema, current: Json = None) -> Draft:
    """A create, or with `current` criteria a partial update: {"name": ..., "criteria": ...}."""
    partial = current is not None
    if not isinstance(body, dict):
        return Draft(problems=[Problem("", "give an object with name and criteria")])
    draft = Draft()
    if "criteria" in body or not partial:
        draft = read(body.get("criteria"), schema)
    if isinstance(body.get("name"), str):
        draft.name = body["name"]
    elif "name" in body or not partial:
        draft.problems.insert(0, Problem("name", "give the segment a name, as a text"))
    return draft


def read(criteria: Json, schema: Schema, path: str = "criteria") -> Draft:
    """{"type": "and"|"or", "predicates": [...]} to a rule."""
    reader = _Reader(schema)
    return reader.draft(reader.group(criteria, path, 1), criteria, path)


def read_all(predicates: list[Json], schema: Schema, path: str) -> Draft:
    """Predicates all of which are to be met."""
    reader = _Reader(schema)
    return reader.draft(reader.joined(All, predicates, path, 1), predicates, path)


class _Reader(Reader):
    def draft(self, rule: Rule, document: Json, path: str) -> Draft:
        problems = self.problems or limits(rule, path)
        return Draft(None, rule, True, self.declares, NAME, document, problems=problems)

    def group(self, group: Json, path: str, depth: int) -> Rule:
        if depth > MOST_LEVELS:
            return self.problem(path, f"groups can be {MOST_LEVELS} deep")
        if not isinstance(group, dict):
            return self.problem(path, "give an object with type and predicates")
        joiner, predicates = group.get("type"), group.get("predicates")
        if not isinstance(joiner, str) or joiner not in _JOINERS:
            self.problem(f"{path}.type", f"is {joiner!r}; use and or or", tuple(_JOINERS))
        if not isinstance(predicates, list) or not predicates:
            return self.problem(f"{path}.predicates", "give a list of at least one predicate")
        return self.joined(_JOINERS.get(str(joiner), All), predicates, f"{path}.predicates", depth)

    def joined(self, joiner: type[All] | type[Any], predicates: list[Json], path: str, depth: int) -> Rule:
        rules = [self.predicate(each, f"{path}[{place}]", depth) for place, each in enumerate(predicates)]
        if len(predicates) == 1 and isinstance(predicates[0], dict) and predicates[0].get("property") == NATIVE:
            return rules[0]
        return joiner(tuple(rules))

    def predicate(self, predicate: Json, path: str, depth: int) -> Rule:
        if not isinstance(predicate, dict):
            return self.problem(path, "is not an object with property, operator, value and dataType")
        if "predicates" in predicate:
            return self.group(predicate, path, depth + 1)
        if predicate.get("property") == NATIVE:
            return self.native(predicate.get("value"), f"{path}.value")
        reference, operator = predicate.get("property"), predicate.get("operator")
        count = len(self.problems)
        if not isinstance(reference, str) or not reference:
            self.problem(f"{path}.property", "give the name of a property")
        if not isinstance(operator, str) or not operator:
            self.problem(f"{path}.operator", "give an operator")
        data_type = predicate.get("dataType")
        if not isinstance(data_type, str) or data_type not in DATA_TYPES:
            self.problem(f"{path}.dataType", f"is {data_type!r}; use {listed(DATA_TYPES)}", tuple(DATA_TYPES))
        if len(self.problems) > count:
            return Any(())
        kind = self.kind(str(reference), DATA_TYPES[str(data_type)])
        if kind is None:
            return Condition(str(reference), str(operator), None, path)  # check says what is wrong with the name
        return self.condition(str(reference), kind, OPERATORS, predicate, path)


# --- writing -------------------------------------------------------------------------------------------------------

_SPELLED = spelled(OPERATORS)

DATA_TYPE = {
    Kind.TEXT: "string",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.LIST: "multiselect",
    Kind.OPAQUE: "address",
}


def write(rule: Rule | None, schema: Schema) -> dict[str, Json]:
    """The criteria for a rule that came from elsewhere. What the dialect cannot say becomes one predicate that carries
    the rule itself, which `read` takes back unchanged."""
    if rule is None:
        return _native({"any": []})
    try:
        grouped = rule if isinstance(rule, All | Any) else All((rule,))
        return _group(grouped, schema)
    except NotSayable:
        return _native(write_node(rule))


def _native(node: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": "and",
        "predicates": [{"property": NATIVE, "operator": "is", "value": node, "dataType": "object"}],
    }


def _group(rule: All | Any, schema: Schema) -> dict[str, Json]:
    if not rule.rules:
        raise NotSayable
    joiner = "and" if isinstance(rule, All) else "or"
    return {"type": joiner, "predicates": [_predicate(part, schema) for part in rule.rules]}


def _predicate(rule: Rule, schema: Schema) -> dict[str, Json]:
    match rule:
        case All() | Any():
            return _group(rule, schema)
        case Condition():
            return _condition(rule, False, schema)
        case Not(Condition() as condition):
            return _condition(condition, True, schema)
    raise NotSayable


def _condition(condition: Condition, denied: bool, schema: Schema) -> dict[str, Json]:
    known = schema.get(condition.property)
    wire = _SPELLED[known.kind].get((condition.operator, denied)) if known else None
    if known is None or wire is None:
        raise NotSayable
    value = "" if condition.operator == "is_known" else thawed(condition.value)
    return {
        "property": condition.property,
        "operator": wire,
        "value": value,
        "dataType": DATA_TYPE[known.kind],
    }


def write_segment(shown: Shown) -> dict[str, Json]:
    """One segment as create, get, update and list show it."""
    return {
        "_id": shown.id,
        "workspaceId": shown.workspace,
        "name": shown.name,
        "criteria": shown.document,
        "createdAt": iso(milliseconds(shown.created)),
        "updatedAt": iso(milliseconds(shown.updated)),
    }


def write_one(segment: dict[str, Json], warnings: Sequence[str] = ()) -> dict[str, Json]:
    return success({"segment": segment}, warnings)


def read_listing(query: Mapping[str, str]) -> Listing:
    """All of them, in order of creation: the list takes no parameters."""
    return Listing()


def write_list(segments: Sequence[dict[str, Json]], count: int, listing: Listing) -> dict[str, Json]:
    return success({"count": count, "segments": list(segments)})


def success(data: dict[str, Json], warnings: Sequence[str] = ()) -> dict[str, Json]:
    return {"status": "success", "data": data, **({"warnings": list(warnings)} if warnings else {})}


def write_error(status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> dict[str, Json]:
    """The documented message, and every problem beside it."""
    body = {"status": "fail" if status == 404 else "error", "message": message}
    return {**body, **({"problems": [problem.as_json() for problem in problems]} if problems else {})}
