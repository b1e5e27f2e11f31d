"""Instaleap's Segmenter on the wire: https://dev-center.instaleap.io/reference/create-segment and update-segment.

    {"name": "Spain, not free", "persons": [{"externalId": "42", "email": "ana@example.com"}], "filters": [
        {"property": "country", "operator": "is", "value": "ES", "dataType": "string"},
        {"property": "customProperties.plan", "operator": "is_not", "value": "free", "dataType": "string"}]}

becomes All((Condition("country", "is", "ES"), Not(Condition("customProperties.plan", "is", "free")))).
Ana is brought up to date, or added, and pinned in.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any as Json

from contacts.schema import Schema
from contacts.values import cleaned
from segments.dialects import swipeone
from segments.dialects.dialect import Shown
from segments.dialects.draft import Draft
from segments.rules import tree
from segments.rules.tree import All, Rule
from workspaces.problems import Invalid, Problem

NAME = "segmenter"
UNIQUE_NAMES = False
CREATED = 200

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


def read_segment(body: Json, schema: Schema, current: Json = None) -> Draft:
    """A create, or with `current` filters an update: then what is not named stays, and without filters the rule too."""
    partial = current is not None
    if not isinstance(body, dict):
        return Draft(problems=[Problem("", "give an object with the name of a segment")])
    filters = body.get("filters")
    draft = Draft(rule_given=not partial) if filters is None or filters == [] else _filters(filters, schema)
    if isinstance(body.get("name"), str):
        draft.name = body["name"]
    elif "name" in body or not partial:
        draft.problems.insert(0, Problem("name", "give the segment a name, as a text"))
    draft.fields = _kept(body, draft.problems)
    draft.persons = _persons(body, partial, draft.problems)
    if not partial:
        draft.fields.setdefault("segment_type", "dynamic" if draft.rule else "static")
    return draft


def _kept(body: Mapping[str, Json], problems: list[Problem]) -> dict[str, str]:
    given = ((key, field) for key, field in _KEPT.items() if body.get(key) is not None)
    return {field: cleaned(body[key], key, problems) for key, field in given}


def _filters(filters: Json, schema: Schema) -> Draft:
    """Swipe One's predicates, all of which are to be met, or a rule in the native form."""
    if isinstance(filters, dict):
        try:
            native = tree.read if "version" in filters else tree.read_node
            return Draft(rule=native(filters, "filters"), rule_given=True, dialect=NAME, document=filters)
        except Invalid as error:
            return Draft(problems=error.problems)
    if not isinstance(filters, list):
        return Draft(problems=[Problem("filters", "give a list of predicates, or a rule in the native form")])
    draft = swipeone.read_all(filters, schema, "filters")
    draft.dialect = NAME
    return draft


def _persons(body: Mapping[str, Json], partial: bool, problems: list[Problem]) -> list[Json] | None:
    persons = body.get("persons")
    if persons is None:
        return None if partial else []
    if not isinstance(persons, list):
        problems.append(Problem("persons", "give a list of persons"))
        return []
    for place, sent in enumerate(persons):
        persons[place] = _person(sent, f"persons[{place}]", problems)  # in place: fifty thousand take up much room
    return persons


def _person(sent: Json, path: str, problems: list[Problem]) -> dict[str, Json] | None:
    """A person as a contact, None where nothing can be made of it. What is left out or null is left as it is."""
    if not isinstance(sent, dict):
        problems.append(Problem(path, "is not an object with externalId, email, phone, firstName and lastName"))
        return None
    person: dict[str, Json] = {}
    found = len(problems)
    for key, name in _PERSON.items():
        value = sent.get(key)
        if isinstance(value, str) and (value or key != "externalId"):
            person[name] = value
        elif value is not None:
            problems.append(Problem(f"{path}.{key}", "is empty" if value == "" else "is not a text"))
    tags = sent.get("substitutionTags")
    if tags is not None:
        person["substitutionTags"] = _tags(tags, f"{path}.substitutionTags", problems)
    return person if person or len(problems) == found else None


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


def write(rule: Rule | None, schema: Schema) -> Json:
    """The filters for a rule that came from elsewhere: predicates where they can say it, else the native form."""
    if rule is None:
        return []
    return swipeone.write(rule, schema)["predicates"] if isinstance(rule, All) and rule.rules else tree.write(rule)


def write_segment(shown: Shown) -> dict[str, Json]:
    """What a create or an update answers: those who were sent with it, in their order, each as often as they were."""
    persons = [
        {"id": person, "externalId": external_id or None, "email": email or None}
        for person, external_id, email in shown.people
    ]
    return {"id": shown.id, "persons": persons}


def write_one(segment: dict[str, Json], warnings: Sequence[str] = ()) -> dict[str, Json]:
    return {"data": segment, "errorMessage": "", **({"warnings": list(warnings)} if warnings else {})}


def write_error(status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> dict[str, Json]:
    """NestJS's body: one text that names every problem; 401 has no `error`."""
    body: dict[str, Json] = {"statusCode": status, "message": "; ".join(map(str, problems)) or message}
    return body if status == 401 else {**body, "error": _ERRORS.get(status) or HTTPStatus(status).phrase}


_ERRORS = {413: "Payload Too Large"}  # Python calls it one thing or another
