"""Put the tables of operations together into one OpenAPI document, through drf-spectacular."""

import re
from collections.abc import Callable
from typing import Any

from drf_spectacular.openapi import AutoSchema

from segmenter.openapi import native, schemas, segmenter, swipeone, tiledesk
from segmenter.openapi.operation import Json, Operation, written

OPERATIONS: dict[str, Operation] = {
    **swipeone.OPERATIONS,
    **native.OPERATIONS,
    **segmenter.OPERATIONS,
    **tiledesk.OPERATIONS,
}

Endpoint = tuple[str, str, str, Callable[..., Any]]


class Undocumented(Exception):
    """A route for which no table has a row, or a row for which there is no route."""


def route(method: str, path_regex: str) -> str:
    """How the tables name a request, from the pattern of its address: GET /api/segments/{segment_id}."""
    path = path_regex.replace(r"(?:v[123]/|(?=[0-9a-f]{24}/))", "v3/").replace("(?:v[123]/)?", "v3/")
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", path)
    return f"{method} /{path.replace('^', '').removesuffix('$').removesuffix('/?').strip('/')}"


def with_plain_paths(endpoints: list[Endpoint]) -> list[Endpoint]:
    """A hook of drf-spectacular: addresses as people write them. Raises Undocumented."""
    found = []
    for _path, path_regex, method, callback in endpoints:
        if callback.cls.__module__.startswith("drf_spectacular."):  # type: ignore[attr-defined]
            continue  # the document itself, and the page that shows it
        name = route(method, path_regex)
        if name not in OPERATIONS:
            raise Undocumented(f"{name} is in no table of segmenter/openapi")
        found.append((name.partition(" ")[2], path_regex, method, callback))
    if spare := OPERATIONS.keys() - {f"{method} {path}" for path, _regex, method, _callback in found}:
        raise Undocumented(f"there is no route for {', '.join(sorted(spare))}")
    return found


class TableSchema(AutoSchema):
    """The schema class of every view: what the tables say, and nothing guessed from code."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Json:
        name = f"{method.upper()} {path}"
        return written(name, OPERATIONS[name])


def with_components(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """A hook of drf-spectacular: the schemas that the tables refer to, and how callers say who they are."""
    result["components"] = {"schemas": schemas.SCHEMAS, "securitySchemes": _SECURITY}
    return result


_SECURITY = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A key of one workspace; made in the admin or by manage.py create_api_key.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "E-mail address and password of a member."},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The token of a sign-in as it is: JWT eyJ...",
    },
}
