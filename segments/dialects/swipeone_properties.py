"""Swipe One's contact properties on the wire: https://docs.swipeone.com, article 10540803, and its clients."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any as Json

from contacts.builtin import BUILTIN, Builtin
from contacts.values import Kind, Refused, as_opaque
from segments.dialects.swipeone import DATA_TYPE, DATA_TYPES
from workspaces.problems import Invalid, Problem, listed

TAKEN = "You can't create contact properties with the same name as a default contact property."

FIELD_TYPES: dict[str, Kind] = {
    "text": Kind.TEXT,
    "email": Kind.TEXT,
    "phone": Kind.TEXT,
    "select": Kind.TEXT,
    "multiselect": Kind.LIST,
    "country": Kind.TEXT,
    "url": Kind.TEXT,
    "address": Kind.OPAQUE,
    "person": Kind.TEXT,
    "date": Kind.DATE,
    "number": Kind.NUMBER,
}

# There is no field type for true and false; a client that knows none shows all operators.
_USUAL = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.LIST: "multiselect",
    Kind.OPAQUE: "address",
}
_BUILTIN = {"email": "email", "phone": "phone", "website": "url", "country": "country", "tags": "tags"}

_CHOICES = {
    "numberFormat": ("number", "comma", "percentage", "currency"),
    "dateFormat": ("MMM dd, yyyy", "dd/MM/yyyy", "MM/dd/yyyy"),
}
_TYPES: dict[str, tuple[type, str]] = {
    "currency": (str, "a text"),
    "includeTime": (bool, "true or false"),
    "addressFields": (dict, "an object"),
}


@dataclass
class PropertyRequest:
    """A property that somebody wants to create. `presentation`: how it is to be shown, echoed and otherwise unused."""

    name: str = ""
    label: str = ""
    kind: Kind = Kind.TEXT
    options: list[str] = field(default_factory=list)
    presentation: dict[str, Json] = field(default_factory=dict)


def read(body: Json) -> PropertyRequest:
    """Raises Invalid."""
    if not isinstance(body, dict):
        raise Invalid([Problem("", "give an object with label and fieldType")])
    problems: list[Problem] = []
    wanted = PropertyRequest()
    wanted.label = _label(body, problems)
    wanted.name = _name(body, wanted.label, problems)
    wanted.kind = _kind(body, problems)
    wanted.options = _options(body, wanted.kind, problems)
    wanted.presentation = _presentation(body, problems)
    if problems:
        raise Invalid(problems)
    if wanted.name in BUILTIN:
        raise Invalid([Problem("name", f"{wanted.name} is the name of a built-in property")], TAKEN)
    return wanted


def _label(body: Mapping[str, Json], problems: list[Problem]) -> str:
    label = body.get("label")
    if isinstance(label, str) and label.strip():
        return label
    problems.append(Problem("label", "give the property a label, as a text"))
    return ""


def _name(body: Mapping[str, Json], label: str, problems: list[Problem]) -> str:
    """As sent, else the label in one word: subscriptionStatus for Subscription Status."""
    name = body.get("name")
    if name is None:
        words = re.findall(r"[^\W_]+", label)
        name = "".join(word.lower() if not place else word[:1].upper() + word[1:] for place, word in enumerate(words))
    if not isinstance(name, str) or not name:
        if label:
            problems.append(Problem("name", "give the property a name, as a text"))
        return ""
    return name


def _kind(body: Mapping[str, Json], problems: list[Problem]) -> Kind:
    """By the field type; where that says nothing more than text, by the data type."""
    found: dict[str, Kind] = {}
    for key, table in (("fieldType", FIELD_TYPES), ("dataType", DATA_TYPES)):
        sent = body.get(key)
        if isinstance(sent, str) and sent in table:
            found[key] = table[sent]
        elif sent is not None or (key == "fieldType" and body.get("dataType") is None):
            problems.append(Problem(key, f"is {sent!r}; use {listed(table)}", tuple(table)))
    if body.get("fieldType") in (None, "text"):
        return found.get("dataType", Kind.TEXT)
    return found.get("fieldType", Kind.TEXT)


def _options(body: Mapping[str, Json], kind: Kind, problems: list[Problem]) -> list[str]:
    """The labels: it is these that contacts hold."""
    sent = body.get("options")
    if sent is None or sent == []:
        return []
    if not isinstance(sent, list) or kind not in (Kind.TEXT, Kind.LIST):
        problems.append(Problem("options", "is not a list of options, which go with select and multiselect"))
        return []
    labels = []
    for place, option in enumerate(sent):
        label = option.get("label") if isinstance(option, dict) else option
        if isinstance(label, str) and label:
            labels.append(label)
        else:
            problems.append(Problem(f"options[{place}]", "give an object with a label"))
    return labels


def _presentation(body: Mapping[str, Json], problems: list[Problem]) -> dict[str, Json]:
    shown: dict[str, Json] = {key: body[key] for key in ("fieldType", "options") if body.get(key)}
    for key, choices in _CHOICES.items():
        if body.get(key) is not None:
            shown[key] = body[key]
            if body[key] not in choices:
                problems.append(Problem(key, f"is {body[key]!r}; use {listed(choices)}", choices))
    for key, (type_, said) in _TYPES.items():
        if body.get(key) is not None:
            shown[key] = body[key]
            if not isinstance(body[key], type_):
                problems.append(Problem(key, f"is not {said}"))
    try:
        cleaned: dict[str, Json] = as_opaque(shown)
    except Refused as error:
        problems.append(Problem("", f"a text {error}"))
        return {}
    return cleaned


# --- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A custom property as it is to be written."""

    id: str
    workspace: str
    name: str
    label: str
    kind: Kind
    options: Sequence[Json]
    presentation: Mapping[str, Json]
    created: str


def write(shown: Shown) -> dict[str, Json]:
    presentation = dict(shown.presentation)
    sent = presentation.pop("fieldType", "")
    fits = FIELD_TYPES.get(sent) is shown.kind  # it may have taken another type since
    usual = "select" if shown.kind is Kind.TEXT and shown.options else _USUAL[shown.kind]
    return {
        **presentation,
        "_id": shown.id,
        "label": shown.label,
        "name": shown.name,
        "dataType": DATA_TYPE[shown.kind],
        "fieldType": sent if fits else usual,
        "options": _shown_options(shown),
        "workspaceId": shown.workspace,
        "isArchived": False,
        "isEnabled": True,
        "createdBy": {"type": "user"},
        "createdAt": shown.created,
        "updatedAt": shown.created,
    }


def _shown_options(shown: Shown) -> list[dict[str, Json]]:
    """Those that are offered now, with what was said of them when they were created."""
    sent = shown.presentation.get("options", [])
    said = {option["label"]: option for option in sent if isinstance(option, dict)}
    return [{"label": str(option), "name": str(option), **said.get(str(option), {})} for option in shown.options]


def write_builtin(row: Builtin, pk: str, workspace: str) -> dict[str, Json]:
    return {
        "_id": pk,
        "label": row.label,
        "name": row.name,
        "dataType": DATA_TYPE[row.kind],
        "fieldType": _BUILTIN.get(row.name, _USUAL[row.kind]),
        "options": [],
        "workspaceId": workspace,
        "isArchived": False,
        "isEnabled": True,
        "createdBy": {"type": "system"},
    }
