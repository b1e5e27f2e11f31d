"""Tiledesk's segments on the wire: https://developer.tiledesk.com, "Segments", and what its server does.

    {"name": "Spain, not free", "match": "all", "filters": [
        {"field": "country", "operator": "=", "value": "ES"},
        {"field": "attributes.plan", "operator": "!=", "value": "free"}]}

becomes All((Condition("country", "is", "ES"), Not(Condition("customProperties.plan", "is", "free")))).
"""

from collections.abc import Mapping, Sequence
from typing import Any as Json

from contacts.schema import Schema
from contacts.values import Kind, iso, kind_of, milliseconds
from segments.dialects import tiledesk_list_queries
from segments.dialects.dialect import Listing, Shown
from segments.dialects.draft import Draft
from segments.dialects.reading import NATIVE, NotSayable, Operators, Reader, spelled
from segments.dialects.tiledesk_fields import field_of, reference
from segments.rules.tree import All, Any, Condition, Not, Rule, limits, thawed, write_node
from workspaces.problems import Problem, listed

NAME = "tiledesk"
UNIQUE_NAMES = False
CREATED = 200

_KNOWN = {"is not null": ("is_known", False), "is null": ("is_known", True)}
_EQUAL = {"=": ("is", False), "!=": ("is", True)}
_ORDER = {
    ">": ("greater_than", False),
    ">=": ("at_least", False),
    "<": ("less_than", False),
    "<=": ("at_most", False),
}

# "<", "<=", "ends with" and "not contains" are ours; "stars with" is how Tiledesk spelled it until November 2023.
OPERATORS: Operators = {
    Kind.TEXT: {
        **_EQUAL,
        **_ORDER,
        "contains": ("contains", False),
        "not contains": ("contains", True),
        "starts with": ("starts_with", False),
        "stars with": ("starts_with", False),
        "ends with": ("ends_with", False),
        **_KNOWN,
    },
    Kind.NUMBER: {**_EQUAL, **_ORDER, **_KNOWN},
    Kind.BOOLEAN: {**_EQUAL, **_KNOWN},
    Kind.LIST: {
        "=": ("includes", False),
        "!=": ("includes", True),
        "contains": ("includes", False),
        "not contains": ("includes", True),
        **_KNOWN,
    },
    Kind.DATE: {
        "=": ("on", False),
        "!=": ("on", True),
        ">": ("after", False),
        ">=": ("at_or_after", False),
        "<": ("before", False),
        "<=": ("at_or_before", False),
        **_KNOWN,
    },
    Kind.OPAQUE: _KNOWN,
}

_MATCHES: dict[str, type[All] | type[Any]] = {"all": All, "any": Any}


def read_segment(body: Json, schema: Schema, current: Json = None) -> Draft:
    """A create, or with the `current` {match, filters} an update of what is named and not null."""
    if not isinstance(body, dict):
        return Draft(problems=[Problem("", "give an object with name, match and filters")])
    reader = _Reader(schema)
    draft = Draft(name=reader.name(body, current is not None), like_builtins=True)
    given = _given(body)
    if current is None or given:
        sent = {**(current or {"match": "all", "filters": []}), **given}
        draft.rule, draft.rule_given = reader.filters(sent["match"], sent["filters"]), True
        draft.dialect, draft.document = NAME, {"match": str(sent["match"]).lower(), "filters": sent["filters"]}
        reader.problems = reader.problems or limits(draft.rule, "filters")
    draft.declares, draft.problems = reader.declares, reader.problems
    return draft


def _given(body: Mapping[str, Json]) -> dict[str, Json]:
    """Of match and filters what is there; a null match is none, but null filters are a mistake."""
    match = {"match": body["match"]} if body.get("match") is not None else {}
    return {**match, **({"filters": body["filters"]} if "filters" in body else {})}


