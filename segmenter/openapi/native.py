"""The requests that no other service has, in Swipe One's envelope."""

from segmenter.openapi.operation import TEXT, Base, Operation, ref, shape
from segmenter.openapi.swipeone import success

NATIVE = Base("Segmenter's own", ("apiKey",), ref("SwipeOneError"))

_EXPLANATION = success("explanation", ref("Explanation"), "Why this person is in or not.")

OPERATIONS: dict[str, Operation] = {
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
}
