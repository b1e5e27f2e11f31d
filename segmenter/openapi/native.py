"""The requests that no other service has, in Swipe One's envelope."""

from dataclasses import replace

from segmenter.openapi.operation import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    MOMENT,
    NUMBER,
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
from segmenter.openapi.swipeone import AFTER, BEFORE, CURSOR, LIMIT, success

NATIVE = Base("Segmenter's own", ("apiKey",), ref("SwipeOneError"))

_TYPE: Json = {"enum": ["text", "number", "boolean", "date", "list", "opaque"]}
_BREAKING: Json = {"enum": ["refuse", "delete"]}
_EXPLANATION = success("explanation", ref("Explanation"), "Why this person is in or not.")

_LINES = "application/x-ndjson"
_FILE = {"Content-Disposition": "The name of the file."}
_EXPORT = {200: Answer("One moment, streamed.", TEXT, media=("text/csv", _LINES), headers=_FILE)}
_EXPORTED = {
    "format": {"enum": ["csv", "ndjson"], "description": "csv if left out."},
    "columns": {**TEXT, "description": "Names of properties, commas between them; all that anybody has if left out."},
}
_PREVIEWED = success(
    "people",
    COUNT,
    "How many are in, what they lack, and a few of them as they would read it; with `full` everybody, a line each.",
    coverage=lists(OBJECT),
    unknown=lists(OBJECT),
    samples=lists(OBJECT),
)
_RENDERED = replace(_PREVIEWED, other={_LINES: TEXT})


def _import(description: str) -> Answer:
    return success("import", ref("Import"), description)


_START = Operation(
    NATIVE, "", {202: _import("A worker takes it in, from where it was left.")}, errors=(400, 409, 413, 415)
)
_TOTALS = dict.fromkeys(("count", "created", "updated", "unchanged", "error"), COUNT)
_PIN = Operation(
    NATIVE,
    "Pin people",
    {
        200: success(
            "added", COUNT, "How many are pinned now who were not, or not like this.", changed=COUNT, unchanged=COUNT
        )
    },
    description="The same again changes nothing; an unknown contact refuses all of it.",
    body=shape(
        {"contactIds": lists(TEXT)},
        kind={"enum": ["included", "excluded"]},
        reason=TEXT,
        expiresAt=nullable({**TEXT, "description": "A day or a time."}),
    ),
    examples={"two": {"contactIds": ["000000000000000000000007"], "kind": "included", "reason": "beta tester"}},
)

