"""Instaleap's Segmenter on the wire: https://dev-center.instaleap.io/reference/create-segment and update-segment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any as Json

from contacts.schema import Schema
from segments.dialects import swipeone
from segments.dialects.reading import Draft
from segments.rules.tree import read as read_stored
from workspaces.problems import Invalid, Problem

NAME = "segmenter"

# What a segment keeps as it came: keys on the wire, in order of preference, and the model's field.
_KEPT = {
    "description": "description",
    "broadcastMediumId": "broadcast_medium_id",
    "segmentType": "segment_type",
    "tagId": "tag_id",
    "TagId": "tag_id",
}

_PERSON = {
    "externalId": "externalId",
    "email": "email",
    "phoneNumber": "phone",
    "phone": "phone",  # behind phoneNumber: where both are sent, this one counts
    "firstName": "firstName",
    "lastName": "lastName",
}


def read(body: Json, schema: Schema, partial: bool) -> Draft:
    """A create, or with `partial` an update: then what is not named stays, and so does the rule without filters."""
    if not isinstance(body, dict):
        return Draft(problems=[Problem("", "give an object with the name of a segment")])
    filters = body.get("filters")
    draft = _filters(filters, schema) if filters else Draft(rule_given=not partial)
    if isinstance(body.get("name"), str):
        draft.name = body["name"]
    elif "name" in body or not partial:
        draft.problems.insert(0, Problem("name", "give the segment a name, as a text"))
    for key, field in _KEPT.items():
        if isinstance(body.get(key), str):
            draft.fields[field] = body[key]
        elif body.get(key) is not None:
            draft.problems.append(Problem(key, "is not a text"))
    draft.persons = _persons(body, partial, draft.problems)
    if not partial:
        draft.fields.setdefault("segment_type", "dynamic" if filters else "static")
    return draft


def _filters(filters: Json, schema: Schema) -> Draft:
    """Swipe One's predicates, all of which are to be met, or a rule in its stored form."""
    if isinstance(filters, dict):
        try:
            rule = read_stored(filters, "filters")
        except Invalid as error:
            return Draft(problems=error.problems)
        return Draft(rule=rule, rule_given=True, dialect=NAME, document=filters)
    if not isinstance(filters, list):
        return Draft(problems=[Problem("filters", "give a list of predicates, or a rule in its stored form")])
    draft = swipeone.read({"type": "and", "predicates": filters}, schema, "filters")
    for place, problem in enumerate(draft.problems):
        path = problem.path.replace("filters.predicates", "filters", 1)
        draft.problems[place] = Problem(path, problem.message, problem.allowed)
    draft.dialect, draft.document = NAME, filters
    return draft


def _persons(body: Mapping[str, Json], partial: bool, problems: list[Problem]) -> list[Json] | None:
    persons = body.get("persons")
    if persons is None:
        return None if partial else []
    if not isinstance(persons, list):
        problems.append(Problem("persons", "give a list of persons"))
        return []
    return [_person(each, f"persons[{place}]", problems) for place, each in enumerate(persons)]


def _person(sent: Json, path: str, problems: list[Problem]) -> dict[str, Json]:
    """A person as a contact; one that is left out or null is left as it is."""
    if not isinstance(sent, dict):
        problems.append(Problem(path, "is not an object with externalId, email, phone, firstName and lastName"))
        return {}
    person: dict[str, Json] = {}
    for key, name in _PERSON.items():
        value = sent.get(key)
        if isinstance(value, str) and (value or key != "externalId"):
            person[name] = value
        elif value is not None:
            problems.append(Problem(f"{path}.{key}", "is empty" if value == "" else "is not a text"))
    tags = sent.get("substitutionTags")
    if tags is not None:
        person["substitutionTags"] = _tags(tags, f"{path}.substitutionTags", problems)
    return person


def _tags(tags: Json, path: str, problems: list[Problem]) -> dict[str, str]:
    """[{"tag": ..., "value": ...}] as tag to value; of a tag that comes twice the last one counts."""
    if not isinstance(tags, list):
        problems.append(Problem(path, "give a list of objects with tag and value"))
        return {}
    found: dict[str, str] = {}
    for place, each in enumerate(tags):
        match each:
            case {"tag": str(tag), "value": str(value)} if tag:
                found[tag] = value
            case _:
                problems.append(Problem(f"{path}[{place}]", "is not an object with tag and value, both texts"))
    return found


# --- writing -------------------------------------------------------------------------------------------------------


def write_saved(pk: str, persons: Iterable[tuple[str, str, str]]) -> dict[str, Json]:
    """What a create or an update answers; a person is its id, external id and e-mail, in the order of the request."""
    written = [
        {"id": person, "externalId": external_id or None, "email": email or None}
        for person, external_id, email in persons
    ]
    return {"data": {"id": pk, "persons": written}, "errorMessage": ""}


_ERRORS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 413: "Payload Too Large",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


def write_error(status: int, message: str, problems: Sequence[Problem] = ()) -> dict[str, Json]:
    """NestJS's body: one text that names every problem; 401 has no `error`."""
    body: dict[str, Json] = {"statusCode": status, "message": "; ".join(map(str, problems)) or message}
    return {**body, "error": _ERRORS[status]} if status in _ERRORS else body
