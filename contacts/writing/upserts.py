"""Create a contact or bring one up to date from a JSON document."""

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from django.db import transaction
from django.utils import timezone

from contacts import properties
from contacts.builtin import BUILTIN
from contacts.models import Contact, Status
from contacts.schema import CUSTOM, Schema
from contacts.values import Kind, Refused, as_text, clean, fold, is_missing, kind_of, stored
from contacts.writing import keys, staging
from contacts.writing.conversion import converted
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

LONGEST_KEY = 1_000  # bytes of an external id or e-mail address: they are indexed

# What contacts carry on the wire that nobody can set. Sent back, as clients do, it is passed over.
READ_ONLY = {"_id", "id", "__v", "workspaceId", "createdBy", "updatedBy", "name", "createdAt", "updatedAt"}
READ_ONLY |= {"lastActivityDate", "tagIds"}


@dataclass(slots=True)
class ContactChange:
    """What a document says about a contact; what it does not name stays as it is. None takes a value away."""

    columns: dict[str, Any] = field(default_factory=dict)  # model fields
    profile: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    substitution_tags: dict[str, Any] = field(default_factory=dict)
    declares: dict[str, Kind] = field(default_factory=dict)
    all_custom: bool = False  # custom properties that it does not name are taken away
    tags_added: list[str] = field(default_factory=list)
    tags_removed: list[str] = field(default_factory=list)  # in whatever case
    lifecycle: str = ""


def read(document: Any, schema: Schema, *, like_builtins: bool = False) -> ContactChange:
    """A Swipe One contact: built-ins by name, custom properties flat or under customProperties. Raises Invalid.

    `like_builtins`: new custom properties may be called as built-in ones are.
    """
    reader = _Reader(schema, like_builtins)
    if not isinstance(document, dict):
        raise Invalid([Problem("", "give a contact as an object")])
    reader.take(document)
    if reader.problems:
        raise Invalid(reader.problems)
    return reader.change


class _Reader:
    def __init__(self, schema: Schema, like_builtins: bool) -> None:
        self.schema = schema
        self.like_builtins = like_builtins
        self.change = ContactChange()
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
            name = properties.check_name(name, like_builtin=self.like_builtins)
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


def upsert(workspace: Workspace, change: ContactChange) -> tuple[Contact, bool]:
    """The contact with this external id, else this e-mail, brought up to date, else a new one; and whether it is new.

    Raises Invalid when the workspace has no room for the properties that it declares.
    """
    return staging.undisturbed(lambda: _upsert(workspace, change))


def _upsert(workspace: Workspace, change: ContactChange) -> tuple[Contact, bool]:
    with transaction.atomic():
        properties.hold_types(workspace)
        for problems in settle(workspace, [change]).values():
            raise Invalid(problems)
        contact = _find(workspace, change)
        is_new = contact is None
        contact = contact or Contact(workspace=workspace)
        _save(contact, replace(change, lifecycle=change.lifecycle or Status.ACTIVE))
    return contact, is_new


def update(workspace: Workspace, contact_id: int, change: ContactChange, *, in_trash: bool = False) -> Contact:
    """The contact with this id, with `in_trash` also one in the trash, brought up to date.

    Raises Contact.DoesNotExist, Invalid.
    """
    with transaction.atomic():
        properties.hold_types(workspace)
        for problems in settle(workspace, [change]).values():  # before the contact's own lock, as _upsert does
            raise Invalid(problems)
        held = workspace.contacts if in_trash else workspace.contacts.exclude(lifecycle=Status.TRASHED)
        contact = held.select_for_update().get(pk=contact_id)
        _save(contact, change)
    return contact


def _save(contact: Contact, change: ContactChange) -> None:
    is_new = contact._state.adding
    if apply(contact, change) or is_new:
        contact.updated_at = timezone.now()
        if is_new:
            contact.created_at = contact.updated_at
        contact.save()


def settle(workspace: Workspace, changes: Sequence[ContactChange]) -> dict[int, list[Problem]]:
    """Declare what is new, and make the values fit the types of now: a property may have changed since the reading.

    Gives what is wrong with which of them, by its place; what only such a one names is not declared. For use in a
    transaction that holds the types.
    """
    wanted = [_wanted(change) for change in changes]
    tags: set[str] = set().union(*(change.substitution_tags for change in changes))
    admission = properties.Admission(workspace, set().union(*wanted), tags)
    refused: dict[int, list[Problem]] = {}
    for place, (change, names) in enumerate(zip(changes, wanted, strict=True)):
        problems = [Problem("", message) for message in admission.problems(names, change.substitution_tags)]
        problems += _convert(change, ChainMap(admission.kinds, names), workspace.zone)
        if problems:
            refused[place] = problems
        else:
            admission.let_in(names, change.substitution_tags)
    admission.declare()
    return refused


def _wanted(change: ContactChange) -> dict[str, Kind]:
    """The custom properties that it has values for, with the kinds they take if nobody has them yet."""
    return {name: kind_of(value) for name, value in change.custom.items() if value is not None} | change.declares


def _convert(change: ContactChange, kinds: Mapping[str, Kind], zone: tzinfo) -> Iterator[Problem]:
    for name, value in change.custom.items():
        if value is not None:
            try:
                change.custom[name] = converted(kinds[name], value, zone)
            except Refused as error:
                yield Problem(f"customProperties.{name}", str(error))


def _find(workspace: Workspace, change: ContactChange) -> Contact | None:
    external_id, email = change.columns.get("external_id", ""), change.columns.get("email", "")
    held = workspace.contacts.select_for_update()
    if external_id:
        keys.hold(workspace.pk, [("externalId", external_id)])
        return held.filter(external_id=external_id).first()
    if email:
        # E-mail is not unique, so no constraint would stop two at once from both making a contact.
        keys.hold(workspace.pk, [("email", email)])
        live = held.exclude(lifecycle=Status.TRASHED)
        return live.extra(where=["email <> '' AND lower(email) = lower(%s)"], params=[email]).order_by("id").first()
    return None


def apply(contact: Contact, change: ContactChange) -> bool:
    """Set what the document says; whether anything is different now."""
    before = _state(contact)
    for column, value in change.columns.items():
        setattr(contact, column, value)
    contact.profile = _merged(contact.profile, change.profile)
    contact.tags = _tagged(contact.tags, change)
    contact.custom = _merged({} if change.all_custom else contact.custom, change.custom)
    contact.substitution_tags = _merged(contact.substitution_tags, change.substitution_tags)
    contact.lifecycle = change.lifecycle or contact.lifecycle
    return _state(contact) != before


def _tagged(held: list[str], change: ContactChange) -> list[str]:
    gone = {fold(tag) for tag in change.tags_removed}
    return list(dict.fromkeys(tag for tag in [*held, *change.tags_added] if fold(tag) not in gone))


def _merged(held: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**held, **change}.items() if value is not None}


def _state(contact: Contact) -> tuple[Any, ...]:
    return tuple(
        getattr(contact, field.attname) if field.attname != "tags" else list(contact.tags)
        for field in Contact._meta.concrete_fields
    )
