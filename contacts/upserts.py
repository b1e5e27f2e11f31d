"""Create a contact or bring one up to date from a JSON document."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from contacts import properties
from contacts.builtin import BUILTIN
from contacts.conversion import converted
from contacts.models import Contact, Status
from contacts.schema import CUSTOM, Schema
from contacts.values import Kind, Refused, as_text, clean, is_missing, kind_of, stored
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

LONGEST_KEY = 1_000  # bytes of an external id or e-mail address: they are indexed

# What contacts carry on the wire that nobody can set. Sent back, as clients do, it is passed over.
READ_ONLY = {"_id", "id", "__v", "workspaceId", "createdBy", "updatedBy", "name", "createdAt", "updatedAt"}
READ_ONLY |= {"lastActivityDate", "tagIds"}


@dataclass
class Change:
    """What a document says about a contact; what it does not name stays as it is. None takes a value away."""

    columns: dict[str, Any] = field(default_factory=dict)  # model fields
    profile: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    substitution_tags: dict[str, Any] = field(default_factory=dict)
    declares: dict[str, Kind] = field(default_factory=dict)


def read(document: Any, schema: Schema) -> Change:
    """A Swipe One contact: built-ins by name, custom properties flat or under customProperties. Raises Invalid."""
    reader = _Reader(schema)
    if not isinstance(document, dict):
        raise Invalid([Problem("", "give a contact as an object")])
    reader.take(document)
    if reader.problems:
        raise Invalid(reader.problems)
    return reader.change


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.change = Change()
        self.problems: list[Problem] = []

    def take(self, document: dict[str, Any]) -> None:
        for key, value in document.items():
            if key == "customProperties":
                self.mapping(key, value, self.custom)
            elif key == "substitutionTags":
                self.mapping(key, value, self.tag)
            elif key in BUILTIN or key in _SPECIAL:
                self.attempt(key, self.builtin, key, value)
            elif key not in READ_ONLY:
                self.attempt(key, self.custom, key, value)

    def attempt(self, path: str, take: Callable[[str, Any], None], key: str, value: Any) -> None:
        try:
            take(key, value)
        except Refused as error:
            self.problems.append(Problem(path, str(error)))

    def mapping(self, key: str, value: Any, take: Callable[[str, Any], None]) -> None:
        if not isinstance(value, dict):
            self.problems.append(Problem(key, "give an object of names and values"))
            return
        for name, each in value.items():
            self.attempt(f"{key}.{name}", take, name, each)

    def builtin(self, name: str, value: Any) -> None:
        if name in _SPECIAL:
            _SPECIAL[name](self, value)
            return
        row = BUILTIN[name]
        if not row.writable:
            return
        kept = stored(row.kind, value, self.schema.zone)
        if row.normalise and kept is not None:
            kept = row.normalise(kept)
        if name in ("externalId", "email") and kept is not None and len(kept.encode()) > LONGEST_KEY:
            raise Refused(f"is longer than {LONGEST_KEY:,} bytes")
        if row.column:
            self.change.columns[row.column] = ([] if row.kind is Kind.LIST else "") if kept is None else kept
        else:
            self.change.profile[name] = kept

    def full_name(self, value: Any) -> None:
        first, _, last = ("" if value is None else as_text(value)).strip().partition(" ")
        for column, part in (("first_name", first), ("last_name", last.strip())):
            self.change.columns.setdefault(column, part)

    def phone(self, value: Any) -> None:
        if isinstance(value, dict):
            code, number = (str(value.get(part) or "").strip() for part in ("countryCode", "number"))
            value = f"+{code.lstrip('+')} {number}" if code else number
        kept = stored(Kind.TEXT, value, self.schema.zone)
        self.change.columns["phone"] = "" if kept is None else BUILTIN["phone"].normalise(kept)  # type: ignore[misc]

    def custom(self, name: str, value: Any) -> None:
        name = clean(name).strip()
        known = self.schema.get(CUSTOM + name)
        if known is None:
            name = properties.check_name(name)
            if is_missing(value):
                return
            kind = self.change.declares.setdefault(name, kind_of(value))
        else:
            kind = known.kind
        self.change.custom[name] = stored(kind, value, self.schema.zone)

    def tag(self, tag: str, value: Any) -> None:
        tag = clean(tag)
        if not tag or len(tag) > properties.LONGEST_NAME:
            raise Refused(f"a tag has 1 to {properties.LONGEST_NAME} characters")
        self.change.substitution_tags[tag] = None if is_missing(value) else as_text(value)


_SPECIAL: dict[str, Callable[[_Reader, Any], None]] = {"fullName": _Reader.full_name, "phone": _Reader.phone}


def upsert(workspace: Workspace, change: Change) -> tuple[Contact, bool]:
    """The contact with this external id, else this e-mail, brought up to date, else a new one; and whether it is new.

    Raises Invalid when the workspace has no room for the properties that it declares.
    """
    try:
        return _upsert(workspace, change)
    except IntegrityError:
        # An import, which takes no locks for external ids, made the same one just now: this time it is found.
        return _upsert(workspace, change)


def update(workspace: Workspace, contact_id: int, change: Change) -> Contact | None:
    """Bring one contact up to date; None if there is none, or it is in the trash. Raises Invalid."""
    with transaction.atomic():
        properties.hold_types(workspace)
        _settle(workspace, change)
        live = workspace.contacts.exclude(lifecycle=Status.TRASHED)
        contact = live.select_for_update().filter(pk=contact_id).first()
        if contact and apply(contact, change):
            contact.updated_at = timezone.now()
            contact.save()
    return contact


def _upsert(workspace: Workspace, change: Change) -> tuple[Contact, bool]:
    change.columns["lifecycle"] = Status.ACTIVE
    with transaction.atomic():
        properties.hold_types(workspace)
        _settle(workspace, change)
        properties.declare_tags(workspace, change.substitution_tags)
        contact = _find(workspace, change)
        is_new = contact is None
        contact = contact or Contact(workspace=workspace)
        if apply(contact, change) or is_new:
            contact.updated_at = timezone.now()
            if is_new:
                contact.created_at = contact.updated_at
            contact.save()
    return contact, is_new


def _settle(workspace: Workspace, change: Change) -> None:
    """Declare what is new, and make the values fit the types of now: a property may have changed since the reading."""
    given = {name: value for name, value in change.custom.items() if value is not None}
    wanted = {name: kind_of(value) for name, value in given.items()} | change.declares
    kinds = properties.kinds(workspace, wanted)
    if kinds.keys() != wanted.keys():
        try:
            properties.declare(workspace, wanted)
        except ValidationError as error:
            raise Invalid(Problem("", message) for message in error.messages) from None
        kinds = properties.kinds(workspace, wanted)
    problems = []
    for name, value in given.items():
        try:
            change.custom[name] = converted(kinds[name], value, workspace.zone)
        except Refused as error:
            problems.append(Problem(f"customProperties.{name}", str(error)))
    if problems:
        raise Invalid(problems)


def _find(workspace: Workspace, change: Change) -> Contact | None:
    external_id, email = change.columns.get("external_id", ""), change.columns.get("email", "")
    held = workspace.contacts.select_for_update()
    if external_id:
        _lock("external_id", workspace, external_id)
        return held.filter(external_id=external_id).first()
    if email:
        # E-mail is not unique, so no constraint would stop two at once from both making a contact.
        _lock("email", workspace, email)
        live = held.exclude(lifecycle=Status.TRASHED)
        return live.extra(where=["email <> '' AND lower(email) = lower(%s)"], params=[email]).order_by("id").first()
    return None


def _lock(what: str, workspace: Workspace, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s || ':' || %s || ':' || lower(%s), 0))",
            [what, workspace.pk, key],
        )


def apply(contact: Contact, change: Change) -> bool:
    """Set what the document says; whether anything is different now."""
    before = _state(contact)
    for column, value in change.columns.items():
        setattr(contact, column, value)
    contact.profile = _merged(contact.profile, change.profile)
    contact.custom = _merged(contact.custom, change.custom)
    contact.substitution_tags = _merged(contact.substitution_tags, change.substitution_tags)
    return _state(contact) != before


def _merged(held: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**held, **change}.items() if value is not None}


def _state(contact: Contact) -> tuple[Any, ...]:
    return tuple(
        getattr(contact, field.attname) if field.attname != "tags" else list(contact.tags)
        for field in Contact._meta.concrete_fields
    )