OPERATIONS: dict[str, Operation] = {
    "GET /api/contacts/{contact}/data": Operation(
        NATIVE,
        "Retrieve all that is kept of one person",
        {200: success("contact", OBJECT, "At one moment.", pins=lists(OBJECT), segments=lists(OBJECT))},
    ),
    "DELETE /api/contacts/{contact}": Operation(
        NATIVE,
        "Erase one person everywhere",
        dict.fromkeys(
            (200, 202),
            success(
                "contactId",
                TEXT,
                "How many rows of what were erased; 202 where something is still to do.",
                erased=OBJECT,
                namedIn=lists(TEXT),
                stillToDo=lists(TEXT),
                dryRun=FLAG,
            ),
        ),
        query={"dryRun": {"enum": ["true", "false"]}},
    ),
    "GET /api/segments/{segment_id}/explain/{contact}": Operation(
        NATIVE, "Explain why somebody is in a segment or not", {200: _EXPLANATION}
    ),
    "POST /api/workspaces/{workspace_id}/segments/explain": Operation(
        NATIVE,
        "Explain the same for a rule that nobody has saved",
        {200: _EXPLANATION},
        description="A key that may only read is enough. Give one of criteria and rule.",
        body=shape({"contactId": TEXT}, criteria=ref("Criteria"), rule=ref("Rule")),
    ),
    "POST /api/workspaces/{workspace_id}/segments/preview": Operation(
        NATIVE,
        "Show what a rule that nobody has saved would do",
        {200: success("preview", ref("Preview"), "All at one moment.")},
        description="A key that may only read is enough. Give one of criteria and rule. With segmentId it is counted"
        " as if it were that segment's rule, with its pins, and `change` says whom saving would add and remove.",
        body=shape(
            {}, criteria=ref("Criteria"), rule=ref("Rule"), segmentId=nullable(TEXT), properties=nullable(lists(TEXT))
        ),
        examples={
            "with values": {
                "rule": {"not": {"property": "email", "operator": "is_known"}},
                "properties": ["country", "createdAt"],
            }
        },
    ),
    "DELETE /api/segments/{segment_id}": Operation(
        NATIVE,
        "Delete a segment",
        {200: success("segment", ref("Segment"), "The segment that was put away.")},
        description="409 with `segments`, those that need it, where there are any.",
        errors=(409,),
    ),
    "GET /api/segments/{segment_id}/count": Operation(
        NATIVE,
        "Count the people in a segment",
        {
            200: success(
                "count", COUNT, "Exact as of that moment.", segmentId=ID, people=COUNT, share=NUMBER, asOf=MOMENT
            )
        },
        errors=(400,),
    ),
    "GET /api/segments/{segment_id}/history": Operation(
        NATIVE,
        "Retrieve how many people were in a segment from day to day",
        {
            200: success(
                "history",
                lists(ref("HistoryDay")),
                "The oldest first. Of a day that was not recorded there is nothing.",
                segmentId=ID,
                timezone=TEXT,
            )
        },
        description="A day is one of the workspace's time zone. Entered and left are those who were in at its last"
        " count and not at the last one before that day, and the other way round.",
        query={"days": {**COUNT, "description": "Since so many days ago, 1 to 3660; 30 if left out."}},
        errors=(400,),
    ),
    "GET /api/segments/{segment_id}/overlap": Operation(
        NATIVE,
        "Compare segments pair by pair",
        {200: success("segments", lists(OBJECT), "All at one moment.", pairs=lists(ref("Pair")), union=COUNT)},
        query={"with": {**TEXT, "description": "The ids of 1 to 20 other segments, with commas between."}},
    ),
    "GET /api/workspaces/{workspace_id}/properties": Operation(
        NATIVE,
        "Retrieve everything that rules may name, and what contacts have of it",
        {
            200: success(
                "properties", lists(ref("PropertyFigures")), "Built-in ones first, found ones by rank.", count=COUNT
            )
        },
        query={"search": {**TEXT, "description": "A few letters of a name or of a value."}},
    ),
    "POST /api/workspaces/{workspace_id}/properties": Operation(
        NATIVE,
        "Create a property",
        {201: success("property", ref("Property"), "The property.")},
        body=shape({"name": TEXT, "type": _TYPE}, label=TEXT, options=lists(ANYTHING)),
        examples={"tier": {"name": "tier", "type": "text", "label": "Loyalty tier", "options": ["Gold"]}},
        errors=(409,),
    ),
    "PATCH /api/workspaces/{workspace_id}/properties/{property_name}": Operation(
        NATIVE,
        "Change a property",
        {200: success("property", ref("Property"), "What became of it.", values=OBJECT, deletedSegments=lists(OBJECT))},
        description="Another type converts everybody's value. 409 with the `segments` that it would break and the"
        " `values` that do not convert, unless segments is delete and dropRejects is true.",
        body=shape(
            {},
            label=TEXT,
            type=_TYPE,
            addOptions=lists(ANYTHING),
            removeOptions=lists(ANYTHING),
            segments=_BREAKING,
            dropRejects=FLAG,
            dryRun=FLAG,
        ),
        examples={"label": {"label": "Tier"}},
        errors=(409,),
    ),
    "DELETE /api/workspaces/{workspace_id}/properties/{property_name}": Operation(
        NATIVE,
        "Delete a property and everybody's value of it",
        {200: success("holders", COUNT, "How many contacts had one.", deletedSegments=lists(OBJECT))},
        description="Also of a substitution tag, as substitutionTags.x. 409 with the `segments` that use it, unless"
        " segments is delete, or instead names another property for them.",
        query={"instead": TEXT, "segments": _BREAKING, "dryRun": {"enum": ["true", "false"]}},
        errors=(409,),
    ),
    "POST /api/workspaces/{workspace_id}/contacts/bulk": Operation(
        NATIVE,
        "Create or update up to 10,000 contacts",
        {
            200: replace(
                success("results", lists(ref("BulkResult")), "What became of each.", **_TOTALS),
                headers={"Idempotent-Replayed": "true where this answers a request that was done before."},
            )
        },
        description="Each row for itself. With an Idempotency-Key the same request is done once in 24 hours.",
        body={"anyOf": [lists(ref("ContactChange")), shape({"contacts": lists(ref("ContactChange"))})]},
        examples={"two": [{"email": "ana@example.com", "plan": "pro"}, {"externalId": "c-2", "plan": None}]},
        headers={"Idempotency-Key": {**TEXT, "description": "Names the request; up to 255 characters."}},
        errors=(409,),
        media=("application/json", "application/x-ndjson"),
    ),
    "GET /api/segments/{segment_id}/pins": Operation(
        NATIVE,
        "List who is in a segment or kept out of it by hand",
        {
            200: success(
                "pins", lists(ref("Pin")), "A page of pins.", count=COUNT, searchAfter=CURSOR, searchBefore=CURSOR
            )
        },
        query={
            "kind": {"enum": ["included", "excluded"], "description": "Both if left out."},
            "limit": LIMIT,
            "searchAfter": AFTER,
            "searchBefore": BEFORE,
        },
    ),
    "PUT /api/segments/{segment_id}/pins": _PIN,
    "POST /api/segments/{segment_id}/pins": _PIN,
    "DELETE /api/segments/{segment_id}/pins/{contact}": Operation(
        NATIVE, "Let go of a pin", {200: success("contactId", ID, "The rule alone decides again.")}
    ),
    "GET /api/segments/{segment_id}/versions": Operation(
        NATIVE,
        "List what a segment was before, the newest first",
        {
            200: success(
                "versions",
                lists(ref("SegmentVersion")),
                "A page; searchAfter is the number of its last version, null where nothing follows.",
                searchAfter=nullable(COUNT),
            )
        },
        query={
            "limit": {**LIMIT, "description": "1 to 100; 20 if left out."},
            "searchAfter": {**COUNT, "description": "The number of a version; those before it follow."},
        },
    ),
    "POST /api/segments/{segment_id}/versions/{number}/restore": Operation(
        NATIVE,
        "Make a segment again what it was in a version",
        {200: success("segment", ref("Segment"), "The segment; what it is now is its next version.")},
        description="Name, description and rule. 400 where that rule no longer holds or the name is another's now.",
        errors=(400,),
    ),
    "GET /api/segments/{segment_id}/export": Operation(NATIVE, "Export a segment", _EXPORT, query=_EXPORTED),
    "GET /api/workspaces/{workspace_id}/contacts/export": Operation(
        NATIVE, "Export everybody", _EXPORT, query=_EXPORTED
    ),
    "POST /api/workspaces/{workspace_id}/contacts/export": Operation(
        NATIVE,
        "Export whom a rule finds that nobody has saved",
        _EXPORT,
        query=_EXPORTED,
        description="A key that may only read is enough. Give one of criteria and rule.",
        body=shape({}, criteria=ref("Criteria"), rule=ref("Rule")),
    ),
    "POST /api/segments/{segment_id}/render": Operation(
        NATIVE,
        "Fill a message for the people of a segment",
        {200: _RENDERED},
        description="{{tag}}, {{tag|fallback}}, -tag- and %tag% in one pass. Dates are written 12 May 2026 or"
        " 12 May 2026, 14:04 in the workspace's time. A key that may only read is enough.",
        body=shape(
            {},
            template=TEXT,
            templates={"type": "object", "additionalProperties": TEXT},
            html={"anyOf": [FLAG, lists(TEXT)]},
            strict=FLAG,
            limit=COUNT,
            full=FLAG,
        ),
        examples={"one": {"template": "Hello {{firstName|there}}, your code is {{coupon}}."}},
    ),
    "POST /api/workspaces/{workspace_id}/imports": Operation(
        NATIVE,
        "Import a file of contacts",
        {
            202: replace(
                _import("It is kept, and taken in by a worker."), headers={"Location": "Where to ask about it."}
            )
        },
        description="A form with the file and options, or the file itself with options in the query.",
        body=shape(
            {"file": {"type": "string", "format": "binary"}},
            key={**TEXT, "description": "The column that says who is who."},
            mapping={**OBJECT, "description": "Column to property; - leaves it out."},
            policies={**OBJECT, "description": "Column to overwrite, keep or append."},
            dates={**OBJECT, "description": "Column to a form like dd/MM/yyyy."},
            types={**OBJECT, "description": "Column to the type of its new property, if its cells shall not decide."},
            encoding=TEXT,
            delimiter=TEXT,
            format={"enum": ["csv", "ndjson"]},
            dryRun=FLAG,
            start={**FLAG, "description": "false: only keep the file and propose a mapping."},
        ),
        media=("multipart/form-data", "text/csv", _LINES),
    ),
    "GET /api/workspaces/{workspace_id}/imports": Operation(
        NATIVE,
        "List imports, the newest first",
        {200: success("imports", lists(ref("Import")), "A page.", searchAfter=nullable(ID))},
        query={"limit": {**LIMIT, "description": "1 to 100; 20 if left out."}, "searchAfter": AFTER},
    ),
    "GET /api/imports/{import_id}": Operation(NATIVE, "Ask about an import", {200: _import("How far it has come.")}),
    "GET /api/imports/{import_id}/rejects": Operation(
        NATIVE,
        "The rows that were not taken, and why",
        {200: Answer("Line, column, value, reason.", TEXT, media=("text/csv",), headers=_FILE)},
    ),
    "POST /api/imports/{import_id}/cancel": Operation(
        NATIVE, "Stop an import", {200: _import("What was written stays.")}, errors=(409,)
    ),
    "POST /api/imports/{import_id}/start": replace(_START, summary="Start an import that waits for it"),
    "POST /api/imports/{import_id}/resume": replace(_START, summary="Go on with an import that has stopped"),
}
