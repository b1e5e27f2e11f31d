"""The shapes of what the API takes and gives, by name."""

from segmenter.openapi.operation import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    MOMENT,
    NUMBER,
    OBJECT,
    TEXT,
    Json,
    lists,
    nullable,
    ref,
    shape,
)

_NULLABLE_TEXT = nullable(TEXT)

SCHEMAS: dict[str, Json] = {
    "Problem": shape({"path": TEXT, "message": TEXT}, allowed=lists(TEXT)),
    # Swipe One, and our own
    "SwipeOneError": shape(
        {"status": {"enum": ["error", "fail"]}, "message": TEXT},
        problems=lists(ref("Problem")),
        segments=lists(OBJECT),
        values=OBJECT,
    ),
    "Predicate": {
        "description": "A condition, or a group of its own with type and predicates. A rule that conditions cannot say"
        " is one on the property segmenter.rule, whose value is the rule in its stored form.",
        "type": "object",
        "properties": {
            "property": TEXT,
            "operator": TEXT,
            "value": ANYTHING,
            "dataType": TEXT,
            "type": TEXT,
            "predicates": lists(ref("Predicate")),
        },
    },
    "Criteria": shape({"type": {"enum": ["and", "or"]}, "predicates": {**lists(ref("Predicate")), "minItems": 1}}),
    "Segment": shape(
        {
            "_id": ID,
            "workspaceId": ID,
            "name": TEXT,
            "criteria": ref("Criteria"),
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
        }
    ),
    "Contact": shape(
        {
            "_id": ID,
            "name": _NULLABLE_TEXT,
            "email": _NULLABLE_TEXT,
            "firstName": _NULLABLE_TEXT,
            "lastName": _NULLABLE_TEXT,
            "fullName": _NULLABLE_TEXT,
            "phone": _NULLABLE_TEXT,
            "externalId": _NULLABLE_TEXT,
            "tags": lists(TEXT),
            "customProperties": OBJECT,
            "substitutionTags": OBJECT,
            "workspaceId": ID,
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
        }
    ),
    "ContactChange": {
        "description": "Built-in properties by their names; custom ones flat or under customProperties. What is not"
        " named stays as it is, null takes a value away.",
        "type": "object",
        "properties": {
            "email": _NULLABLE_TEXT,
            "externalId": _NULLABLE_TEXT,
            "firstName": _NULLABLE_TEXT,
            "lastName": _NULLABLE_TEXT,
            "fullName": _NULLABLE_TEXT,
            "phone": ANYTHING,
            "tags": lists(TEXT),
            "customProperties": OBJECT,
            "substitutionTags": OBJECT,
        },
    },
    "Rule": {
        "description": 'A node of a rule in its stored form: {"property", "operator", "value"}, {"all": [...]},'
        ' {"any": [...]}, {"not": ...} or {"segment": id}.',
        "type": "object",
    },
    "Explanation": shape(
        {
            "contactId": ID,
            "segment": nullable(ID),
            "name": TEXT,
            "in": FLAG,
            "why": TEXT,
            "changes": lists(ANYTHING),
            "rule": nullable(OBJECT),
            "pin": nullable(OBJECT),
        }
    ),
    "Tag": shape(
        {"_id": ID, "label": TEXT, "name": TEXT, "workspaceId": ID, "color": TEXT, "createdAt": MOMENT},
        contactCount=COUNT,
    ),
    "ContactProperty": shape(
        {
            "_id": ID,
            "label": TEXT,
            "name": TEXT,
            "dataType": TEXT,
            "fieldType": TEXT,
            "options": lists(OBJECT),
            "workspaceId": ID,
            "createdBy": shape({"type": {"enum": ["system", "user"]}}),
        }
    ),
    "Property": shape({"property": TEXT, "name": TEXT, "label": TEXT, "type": TEXT, "options": lists(ANYTHING)}),
    "PropertyFigures": shape(
        {
            "property": TEXT,
            "name": TEXT,
            "label": TEXT,
            "type": TEXT,
            "operators": lists(TEXT),
            "options": lists(ANYTHING),
            "known": nullable(COUNT),
            "missing": nullable(COUNT),
            "fillRate": nullable(NUMBER),
            "misfits": nullable(COUNT),
            "distinct": nullable(COUNT),
            "lowest": ANYTHING,
            "highest": ANYTHING,
            "values": lists(shape({"value": ANYTHING, "count": COUNT})),
            "asOf": nullable(MOMENT),
        }
    ),
    "Preview": shape(
        {
            "sentence": TEXT,
            "count": COUNT,
            "people": COUNT,
            "share": NUMBER,
            "asOf": MOMENT,
            "sample": lists(ref("Contact")),
            "funnel": lists(shape({"sentence": TEXT, "alone": COUNT, "together": COUNT})),
            "properties": lists(OBJECT),
            "change": nullable(OBJECT),
        }
    ),
    "HistoryDay": shape({"day": {**TEXT, "format": "date"}, "count": COUNT, "entered": COUNT, "left": COUNT}),
    "Pair": shape({"ids": lists(ID), "both": COUNT, "onlyFirst": COUNT, "onlySecond": COUNT}),
    "Pin": shape(
        {
            "contactId": ID,
            "name": _NULLABLE_TEXT,
            "email": _NULLABLE_TEXT,
            "kind": {"enum": ["included", "excluded"]},
            "reason": TEXT,
            "author": TEXT,
            "createdAt": MOMENT,
            "expiresAt": nullable(MOMENT),
            "inForce": FLAG,
        }
    ),
    "SegmentVersion": shape(
        {
            "number": COUNT,
            "name": TEXT,
            "description": TEXT,
            "rule": nullable(ref("Rule")),
            "savedAt": MOMENT,
            "savedBy": TEXT,
            "source": {"enum": ["admin", "api", "swipeone", "tiledesk", "segmenter", "command", "earlier"]},
            "changes": {**lists(TEXT), "description": "What it changed of the version before it, in words."},
        }
    ),
    "BulkResult": shape(
        {
            "index": COUNT,
            "status": {"enum": ["created", "updated", "unchanged", "error"]},
            "_id": nullable(ID),
            "problems": lists(ref("Problem")),
        }
    ),
    "Import": shape(
        {
            "_id": ID,
            "workspaceId": ID,
            "state": TEXT,
            "fileName": TEXT,
            "size": COUNT,
            "options": OBJECT,
            "dryRun": FLAG,
            "columns": lists(ANYTHING),
            "remarks": lists(ANYTHING),
            "problems": lists(ANYTHING),
            "checkedRows": COUNT,
            "rows": nullable(COUNT),
            "doneRows": COUNT,
            **dict.fromkeys(("created", "updated", "unchanged", "duplicates", "rejected"), COUNT),
            "rowsPerSecond": nullable(COUNT),
            "secondsLeft": nullable(COUNT),
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "endedAt": nullable(MOMENT),
        }
    ),
    # Segmenter
    "SegmenterError": shape({"statusCode": COUNT, "message": TEXT}, error=TEXT),
    # Tiledesk
    "TiledeskError": {
        "anyOf": [
            shape({"success": {"const": False}, "msg": TEXT}, problems=lists(ref("Problem"))),
            shape({"error": TEXT}),
            shape({"success": {"const": False}, "message": TEXT}),
        ]
    },
    "TiledeskFilter": {
        "type": "object",
        "properties": {"field": TEXT, "operator": TEXT, "value": ANYTHING},
        "required": ["field", "operator"],
    },
    "TiledeskSegment": shape(
        {
            "_id": ID,
            "id": ID,
            "name": TEXT,
            "match": {"enum": ["all", "any"]},
            "filters": lists(ref("TiledeskFilter")),
            "status": {"enum": [0, 100]},
            "id_project": ID,
            "createdBy": TEXT,
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "__v": COUNT,
        },
        warnings=lists(TEXT),
    ),
    "Lead": shape(
        {
            "_id": ID,
            "id": ID,
            **dict.fromkeys(("lead_id", "fullname", "email", "phone"), _NULLABLE_TEXT),
            **dict.fromkeys(("company", "note", "streetAddress", "city", "region", "zipcode", "country"), ANYTHING),
            "tags": lists(TEXT),
            "attributes": OBJECT,
            "properties": OBJECT,
            "status": {"enum": [50, 100, 1000]},
            "id_project": ID,
            "createdBy": TEXT,
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "__v": COUNT,
        }
    ),
    "LeadChange": {
        "description": "What is not named stays as it is, null takes a value away.",
        "type": "object",
        "properties": {
            **dict.fromkeys(("fullname", "email", "phone"), _NULLABLE_TEXT),
            **dict.fromkeys(
                ("company", "note", "streetAddress", "city", "region", "zipcode", "country"), _NULLABLE_TEXT
            ),
            "tags": lists(TEXT),
            "attributes": OBJECT,
            "status": {"enum": [50, 100, 1000]},
        },
    },
    "Project": shape(
        {
            "_id": ID,
            "id": ID,
            "name": TEXT,
            "status": {"const": 100},
            "createdBy": TEXT,
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "__v": COUNT,
        }
    ),
    "Membership": shape({"_id": ID, "id_project": ref("Project"), "id_user": ID, "role": TEXT, "status": TEXT}),
    "SignIn": shape({"success": {"const": True}, "token": TEXT, "user": OBJECT}),
    "FormErrors": shape({"errors": lists(shape({"msg": TEXT, "param": TEXT, "location": TEXT}))}),
}
