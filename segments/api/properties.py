"""The properties of a workspace over HTTP: Swipe One's contact properties, and our catalogue of what contacts have."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import properties
from contacts.builtin import BUILTIN, Builtin
from contacts.columnar import catalogue
from contacts.columnar.catalogue import Entry
from contacts.columnar.refresh import refresh
from contacts.models import Property
from contacts.schema import CUSTOM
from contacts.values import Kind, iso, milliseconds
from contacts.writing.conversion import Reject
from segments.dialects import swipeone, swipeone_properties
from segments.dialects.swipeone_properties import Shown
from segments.models import Channel
from segments.rules.operators import operators_for
from segments.saving.versions import By
from segments.upkeep import property_changes
from segments.upkeep.property_changes import Breaking, PropertyEdit
from segments.usage import Broken
from workspaces.api import caller_workspace, workspace_of
from workspaces.identifiers import id_of
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem, listed


class ContactPropertyViewSet(ViewSet):
    """As Swipe One has them: built-in ones are there from the start, custom ones are created."""

    def list(self, request: Request, workspace_id: str) -> Response:
        written = _contact_properties(workspace_of(request, workspace_id))
        return Response(swipeone.success({"count": len(written), "contactProperties": written}))

    def create(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        wanted = swipeone_properties.read(request.data)
        try:
            created = property_changes.create(
                workspace, wanted.name, wanted.kind, wanted.label, wanted.options, wanted.presentation
            )
        except Conflict as error:
            raise Invalid([Problem("name", str(error))]) from None
        return Response(swipeone.success({"contactProperty": _custom(created)}), 201)

    def retrieve(self, request: Request, property_id: str) -> Response:
        written = _contact_properties(caller_workspace(request))
        found = next((each for each in written if each["_id"] == property_id), None)
        if found is None:
            raise NotFound("Contact property not found")
        return Response(swipeone.success({"contactProperty": found}))


def _contact_properties(workspace: Workspace) -> list[dict[str, Any]]:
    own = [_custom(each) for each in workspace.properties.order_by("id")]
    return [*(_builtin(row, workspace) for row in BUILTIN.values()), *own]


def _builtin(row: Builtin, workspace: Workspace) -> dict[str, Any]:
    """Built-ins are no rows; clients want an id all the same."""
    pk = hashlib.blake2b(row.name.encode(), digest_size=12).hexdigest()
    return swipeone_properties.write_builtin(row, pk, workspace.pk)


def _custom(held: Property) -> dict[str, Any]:
    created = iso(milliseconds(held.created_at))
    kind, label = Kind(held.type), str(held)
    return swipeone_properties.write(
        Shown(id_of(held.pk), held.workspace_id, held.name, label, kind, held.options, held.presentation, created)
    )


# --- the catalogue -------------------------------------------------------------------------------------------------

MOST_FOUND = 20
MOST_REJECTS = 10_000  # values that are removed, every one of which the answer names


class PropertyViewSet(ViewSet):
    """All that rules may name, what contacts have of it, and changes that break no segment unasked."""

    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        search = request.query_params.get("search", "").strip()
        if "\0" in search:
            raise Invalid([Problem("search", "holds a NUL character")])
        found = catalogue.suggest(workspace, search, MOST_FOUND) if search else catalogue.read(workspace)
        options = {CUSTOM + name: held for name, held in workspace.properties.values_list("name", "options")}
        written = [_entry(each, options.get(each.type.reference, [])) for each in found]
        return Response(swipeone.success({"count": len(written), "properties": written}))

    def create(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        asked = _read(request.data, "name type label options", needed="name type")
        label, options = asked.get("label", ""), asked.get("options", [])
        created = property_changes.create(workspace, asked["name"], Kind(asked["type"]), label, options)
        return Response(swipeone.success({"property": _property(created)}), 201)

    def partial_update(self, request: Request, workspace_id: str, property_name: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        reference = _reference(workspace, property_name)
        asked = _read(request.data, "label type addOptions removeOptions segments dropRejects dryRun")
        if not asked.keys() & {"label", "type", "addOptions", "removeOptions"}:
            raise Invalid([Problem("", "say what to change: label, type, addOptions or removeOptions")])
        kind = Kind(asked["type"]) if "type" in asked else None
        add, remove = asked.get("addOptions", ()), asked.get("removeOptions", ())
        rejects = _Rejects(_flag(asked, "dropRejects"))
        changed = property_changes.change(
            workspace,
            reference.removeprefix(CUSTOM),
            PropertyEdit(asked.get("label"), kind, add=add, remove=remove),
            breaking=_breaking(asked),
            drop_rejects=rejects.dropped,
            dry_run=_flag(asked, "dryRun"),
            watch=rejects,
        )
        _refresh(workspace, asked)
        values = {**changed.values.as_json(), **({"rejects": rejects.told} if rejects.dropped else {})}
        return _changed(asked, changed.deleted, property=_property(changed.property), values=values,
                        optionsLeftOut=changed.options_left_out)  # fmt: skip

    def destroy(self, request: Request, workspace_id: str, property_name: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        reference = _reference(workspace, property_name, tags=True)
        asked = _read(request.query_params.dict(), "instead segments dryRun")
        deletion = property_changes.delete(
            workspace,
            reference,
            instead=asked.get("instead", ""),
            breaking=_breaking(asked),
            dry_run=_flag(asked, "dryRun"),
            by=By(source=Channel.API),
        )
        _refresh(workspace, asked)
        rewritten = [{"_id": each.pk, "name": each.name} for each in deletion.rewritten]
        return _changed(asked, deletion.deleted, holders=deletion.holders, rewrittenSegments=rewritten)


class _Rejects:
    """Keeps every value that a change removes, so that none goes unsaid."""

    def __init__(self, dropped: bool) -> None:
        self.dropped = dropped
        self.told: list[dict[str, Any]] = []

    def __call__(self, reject: Reject) -> None:
        if self.dropped:
            if len(self.told) == MOST_REJECTS:
                raise Conflict(
                    f"More than {MOST_REJECTS:,} values do not convert; manage.py change_property --rejects lists all."
                )
            self.told.append(reject.as_json())


def _reference(workspace: Workspace, name: str, tags: bool = False) -> str:
    """The workspace's own property, or with `tags` also its substitution tag, that the path names."""
    reference = property_changes.reference(workspace, name)
    if reference not in properties.schema(workspace).own or not (tags or reference.startswith(CUSTOM)):
        raise NotFound("Property not found")
    return reference