class _Reader(Reader):
    def name(self, body: Mapping[str, Json], partial: bool) -> str | None:
        name = body.get("name")
        if name is None and partial:
            return None
        if isinstance(name, int | float):  # as the service does: 12 is "12", true is "true"
            return str(name).lower()
        if not isinstance(name, str):
            self.problem("name", "give the segment a name, as a text")
            return None
        return name

    def filters(self, match: Json, filters: Json) -> Rule:
        if not isinstance(match, str) or match.lower() not in _MATCHES:
            self.problem("match", f"is {match!r}; use {listed(_MATCHES)}", tuple(_MATCHES))
        if isinstance(filters, dict):
            filters = [filters]
        if not isinstance(filters, list):
            return self.problem("filters", "give a list of filters, each with field, operator and value")
        rules = [self.filter(each, f"filters[{place}]") for place, each in enumerate(filters)]
        if not rules:
            return All(())  # no filters: everyone, also with any
        if len(filters) == 1 and isinstance(filters[0], dict) and filters[0].get("field") == NATIVE:
            return rules[0]
        return _MATCHES.get(str(match).lower(), All)(tuple(rules))

    def filter(self, sent: Json, path: str) -> Rule:
        if not isinstance(sent, dict):
            return self.problem(path, "is not an object with field, operator and value")
        if sent.get("field") == NATIVE:
            return self.native(sent.get("value"), f"{path}.value")
        for key in ("field", "operator"):
            if not isinstance(sent.get(key), str) or not sent[key]:
                return self.problem(f"{path}.{key}", f"give the {key}, as a text")
        named = reference(sent["field"])
        kind = self.kind(named, kind_of(sent.get("value", "")))
        if kind is None:
            return Condition(named, sent["operator"], None, path)  # check says what is wrong with the name
        return self.condition(named, kind, OPERATORS, sent, path)


# --- writing -------------------------------------------------------------------------------------------------------

_SPELLED = spelled(OPERATORS)


def write(rule: Rule | None, schema: Schema) -> dict[str, Json]:
    """{match, filters} for a rule that came from elsewhere. One that filters cannot say becomes a single filter that
    carries the rule itself, which `read` takes back unchanged."""
    if rule is None:
        return _native({"any": []})
    try:
        joined = rule if isinstance(rule, All | Any) else All((rule,))
        if not joined.rules and isinstance(joined, Any):
            raise NotSayable
        match = "all" if isinstance(joined, All) else "any"
        return {"match": match, "filters": [_filter(part, schema) for part in joined.rules]}
    except NotSayable:
        return _native(write_node(rule))


def _native(node: dict[str, Json]) -> dict[str, Json]:
    return {"match": "all", "filters": [{"field": NATIVE, "operator": "=", "value": node}]}


def _filter(rule: Rule, schema: Schema) -> dict[str, Json]:
    denied = isinstance(rule, Not)
    condition = rule.rule if isinstance(rule, Not) else rule
    if not isinstance(condition, Condition):
        raise NotSayable
    known = schema.get(condition.property)
    wire = _SPELLED[known.kind].get((condition.operator, denied)) if known else None
    if wire is None:
        raise NotSayable
    value = "" if condition.operator == "is_known" else thawed(condition.value)
    return {"field": field_of(condition.property), "operator": wire, "value": value}


def write_segment(shown: Shown) -> dict[str, Json]:
    """One segment as every request shows it. Its table calls the id `id`, its service `_id`."""
    return {
        "_id": shown.id,
        "id": shown.id,
        "name": shown.name,
        **shown.document,
        "status": 0 if shown.deleted else 100,
        "id_project": shown.workspace,
        "createdBy": shown.author,
        "createdAt": iso(milliseconds(shown.created)),
        "updatedAt": iso(milliseconds(shown.updated)),
        "__v": 0,
    }


def write_one(segment: dict[str, Json], warnings: Sequence[str] = ()) -> dict[str, Json]:
    return {**segment, **({"warnings": list(warnings)} if warnings else {})}


def read_listing(query: Mapping[str, str]) -> Listing:
    """Raises Invalid."""
    return tiledesk_list_queries.read(query, _SORTS)


_SORTS = {"createdAt": "created_at", "updatedAt": "updated_at", "name": "name", "_id": "id", "id": "id"}


def write_list(segments: Sequence[dict[str, Json]], count: int, listing: Listing) -> dict[str, Json]:
    return {"perPage": listing.limit, "count": count, "segments": list(segments)}


def write_error(status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> dict[str, Json] | str:
    """Bodies as the service writes them, with status codes as its documentation promises; a text is sent bare."""
    if code in _TEXTS:
        return _TEXTS[code]
    if code in _KEYS:
        return {**_KEYS[code][0], _KEYS[code][1]: message}
    body = {"success": False, "msg": _MESSAGES.get(status, message)}
    told = [{**problem.as_json(), "path": problem.path.replace(".property", ".field")} for problem in problems]
    return {**body, **({"problems": told} if told else {})}


_TEXTS = {
    "not_authenticated": "Unauthorized",
    "authentication_failed": "Unauthorized",
    "bad_authorization": "Bad Request",
}
# Where it says its own words, and where under another key than msg.
_KEYS: dict[str, tuple[dict[str, Json], str]] = {
    "no_project": ({}, "error"),
    "no_segment": ({"success": False}, "msg"),
    "no_lead": ({"success": False}, "error"),
    "no_tag": ({"success": False}, "message"),
}
_MESSAGES = {400: "Error updating object.", 404: "Object not found."}
