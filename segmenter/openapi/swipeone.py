"""Swipe One's requests, with the examples of its documentation: https://docs.swipeone.com."""

from typing import Any

from segmenter.openapi.operation import (
    ANYTHING,
    COUNT,
    OBJECT,
    TEXT,
    Answer,
    Base,
    Json,
    Operation,
    lists,
    nullable,
    ref,
    shape,
)

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


CURSOR = nullable({**TEXT, "description": "Opaque; null on an empty page."})
LIMIT = {"type": "integer", "minimum": 1, "description": "Contacts on a page, 1 to 100; 10 if left out."}
AFTER = {**TEXT, "description": "A cursor: the page behind it."}
BEFORE = {**TEXT, "description": "A cursor: the page in front of it."}

SORT = {**TEXT, "description": "A property of a type that has an order; whoever has no value comes last."}
ORDER = {"enum": ["1", "-1"], "description": "Up or down; without sort by the time of creation."}
_WALK = {"sort": SORT, "order": ORDER, "searchAfter": AFTER, "searchBefore": BEFORE}
_PAGE = success(
    "contacts",
    lists(ref("Contact")),
    "A page in order of creation unless sorted; `count` is the exact number of all.",
    count=COUNT,
    searchAfter=CURSOR,
    searchBefore=CURSOR,
)
_LIMIT_20 = {**LIMIT, "description": "Contacts on a page, 1 to 100; 20 if left out."}
_CONTACT = {200: success("contact", ref("Contact"), "The contact.")}
_TAG = {200: success("tag", ref("Tag"), "The tag.")}
_PROPERTY = success("contactProperty", ref("ContactProperty"), "The property.")
_VIP = {"label": "VIP", "color": "#FF5733"}

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
        {200: _PAGE},
        query={"limit": LIMIT, **_WALK},
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
    "GET /api/workspaces/{workspace_id}/contacts": Operation(
        SWIPE_ONE,
        "Retrieve all contacts, or those whom some words describe",
        {200: _PAGE},
        query={
            "searchText": {
                **TEXT,
                "description": "Each word must be in the name, e-mail address, phone number or external id.",
            },
            "limit": _LIMIT_20,
            **_WALK,
        },
    ),
    "POST /api/workspaces/{workspace_id}/contacts/search": Operation(
        SWIPE_ONE,
        "Search contacts",
        {200: _PAGE},
        description="A key that may only read is enough. Without a filter, or without predicates, it is everybody.",
        body=shape(
            {},
            filter=nullable(OBJECT),
            limit=ANYTHING,
            sort=nullable(lists(shape({"property": TEXT}, order={"enum": ["asc", "desc", "dsc"]}))),
            searchAfter=nullable(TEXT),
            searchBefore=nullable(TEXT),
        ),
        examples={
            "women by e-mail": {
                "filter": {"type": "and", "predicates": [_FEMALE]},
                "sort": [{"property": "email", "order": "asc"}],
                "limit": 20,
            }
        },
    ),
    "GET /api/contacts/{contact}": Operation(SWIPE_ONE, "Retrieve a contact", _CONTACT),
    "PUT /api/contacts/{contact}/status": Operation(
        SWIPE_ONE,
        "Set the status of a contact",
        _CONTACT,
        body=shape({"status": nullable(TEXT)}),
        examples={"lead": {"status": "lead"}},
    ),
    "POST /api/contacts/{contact}/tags": Operation(
        SWIPE_ONE,
        "Replace the tags of a contact",
        _CONTACT,
        description="Tags by label or name, or as objects with a label and the colour of a new one.",
        body=shape({"tags": lists(ANYTHING)}),
        examples={"one": {"tags": ["VIP", {"label": "Beta", "color": "sky"}]}},
    ),
    "GET /api/workspaces/{workspace_id}/statuses": Operation(
        SWIPE_ONE,
        "Retrieve the statuses that contacts have",
        {
            200: success(
                "statuses",
                lists(shape({"name": TEXT, "label": TEXT, "contactCount": COUNT})),
                "The most frequent one first.",
                count=COUNT,
            )
        },
    ),
    "GET /api/workspaces/{workspace_id}/tags": Operation(
        SWIPE_ONE,
        "Retrieve all tags",
        {200: success("tags", lists(ref("Tag")), "All tags, with how many contacts carry each.", count=COUNT)},
    ),
    "POST /api/workspaces/{workspace_id}/tags": Operation(
        SWIPE_ONE,
        "Create a tag",
        {201: success("tag", ref("Tag"), "The tag.")},
        body=shape({"label": TEXT}, color=nullable(TEXT)),
        examples={"documented": _VIP},
    ),
    "GET /api/tags/{tag_id}": Operation(SWIPE_ONE, "Retrieve a tag", _TAG),
    "PATCH /api/tags/{tag_id}": Operation(
        SWIPE_ONE,
        "Update a tag",
        _TAG,
        description="Another label is written on every contact that carries it and in every rule that names it, so"
        " that everybody stays in the segments that they are in. 409 where a segment names the new label already.",
        body=shape({}, label=TEXT, color=nullable(TEXT)),
        examples={"colour": {"color": "sky"}},
        errors=(409,),
    ),
    "GET /api/tags/{tag_id}/contacts": Operation(
        SWIPE_ONE,
        "Retrieve the contacts of a tag",
        {200: _PAGE},
        query={"limit": _LIMIT_20, **_WALK},
    ),
    "GET /api/workspaces/{workspace_id}/contact-properties": Operation(
        SWIPE_ONE,
        "Retrieve all contact properties",
        {200: success("contactProperties", lists(ref("ContactProperty")), "Built-in ones first.", count=COUNT)},
    ),
    "POST /api/workspaces/{workspace_id}/contact-properties": Operation(
        SWIPE_ONE,
        "Create a contact property",
        {201: _PROPERTY},
        description="By fieldType, or where that says no more than text by dataType.",
        body=shape({"label": TEXT}, name=TEXT, fieldType=TEXT, dataType=TEXT, options=lists(ANYTHING)),
        examples={"choice": {"label": "Size", "fieldType": "select", "options": [{"label": "S", "color": "sky"}]}},
    ),
    "GET /api/contact-properties/{property_id}": Operation(SWIPE_ONE, "Retrieve a contact property", {200: _PROPERTY}),
}
