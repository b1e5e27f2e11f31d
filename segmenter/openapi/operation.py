"""One request of the API as its documentation describes it, and how that is written in OpenAPI."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
JSON_BODY = "application/json"
REASONS = {
    400: "Something in the request is wrong; every problem is named.",
    401: "No valid credentials.",
    403: "The credentials do not allow this.",
    404: "There is no such thing, or it belongs to somebody else.",
    409: "The state of things does not allow it.",
    413: "The body is larger than allowed.",
    415: "The body is of a type that is not taken here.",
    422: "A field of the form is missing or malformed.",
    429: "Too many requests; Retry-After says how many seconds to wait.",
    500: "Something went wrong on our side.",
    503: "Many contacts are being taken in just now; Retry-After says how many seconds to wait.",
}
_ALWAYS = (429, 500, 503)


def ref(name: str) -> Json:
    """A schema that SCHEMAS has."""
    return {"$ref": f"#/components/schemas/{name}"}


def lists(items: Json) -> Json:
    return {"type": "array", "items": items}


def shape(required: Mapping[str, Json], /, **optional: Json) -> Json:
    """An object; it may hold further keys."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
ANYTHING: Json = {}
OBJECT: Json = {"type": "object"}
ID: Json = {"type": "string", "pattern": "^[0-9a-f]{24}$", "example": "6684f0911504d49e7c00312e"}
MOMENT: Json = {"type": "string", "format": "date-time", "example": "2024-07-03T06:32:49.145Z"}


@dataclass(frozen=True)
class Base:
    """What all requests of one dialect share."""

    name: str  # the heading they stand under
    security: tuple[str, ...]  # any of these schemes
    error: Json  # the schema of its errors
    errors: tuple[int, ...] = (401, 403)
    texts: frozenset[int] = frozenset()  # statuses whose body is a bare text


@dataclass(frozen=True)
class Answer:
    description: str
    schema: Json = None  # None: no body
    example: Json = None
    media: tuple[str, ...] = (JSON_BODY,)
    headers: Mapping[str, str] = field(default_factory=dict)  # name to description
    other: Mapping[str, Json] = field(default_factory=dict)  # schemas of bodies that it may have instead, by media type


@dataclass(frozen=True)
class Operation:
    base: Base
    summary: str
    answers: Mapping[int, Answer]
    body: Json = None
    examples: Mapping[str, Json] = field(default_factory=dict)  # bodies, by name
    query: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, Json] = field(default_factory=dict)
    errors: tuple[int, ...] = ()  # beside those that its parts bring with them
    description: str = ""
    media: tuple[str, ...] = (JSON_BODY,)  # that the body may have
    is_open: bool = False  # for callers without credentials


def written(route: str, operation: Operation) -> Json:
    """An OpenAPI operation; `route` is like GET /api/segments/{segment_id}."""
    method, path = route.split(" ")
    found: Json = {
        "operationId": re.sub(r"[^a-z0-9]+", "_", f"{method} {path}".lower()).strip("_"),
        "summary": operation.summary,
        "tags": [operation.base.name],
        "security": [] if operation.is_open else [{scheme: []} for scheme in operation.base.security],
        "responses": {
            str(status): content
            for status, content in sorted({**_errors(path, operation), **_answers(operation)}.items())
        },
    }
    if operation.description:
        found["description"] = operation.description
    if parameters := [*_path_parameters(path), *_parameters(operation)]:
        found["parameters"] = parameters
    if operation.body is not None:
        content: Json = {"schema": operation.body}
        if operation.examples:
            content["examples"] = {name: {"value": body} for name, body in operation.examples.items()}
        found["requestBody"] = {"required": True, "content": dict.fromkeys(operation.media, content)}
    return found


def _answers(operation: Operation) -> dict[int, Json]:
    return {status: _answer(answer) for status, answer in operation.answers.items()}


def _answer(answer: Answer) -> Json:
    found: Json = {"description": answer.description}
    if answer.headers:
        found["headers"] = {name: {"schema": TEXT, "description": text} for name, text in answer.headers.items()}
    if answer.schema is not None:
        content = {"schema": answer.schema, **({} if answer.example is None else {"example": answer.example})}
        others = {media: {"schema": schema} for media, schema in answer.other.items()}
        found["content"] = {**dict.fromkeys(answer.media, content), **others}
    return found


def _errors(path: str, operation: Operation) -> dict[int, Json]:
    base = operation.base
    statuses = {*_ALWAYS, *operation.errors, *(() if operation.is_open else base.errors)}
    if operation.body is not None:
        statuses |= {400, 413, 415}
    if operation.query:
        statuses.add(400)
    if "{" in path:
        statuses.add(404)
    return {status: _answer(_error(base, status)) for status in statuses}


def _error(base: Base, status: int) -> Answer:
    headers = {"Retry-After": "Seconds to wait."} if status in (429, 503) else {}
    if status in base.texts:
        return Answer(REASONS[status], TEXT, media=("text/plain",), headers=headers)
    return Answer(REASONS[status], base.error, headers=headers)


def _path_parameters(path: str) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": TEXT}


def _parameters(operation: Operation) -> Iterable[Json]:
    for place, named in (("query", operation.query), ("header", operation.headers)):
        for name, schema in named.items():
            plain = {key: value for key, value in schema.items() if key != "description"}
            yield {"name": name, "in": place, "schema": plain, "description": schema.get("description", "")}
