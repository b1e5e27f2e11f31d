"""The admin of contacts, their properties and substitution tags, without what segments add and register."""

import difflib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from procrastinate.contrib.django import admin as procrastinate_admin  # noqa: F401  registers what is taken out below
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts import properties
from contacts.admin.imports import ImportJobAdmin
from contacts.builtin import BUILTIN
from contacts.models import MOST_PROPERTIES, MOST_TAGS, Contact, ImportJob, Property
from contacts.schema import CUSTOM, Schema
from contacts.values import Kind, Refused, as_opaque, clean
from contacts.writing import conversion, keys, upserts
from workspaces.admin.workspaces import ScopedAdmin, WorkspaceFilter
from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

admin.site.unregister(ProcrastinateJob)  # jobs of all workspaces; imports have rows of their own
admin.site.register(ImportJob, ImportJobAdmin)


class JsonField(forms.Field):
    """JSON, an object or a list, that stands as it was typed until it is right. Nothing typed: an empty one."""

    widget = AdminTextareaWidget

    def __init__(self, shape: type, **kwargs: Any) -> None:
        self.shape = shape
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)

    def to_python(self, value: str | None) -> Any:
        if not (value or "").strip():
            return self.shape()
        try:
            found = as_opaque(
                json.loads(value or "", object_pairs_hook=_object, parse_constant=_no, parse_float=_finite)
            )
        except Refused as error:
            raise ValidationError(f"This {error}.") from None
        except ValueError as error:
            raise ValidationError(f"This is not JSON: {error}.") from None
        except RecursionError:
            raise ValidationError("This is nested too deeply.") from None
        if not isinstance(found, self.shape):
            raise ValidationError(
                'Give a list, like ["a", "b"].' if self.shape is list else 'Give an object, like {"a": 1}.'
            )
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return not same(initial, self.to_python(data))
        except ValidationError:
            return True


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are written alike: for Python 1 equals true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Refused(f"names {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _no(constant: str) -> Any:
    raise Refused(f"holds {constant}, which JSON does not have")


def _finite(numeral: str) -> float:
    if not math.isfinite(float(numeral)):
        raise Refused(f"holds a number that is too large, {numeral}")
    return float(numeral)


# --- properties and tags -------------------------------------------------------------------------------------------


class OptionsField(forms.Field):
    """Values to choose from, one a line. One that a line cannot hold as it is stands there as a JSON text."""

    widget = AdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(_line, value)) if isinstance(value, list) else value

    def to_python(self, value: str | None) -> list[str]:
        return [_read_line(line) for line in (value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(map(_read_line, map(_line, initial or []))) != self.to_python(data)


def _line(option: Any) -> str:
    text = option if isinstance(option, str) else json.dumps(option, ensure_ascii=False)
    return text if text.splitlines() == [text] and _read_line(text) == text else json.dumps(text, ensure_ascii=False)


def _read_line(line: str) -> str:
    line = line.strip()
    if len(line) > 1 and line[0] == line[-1] == '"':
        with suppress(ValueError):
            return str(json.loads(line))
    return line


class PropertyForm(forms.ModelForm):
    options = OptionsField(help_text="The values offered for choice, one a line. People may have others too.")

    class Meta:
        model = Property
        fields = ("workspace", "name", "type", "label", "options")
        help_texts = {
            "name": "As the API and files call it, like lastOrder. It stays for good.",
            "label": "As people read it, like Last order. Empty: its name.",
        }

    def clean_name(self) -> str:
        try:
            return properties.check_name(self.cleaned_data["name"])
        except Refused as error:
            raise ValidationError(f"This {error}.") from None

    def clean(self) -> dict[str, Any] | None:
        workspace = self.cleaned_data.get("workspace")
        if workspace:  # asked for while there is no property yet
            lock("snapshot", workspace.pk)  # as in properties.declare: nobody else adds one until this is saved
            if workspace.properties.count() >= MOST_PROPERTIES:
                self.add_error(None, f"A workspace can have {MOST_PROPERTIES} custom properties; {workspace} has them.")
        elif self.instance.pk:
            workspace = self.instance.workspace
        kind = self.cleaned_data.get("type") or self.instance.type
        if workspace and kind and "options" in self.changed_data:
            self.cleaned_data["options"] = list(self.offered(Kind(kind), workspace))
        return super().clean()

    def offered(self, kind: Kind, workspace: Workspace) -> Iterator[Any]:
        for line in self.cleaned_data["options"]:
            try:
                yield conversion.converted_option(kind, line, workspace.zone)
            except Refused as error:
                self.add_error("options", f"{line} {error}.")


class PropertyAdmin(ScopedAdmin):
    form = PropertyForm
    list_filter = (("workspace", WorkspaceFilter), "type")
    list_select_related = ("workspace",)
    search_fields = ("name", "label")


class SubstitutionTagForm(forms.ModelForm):
    def clean_tag(self) -> str:
        try:
            return clean(self.cleaned_data["tag"])
        except Refused as error:
            raise ValidationError(f"This {error}.") from None

    def clean(self) -> dict[str, Any] | None:
        if workspace := self.cleaned_data.get("workspace"):
            lock("snapshot", workspace.pk)  # as in properties.declare_tags
            if workspace.substitution_tags.count() >= MOST_TAGS:
                self.add_error(None, f"A workspace can have {MOST_TAGS} substitution tags; {workspace} has them.")
        return super().clean()


class SubstitutionTagAdmin(ScopedAdmin):
    form = SubstitutionTagForm
    list_filter = (("workspace", WorkspaceFilter),)
    list_select_related = ("workspace",)
    search_fields = ("tag", "description")


# --- contacts ------------------------------------------------------------------------------------------------------

_COLUMNS = {row.column: row for row in BUILTIN.values() if row.column and row.writable}
_PROFILE = {row.name: row for row in BUILTIN.values() if row.sql.startswith("profile ")}


class ContactForm(forms.ModelForm):
    """Takes what the API's upsert takes, read in the same way, but declares no properties.

    Only what is changed is checked: a value that was there before is in nobody's way.
    """

    tags = JsonField(list, help_text='Like ["vip", "beta"].')
    profile = JsonField(dict, help_text=f'Like {{"country": "ES"}}. There are {listed(_PROFILE, "and")}.')
    custom = JsonField(dict, help_text='The workspace\'s own properties by name, like {"plan": "pro"}.')
    substitution_tags = JsonField(dict, help_text='Values for messages by tag, like {"coupon": "SUMMER"}.')

    class Meta:
        model = Contact
        fields = (
            *("workspace", "email", "phone", "external_id", "first_name", "last_name", "lifecycle"),
            *("tags", "profile", "custom", "substitution_tags"),
        )
        widgets = dict.fromkeys(("email", "phone", "external_id", "first_name", "last_name"), AdminTextInputWidget)

    def clean(self) -> dict[str, Any]:
        workspace = self.instance.workspace if self.instance.pk else self.cleaned_data.get("workspace")
        if workspace:
            properties.hold_types(workspace)
            for held in Contact.objects.filter(pk=self.instance.pk):
                self.instance.custom = held.custom  # until the lock they could be converted to another type
            self.take(properties.schema(workspace))
            self.check_tags(workspace)
            self.check_external_id(workspace)
        return self.cleaned_data

    def take(self, schema: Schema) -> None:
        columns = [name for name in self.changed_data if name in _COLUMNS and name in self.cleaned_data]
        document = {_COLUMNS[name].name: self.cleaned_data[name] for name in columns}
        profile = self.added("profile", _profile_problem)
        custom = self.added("custom", lambda name: _custom_problem(name, schema))
        tags = self.added("substitution_tags")
        document |= {**profile, "customProperties": custom, "substitutionTags": tags}
        try:
            change = upserts.read(document, schema)
        except Invalid as error:
            for problem in error.problems:
                self.refuse(problem)
            return
        self.cleaned_data |= change.columns
        self.merge("profile", profile, change.profile)
        self.merge("custom", custom, change.custom)
        self.merge("substitution_tags", tags, change.substitution_tags)

    def added(self, field: str, problem_of: Callable[[str], str] = lambda name: "") -> dict[str, Any]:
        """The entries of an object that are new or different, without those that have a problem."""
        held, typed = getattr(self.instance, field), self.cleaned_data.get(field, {})
        new = {name: value for name, value in typed.items() if name not in held or not same(held[name], value)}
        problems = {name: problem for name in new if (problem := problem_of(name))}
        for problem in problems.values():
            self.add_error(field, problem)
        return {name: value for name, value in new.items() if name not in problems}

    def merge(self, field: str, added: dict[str, Any], taken: dict[str, Any]) -> None:
        if field in self.cleaned_data:
            kept = {name: value for name, value in self.cleaned_data[field].items() if name not in added}
            self.cleaned_data[field] = kept | {name: value for name, value in taken.items() if value is not None}

    def refuse(self, problem: Problem) -> None:
        """Say a problem of the API's document at the field of this form."""
        key, _, name = problem.path.partition(".")
        if field := {"customProperties": "custom", "substitutionTags": "substitution_tags"}.get(key):
            self.add_error(field, f"{name} {problem.message}.".strip())
        elif BUILTIN[key].column:
            self.add_error(BUILTIN[key].column, f"{BUILTIN[key].label} {problem.message}.")
        else:
            self.add_error("profile", f"{key} {problem.message}.")

    def check_tags(self, workspace: Workspace) -> None:
        tags = self.cleaned_data.get("substitution_tags", {})
        for message in properties.Admission(workspace, (), tags).problems({}, tags):
            self.add_error("substitution_tags", message)

    def check_external_id(self, workspace: Workspace) -> None:
        external_id = self.cleaned_data.get("external_id")
        if external_id and "external_id" in self.changed_data:
            keys.hold(workspace.pk, [("externalId", external_id)])
            holder = workspace.contacts.filter(external_id=external_id).exclude(pk=self.instance.pk).first()
            if holder:
                self.add_error("external_id", f"{holder} has this external id already.")


def _profile_problem(name: str) -> str:
    if name not in _PROFILE:
        nearest = difflib.get_close_matches(name, _PROFILE, 3)
        return f"There is no {name!r} here" + (f"; did you mean {listed(nearest)}?" if nearest else ".")
    return "" if _PROFILE[name].writable else f"Nobody can set {name}."


def _custom_problem(name: str, schema: Schema) -> str:
    if schema.get(CUSTOM + name.strip()):
        return ""
    try:
        properties.check_name(name)
    except Refused as error:
        return f"{name} {error}."
    nearest = [reference.removeprefix(CUSTOM) for reference in schema.nearest(CUSTOM + name)]
    return f"There is no property {name!r}" + (f"; did you mean {listed(nearest)}?" if nearest else ".")


class ContactAdmin(ScopedAdmin):
    form = ContactForm
    readonly_fields = ("wire_id", "created_at", "updated_at")
    search_fields = ("email",)  # Django asks for some; what is sought, and the list, is in segments

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ContactForm.Meta.fields if obj is None else (*ContactForm.Meta.fields, *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Contact, form: forms.ModelForm, change: bool) -> None:
        obj.updated_at = timezone.now()
        if "substitution_tags" in form.changed_data:
            properties.declare_tags(obj.workspace, obj.substitution_tags)
        if change:
            obj.save(update_fields=[*form.changed_data, "updated_at"])
        else:
            obj.created_at = obj.updated_at
            obj.save()
