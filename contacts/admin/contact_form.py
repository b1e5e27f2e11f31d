"""The form in which somebody writes a contact."""

import difflib
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget

from contacts import properties
from contacts.admin.json_field import JsonField, same
from contacts.builtin import BUILTIN
from contacts.models import Contact
from contacts.schema import CUSTOM, Schema
from contacts.values import Refused
from contacts.writing import keys, upserts
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

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
