"""Segmenter's requests, with the examples of its documentation: https://dev-center.instaleap.io/reference/create-segment."""

from segmenter.openapi.operation import ANYTHING, TEXT, Answer, Base, Json, Operation, lists, nullable, ref, shape

SEGMENTER = Base("Segmenter", ("apiKey",), ref("SegmenterError"))

_TEXT = nullable(TEXT)
_PERSON = {
    "externalId": _TEXT,
    "firstName": _TEXT,
    "lastName": _TEXT,
    "phone": _TEXT,
    "phoneNumber": _TEXT,
    "email": _TEXT,
    "substitutionTags": lists(shape({"tag": TEXT, "value": TEXT})),
}
_PARTS: dict[str, Json] = {
    "description": _TEXT,
    "broadcastMediumId": _TEXT,
    "segmentType": _TEXT,
    "TagId": _TEXT,
    "filters": {
        "description": "Swipe One's predicates, all of which are to be met, or a rule in its stored form.",
        "anyOf": [lists(ref("Predicate")), ref("Rule")],
    },
    "persons": lists(shape({}, **_PERSON)),
}
_PERSONS = [
    {
        "substitutionTags": [{"tag": "coupon", "value": "SUMMER"}],
        "externalId": "0b0b5ff8-6e0a-4a6e-9d43-1c9f6c1f4f8e",
        "firstName": "Ana",
        "lastName": "Ruiz",
        "phone": "+34600111222",
        "email": "ana@example.com",
    },
    {
        "externalId": "c-2",
        "firstName": "Bo",
        "lastName": "Li",
        "phoneNumber": "+34600111223",
        "email": "bo@example.com",
    },
]
_CREATE = {"name": "Regulars", "description": "", "segmentType": "static", "filters": [], "persons": _PERSONS}
_SAVED = Answer(
    "The segment, and the persons in the order in which they were sent.",
    shape(
        {
            "data": shape({"id": TEXT, "persons": lists(shape({"id": TEXT, "externalId": _TEXT, "email": _TEXT}))}),
            "errorMessage": {"const": ""},
        },
        warnings=ANYTHING,
    ),
)

OPERATIONS: dict[str, Operation] = {
    "POST /api/segments": Operation(
        SEGMENTER,
        "Create a segment with its persons",
        {200: _SAVED},
        description="Persons are found by externalId, else by e-mail, else added. One that is wrong refuses all.",
        body=shape({"name": TEXT}, **_PARTS),
        examples={"documented": _CREATE},
    ),
    "PUT /api/segments": Operation(
        SEGMENTER,
        "Update a segment",
        {200: _SAVED},
        description="The persons become the membership, [] empties it; what is not named stays.",
        body=shape({"id": TEXT}, name=TEXT, **_PARTS),
        examples={"documented": {"id": "6684f0911504d49e7c00312e", "name": "Regulars", "persons": _PERSONS}},
        errors=(404,),
    ),
}
