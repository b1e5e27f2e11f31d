"""Tiledesk's leads on the wire: a contact as its clients send and see it, and whom they may ask for."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any as Json
from typing import Protocol

from contacts.schema import CUSTOM
from contacts.values import iso, milliseconds
from segments.dialects import tiledesk_fields, tiledesk_list_queries
from segments.dialects.dialect import Listing
from segments.rules.tree import Condition, Not, Rule
from workspaces.problems import Invalid, Problem, listed

STATUSES = {50: "temporary", 100: "active", 1000: "trashed"}
ATTRIBUTES, PROPERTIES = "attributes", "properties"

_PROFILE = ("company", "note", "streetAddress", "city", "region", "zipcode", "country")
_FIELDS = {**tiledesk_fields.FIELDS, **{name: name for name in ("email", "phone", "tags", *_PROFILE)}}
_BACK = {ours: theirs for theirs, ours in _FIELDS.items()}
_NUMBERS = {state: number for number, state in STATUSES.items()}


class Lead(Protocol):
    """What a contact is made of."""

    workspace_id: str
    external_id: str
    email: str
    phone: str
    tags: list[str]
    profile: dict[str, Json]
    custom: dict[str, Json]
    lifecycle: str
    created_at: datetime
    updated_at: datetime

    @property
    def wire_id(self) -> str: ...
    @property
    def full_name(self) -> str: ...


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """A lead's document as one that contacts are read from; `lifecycle` is "" where it says nothing of it."""

    document: dict[str, Json] = field(default_factory=dict)
    lifecycle: str = ""
    problems: list[Problem] = field(default_factory=list)


def read(body: Json, *, new: bool = False) -> Sent:
    """What a POST (`new`) or a PUT says of a lead. Raises Invalid for what is no object."""
    if not isinstance(body, dict):
        raise Invalid([Problem("", "give a lead as an object, like fullname, email and attributes")])
    sent = Sent({ours: body[theirs] for theirs, ours in _FIELDS.items() if theirs in body})
    if new:
        sent.document["externalId"] = body.get("lead_id") or str(uuid.uuid4())
    else:
        sent.document.pop("externalId", None)  # given once, for life
    if body.get(ATTRIBUTES) is not None:
        sent.document |= custom(body[ATTRIBUTES])
    if body.get("status") is not None:
        sent.lifecycle = _lifecycle(body["status"], sent.problems)
    return sent


def custom(attributes: Json) -> dict[str, Json]:
    """The document of a contact of which nothing but these custom properties is said."""
    return {"customProperties": attributes}


def _lifecycle(status: Json, problems: list[Problem]) -> str:
    numbers = {str(number): state for number, state in STATUSES.items()}
    if str(status) not in numbers:
        problems.append(Problem("status", f"is {status!r}; use {listed(numbers)}", tuple(numbers)))
    return numbers.get(str(status), "")


def told(problems: Iterable[Problem], where: str = ATTRIBUTES) -> list[Problem]:
    """Problems of the contact's document by the names that the lead's document has."""
    return [replace(problem, path=_path(problem.path, where)) for problem in problems]


def _path(path: str, where: str) -> str:
    head, dot, rest = path.partition(".")
    return where + dot + rest if head == CUSTOM.rstrip(".") else _BACK.get(head, head) + dot + rest


# --- writing -------------------------------------------------------------------------------------------------------


def write(lead: Lead) -> dict[str, Json]:
    """A lead as every request shows it. Custom properties are its attributes, and its properties too."""
    return {
        "_id": lead.wire_id,
        "id": lead.wire_id,
        "lead_id": lead.external_id or None,
        "fullname": lead.full_name or None,
        "email": lead.email or None,
        "phone": lead.phone or None,
        **{name: lead.profile.get(name) for name in _PROFILE},
        "tags": lead.tags,
        ATTRIBUTES: lead.custom,
        PROPERTIES: lead.custom,
        "status": _NUMBERS[lead.lifecycle],
        "id_project": lead.workspace_id,
        "createdBy": "system",
        "createdAt": iso(milliseconds(lead.created_at)),
        "updatedAt": iso(milliseconds(lead.updated_at)),
        "__v": 0,
    }


def write_list(leads: Sequence[Lead], count: int, listing: Listing) -> dict[str, Json]:
    return {"perPage": listing.limit, "count": count, "leads": [write(lead) for lead in leads]}


COLUMNS = (
    *("_id", "lead_id", "fullname", "email", "phone", *_PROFILE),
    *("tags", "status", "id_project", "createdBy", "createdAt", "updatedAt"),
)

_NUMERAL = re.compile(r"[+-]?[0-9][0-9 ]*")


def write_row(lead: Lead) -> list[Json]:
    """The cells of a lead in a file, one for each of COLUMNS."""
    shown = {**write(lead), "tags": ",".join(lead.tags)}
    return [_cell(shown[column]) for column in COLUMNS]


def _cell(value: Json) -> Json:
    """A spreadsheet would run a text that begins like a formula; a phone number with its plus is none."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMERAL.fullmatch(value):
        return f"'{value}"
    return "" if value is None else value


# --- lists ---------------------------------------------------------------------------------------------------------

# What a list can be sorted by, and the property that it is; "" is the order in which leads were made.
_SORTS = {"createdAt": "createdAt", "updatedAt": "updatedAt", "_id": "", "id": "", **_FIELDS}
del _SORTS["tags"]
_FILES_LIMIT = 100_000
_TEMPORARY = Condition("isTemporary", "is", True)


@dataclass(frozen=True)
class Asked:
    """Whom a list is to have: those who meet all of the rules and are in the segment, if one is named."""

    listing: Listing
    rules: tuple[Rule, ...]
    text: str  # whose words they must have; "" if any
    segment: str
    trashed: bool


def read_query(query: Mapping[str, str], tags: Sequence[str] = (), *, file: bool = False) -> Asked:
    """What a list is asked for, empty texts being as good as absent. Raises Invalid.

    For a `file`, all of them unless it is asked for by pages, the temporary ones too.
    """
    problems: list[Problem] = []
    listing = Listing()
    try:
        limits = {"usual": _FILES_LIMIT, "highest": _FILES_LIMIT} if file else {}
        listing = tiledesk_list_queries.read(query, _SORTS, **limits)
    except Invalid as error:
        problems += error.problems
    if file and not (query.get("page") or query.get("limit")):
        listing = replace(listing, start=0, limit=None)
    usual = "" if file else "100"
    status = query.get("status") or usual
    lifecycle = _lifecycle(status, problems) if status else ""
    if problems:
        raise Invalid(problems)
    rules = [*_rules(query, tuple(filter(None, tags))), *_STATES.get(lifecycle, ())]
    text, segment = query.get("full_text") or "", query.get("segment") or ""
    return Asked(listing, tuple(rules), text, segment, lifecycle == "trashed")


_STATES: dict[str, tuple[Rule, ...]] = {"temporary": (_TEMPORARY,), "active": (Not(_TEMPORARY),)}


def _rules(query: Mapping[str, str], tags: tuple[str, ...]) -> Iterable[Rule]:
    if email := query.get("email"):
        yield Condition("email", "is", email, "email")
    if tags:
        yield Condition("tags", "includes_all", tags, "tags")
    for parameter, reference in (("with_email", "email"), ("with_fullname", "fullName")):
        if query.get(parameter):
            yield Condition(reference, "is_known", None, parameter)
