"""Tiledesk's requests: https://developer.tiledesk.com. They also work below /v2, /v1 and without a version."""

from segmenter.openapi.operation import ANYTHING, COUNT, OBJECT, TEXT, Answer, Base, Json, Operation, lists, ref, shape

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

_LEADS: dict[str, Json] = {
    **LISTING,
    "segment": {**TEXT, "description": "The id of a segment whose people they are."},
    "full_text": {**TEXT, "description": "Whole words, all of which the name and the e-mail address have."},
    "email": {**TEXT, "description": "The whole address."},
    "tags": {**TEXT, "description": "A tag that they have; given several times, all of them."},
    "with_email": {**TEXT, "description": "Anything: those with an e-mail address."},
    "with_fullname": {**TEXT, "description": "Anything: those with a name."},
    "status": {"enum": ["50", "100", "1000"], "description": "Temporary, active (if left out), in the trash."},
}
_LEAD = Answer("The lead.", ref("Lead"))
_PROJECT = "/v3/{workspace_id}"


def _merging(what: str) -> Operation:
    merged = {"documented": {"plan": "pro"}}
    return Operation(TILEDESK, f"Merge {what} into a lead's", {200: _LEAD}, body=OBJECT, examples=merged)


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
    "POST /v3/auth/signup": Operation(
        TILEDESK,
        "Sign up",
        {
            200: Answer(
                "The account, which belongs to no project yet.", shape({"success": {"const": True}, "msg": TEXT})
            ),
            403: Answer("Sign-up is closed, or the address has an account.", ref("TiledeskError")),
            422: Answer("A field is missing or malformed.", ref("FormErrors")),
        },
        description="Where SEGMENTER_SIGN_UP opens it.",
        body=shape({"email": TEXT, "password": TEXT, "firstname": TEXT, "lastname": TEXT}),
        is_open=True,
    ),
    "GET /v3/projects": Operation(
        TILEDESK, "List the caller's projects", {200: Answer("All memberships.", lists(ref("Membership")))}
    ),
    "GET /v3/projects/{workspace_id}": Operation(
        TILEDESK, "Get a project", {200: Answer("The project.", ref("Project"))}
    ),
    f"GET {_PROJECT}/leads": Operation(TILEDESK, "List leads", {200: page_of("leads", ref("Lead"))}, query=_LEADS),
    f"GET {_PROJECT}/leads/csv": Operation(
        TILEDESK,
        "Leads as a file",
        {200: Answer("Texts in quotes, semicolons between them.", TEXT, media=("text/csv",))},
        query=_LEADS,
        description="All of them unless it is asked for by pages; without a status also the temporary ones.",
    ),
    f"POST {_PROJECT}/leads": Operation(
        TILEDESK,
        "Create or update a lead",
        {200: _LEAD},
        description="One whose lead_id is known is brought up to date; without a lead_id one is made up.",
        body={"allOf": [shape({}, lead_id=TEXT), ref("LeadChange")]},
        examples={"documented": {"lead_id": "L-1", "fullname": "Andrea Leo", "email": "andrea@example.com"}},
    ),
    f"GET {_PROJECT}/leads/{{lead_id}}": Operation(TILEDESK, "Get a lead", {200: _LEAD}),
    f"PUT {_PROJECT}/leads/{{lead_id}}": Operation(
        TILEDESK,
        "Update a lead",
        {200: _LEAD},
        description="Changes what it names; attributes are replaced as a whole.",
        body=ref("LeadChange"),
        examples={"documented": {"fullname": "Andrea Leo", "note": "called back"}},
    ),
    f"DELETE {_PROJECT}/leads/{{lead_id}}": Operation(TILEDESK, "Put a lead into the trash", {200: _LEAD}),
    f"DELETE {_PROJECT}/leads/{{lead_id}}/physical": Operation(
        TILEDESK, "Erase a lead", {200: _LEAD}, description="For good; for owners only."
    ),
    f"PUT {_PROJECT}/leads/{{lead_id}}/tag": Operation(
        TILEDESK, "Tag a lead", {200: _LEAD}, body=lists(TEXT), examples={"documented": ["tag1", "tag2"]}
    ),
    f"DELETE {_PROJECT}/leads/{{lead_id}}/tag/{{tag}}": Operation(TILEDESK, "Take a tag off a lead", {200: _LEAD}),
    f"PATCH {_PROJECT}/leads/{{lead_id}}/attributes": _merging("attributes"),
    f"PATCH {_PROJECT}/leads/{{lead_id}}/properties": _merging("properties"),
    f"POST {_PROJECT}/leads/{{lead_id}}/properties": _merging("properties"),
}
