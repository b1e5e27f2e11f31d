"""Tiledesk's requests: https://developer.tiledesk.com. They also work below /v2, /v1 and without a version."""

from segmenter.openapi.operation import ANYTHING, COUNT, TEXT, Answer, Base, Json, Operation, lists, ref, shape

TILEDESK = Base("Tiledesk", ("basic", "token"), ref("TiledeskError"), errors=(400, 401, 403), texts=frozenset({401}))

_EXAMPLE = {"name": "segment1", "filters": [{"field": "field1", "operator": "=", "value": "value1"}]}
_BODY = {"match": {"enum": ["all", "any"]}, "filters": lists(ref("TiledeskFilter"))}
_SEGMENT = Answer("The segment.", ref("TiledeskSegment"))


def page_of(name: str, schema: Json) -> Answer:
    described = shape({"perPage": COUNT, "count": COUNT, name: lists(schema)})
    return Answer(f"A page of {name}, and how many there are in all.", described)


LISTING: dict[str, Json] = {
    "limit": {"type": "integer", "minimum": 0, "description": "40 if left out."},
    "page": {"type": "integer", "minimum": 0, "description": "From 0."},
    "sort": {**TEXT, "description": "A field, createdAt if left out; sortField is the same."},
    "direction": {"enum": ["1", "-1", "asc", "desc"], "description": "Descending if left out."},
}

OPERATIONS: dict[str, Operation] = {
    "POST /v3/auth/signin": Operation(
        TILEDESK,
        "Sign in",
        {
            200: Answer("The token goes into the header Authorization as it is.", ref("SignIn")),
            401: Answer("A wrong e-mail address or password.", ref("TiledeskError")),
            422: Answer("A field is missing or malformed.", ref("FormErrors")),
        },
        body=shape({"email": TEXT, "password": TEXT}),
        is_open=True,
    ),
    "GET /v3/{workspace_id}/segments": Operation(
        TILEDESK, "List segments", {200: page_of("segments", ref("TiledeskSegment"))}, query=LISTING
    ),
    "POST /v3/{workspace_id}/segments": Operation(
        TILEDESK,
        "Create a segment",
        {200: _SEGMENT},
        description="Without filters it is everyone.",
        body=shape({"name": ANYTHING}, **_BODY),
        examples={"documented": _EXAMPLE},
    ),
    "GET /v3/{workspace_id}/segments/{segment_id}": Operation(TILEDESK, "Get a segment", {200: _SEGMENT}),
    "PUT /v3/{workspace_id}/segments/{segment_id}": Operation(
        TILEDESK,
        "Update a segment",
        {200: _SEGMENT},
        description="Changes what it names.",
        body=shape({}, name=ANYTHING, **_BODY),
        examples={"documented": _EXAMPLE},
    ),
    "DELETE /v3/{workspace_id}/segments/{segment_id}": Operation(
        TILEDESK,
        "Delete a segment",
        {200: _SEGMENT},
        description="It is put away, unless another needs it.",
        errors=(409,),
    ),
}
