"""The properties that every contact has from the start: what they are called and where they are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contacts import addresses
from contacts.values import Kind


@dataclass(frozen=True)
class Builtin:
    """One row of the table below.

    `sql` is an expression over contacts_contact that gives the value as text; `column` the model field that a
    writer sets, "" where the value lies in the JSON column `profile`; `normalise` what the kind alone does not do.
    """

    name: str
    label: str
    kind: Kind
    sql: str
    column: str = ""
    normalise: Callable[[Any], Any] | None = None
    writable: bool = True


def _column(name: str, label: str, column: str, normalise: Callable[[Any], Any] | None = None) -> Builtin:
    return Builtin(name, label, Kind.TEXT, column, column, normalise)


def _profile(name: str, label: str, kind: Kind = Kind.TEXT, writable: bool = True) -> Builtin:
    return Builtin(name, label, kind, f"profile ->> '{name}'", writable=writable)


def _moment(name: str, label: str, column: str) -> Builtin:
    return Builtin(name, label, Kind.DATE, f"{column}::text", column, writable=False)


_ROWS = [
    _column("email", "E-mail", "email", addresses.email),
    _column("firstName", "First name", "first_name"),
    _column("lastName", "Last name", "last_name"),
    Builtin("fullName", "Full name", Kind.TEXT, "btrim(first_name || ' ' || last_name)"),
    _column("phone", "Phone", "phone", addresses.phone),
    _column("externalId", "External id", "external_id"),
    Builtin("tags", "Tags", Kind.LIST, "array_to_json(tags)::text", "tags"),
    _profile("gender", "Gender"),
    _profile("birthday", "Birthday", Kind.DATE),
    _profile("company", "Company"),
    _profile("occupation", "Occupation"),
    _profile("department", "Department"),
    _profile("industry", "Industry"),
    _profile("teamSize", "Team size", Kind.NUMBER),
    _profile("annualRevenue", "Annual revenue", Kind.NUMBER),
    _profile("website", "Website"),
    _profile("timezone", "Time zone"),
    _profile("status", "Status"),
    _profile("note", "Note"),
    _profile("address", "Address", Kind.OPAQUE),
    _profile("streetAddress", "Street"),
    _profile("city", "City"),
    _profile("region", "Region"),
    _profile("zipcode", "Postcode"),
    _profile("country", "Country"),
    _profile("socialMediaUrls", "Social media", Kind.OPAQUE),
    _profile("lastActivityDate", "Last activity", Kind.DATE, writable=False),
    # Of contacts that are no more than a visitor yet; nobody has a value that is neither true nor false.
    Builtin("isTemporary", "Temporary", Kind.BOOLEAN, "(lifecycle = 'temporary')::text", writable=False),
    _moment("createdAt", "Created", "created_at"),
    _moment("updatedAt", "Updated", "updated_at"),
]

BUILTIN: dict[str, Builtin] = {row.name: row for row in _ROWS}
