"""Swipe One's requests, with the examples of its documentation: https://docs.swipeone.com."""

from typing import Any

from segmenter.openapi.operation import COUNT, TEXT, Answer, Base, Json, Operation, lists, nullable, ref, shape

SWIPE_ONE = Base("Swipe One", ("apiKey",), ref("SwipeOneError"))

_IN_TRIAL = {
    "property": "customProperties.subscriptionStatus",
    "operator": "is",
    "value": "in_trial",
    "dataType": "string",
}
_FEMALE = {"property": "gender", "operator": "is", "value": "Female", "dataType": "string"}
_ACTIVE = {**_IN_TRIAL, "value": "active"}
_CREATE = {
    "name": "Subscription Status in trial and Gender is Female",
    "criteria": {"type": "and", "predicates": [_IN_TRIAL, _FEMALE]},
}
_UPDATE = {"name": "Updated Segment Name", "criteria": {"type": "and", "predicates": [_ACTIVE]}}
_TIMES = {"createdAt": "2024-07-03T06:32:49.145Z", "updatedAt": "2024-07-03T06:32:49.145Z"}


def success(name: str, data: Json, description: str, example: Any = None, **more: Json) -> Answer:
    """{"status": "success", "data": {name: ...}} with whatever else stands in data."""
    schema = shape({"status": {"const": "success"}, "data": shape({name: data, **more})}, warnings=lists(TEXT))
    return Answer(description, schema, example and {"status": "success", "data": example})


def _segment(sent: dict[str, Json], description: str) -> Answer:
    ids = {"_id": "6684f0911504d49e7c00312e", "workspaceId": "6660175570fbd8a9c22bedfb"}
    return success("segment", ref("Segment"), description, {"segment": {**ids, **sent, **_TIMES}})


_CURSOR = nullable({**TEXT, "description": "Opaque; null on an empty page."})
LIMIT = {"type": "integer", "minimum": 1, "description": "Contacts on a page, 1 to 100; 10 if left out."}
AFTER = {**TEXT, "description": "A cursor: the page behind it."}
BEFORE = {**TEXT, "description": "A cursor: the page in front of it."}

OPERATIONS: dict[str, Operation] = {
    "POST /api/workspaces/{workspace_id}/segments": Operation(
        SWIPE_ONE,
        "Create a segment",
        {201: _segment(_CREATE, "The segment. `warnings` where it names a property that nobody has yet.")},
        body=shape({"name": TEXT, "criteria": ref("Criteria")}),
        examples={"documented": _CREATE},
    ),
    "GET /api/workspaces/{workspace_id}/segments": Operation(
        SWIPE_ONE,
        "Retrieve all segments",
        {200: success("segments", lists(ref("Segment")), "All segments.", count=COUNT)},
    ),
    "GET /api/segments/{segment_id}": Operation(
        SWIPE_ONE, "Retrieve a segment", {200: _segment({**_UPDATE, "name": "Subscribed Users"}, "The segment.")}
    ),
    "PATCH /api/segments/{segment_id}": Operation(
        SWIPE_ONE,
        "Update a segment",
        {200: _segment(_UPDATE, "The segment as it is now.")},
        description="Only what is named changes; criteria are replaced whole.",
        body=shape({}, name=TEXT, criteria=ref("Criteria")),
        examples={"documented": _UPDATE},
    ),
    "GET /api/segments/{segment_id}/contacts": Operation(
        SWIPE_ONE,
        "Retrieve the contacts of a segment",
        {
            200: success(
                "contacts",
                lists(ref("Contact")),
                "A page in order of creation; `count` is the exact number of all.",
                count=COUNT,
                searchAfter=_CURSOR,
                searchBefore=_CURSOR,
            )
        },
        query={"limit": LIMIT, "searchAfter": AFTER, "searchBefore": BEFORE},
    ),
    "POST /api/workspaces/{workspace_id}/contacts": Operation(
        SWIPE_ONE,
        "Create or update a contact",
        {
            200: success("contact", ref("Contact"), "The contact, which was there."),
            201: success("contact", ref("Contact"), "The contact, which is new."),
        },
        description="Found by externalId, else by e-mail.",
        body=ref("ContactChange"),
        examples={"somebody": {"email": "john@example.com", "fullName": "John Doe", "subscriptionStatus": "active"}},
    ),
}