def _breaking(asked: Mapping[str, Any]) -> Breaking:
    return Breaking(asked.get("segments", Breaking.REFUSE))


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    return asked.get(name) in (True, "true")


def _refresh(workspace: Workspace, asked: Mapping[str, Any]) -> None:
    """Take in the contacts that were written, which are all who have a value."""
    if not _flag(asked, "dryRun"):
        refresh(workspace)


def _changed(asked: Mapping[str, Any], deleted: Sequence[Broken], **more: Any) -> Response:
    segments = [each.as_json() for each in deleted]
    return Response(swipeone.success({**more, "deletedSegments": segments, "dryRun": _flag(asked, "dryRun")}))


# What a parameter may be, and how that is said.
_KINDS = tuple(kind.value for kind in Kind)
_TEXT: tuple[Callable[[Any], bool], str] = (lambda value: isinstance(value, str), "a text")
_LIST: tuple[Callable[[Any], bool], str] = (lambda value: isinstance(value, list), "a list")
_FLAG: tuple[Callable[[Any], bool], str] = (lambda value: value in (True, False, "true", "false"), "true or false")
_PARAMETERS = {
    "name": _TEXT,
    "label": _TEXT,
    "instead": _TEXT,
    "type": (lambda value: value in _KINDS, f"one of {listed(_KINDS)}"),
    "options": _LIST,
    "addOptions": _LIST,
    "removeOptions": _LIST,
    "segments": (lambda value: value in tuple(Breaking), f"one of {listed(Breaking)}"),
    "dropRejects": _FLAG,
    "dryRun": _FLAG,
}


def _read(sent: Any, allowed: str, needed: str = "") -> dict[str, Any]:
    """The parameters; one that nobody knows is refused, for it may be a misspelt dryRun. Raises Invalid."""
    names = tuple(allowed.split())
    if not isinstance(sent, dict):
        raise Invalid([Problem("", f"give an object with {listed(names)}")])
    problems = [Problem(name, f"is no parameter; use {listed(names)}", names) for name in sent if name not in names]
    problems += [Problem(name, f"give {_PARAMETERS[name][1]}") for name in needed.split() if name not in sent]
    for name in names:
        fits, said = _PARAMETERS[name]
        if name in sent and not fits(sent[name]):
            problems.append(Problem(name, f"is {sent[name]!r}; give {said}"))
    if problems:
        raise Invalid(problems)
    return sent


def _property(held: Property) -> dict[str, Any]:
    return {
        "property": CUSTOM + held.name,
        "name": held.name,
        "label": str(held),
        "type": held.type,
        "options": held.options,
    }


def _entry(entry: Entry, options: Sequence[Any]) -> dict[str, Any]:
    type_ = entry.type
    return {
        "property": type_.reference,
        "name": type_.reference.removeprefix(CUSTOM),
        "label": type_.label,
        "type": type_.kind,
        "operators": operators_for(type_.kind),
        "options": options,
        "known": entry.known,
        "missing": entry.missing,
        "fillRate": entry.fill_rate,
        "misfits": entry.misfits,
        "distinct": entry.distinct,
        "lowest": entry.lowest,
        "highest": entry.highest,
        "values": [{"value": each.value, "count": each.count} for each in entry.values],
        "asOf": iso(milliseconds(entry.as_of)) if entry.as_of else None,
    }
