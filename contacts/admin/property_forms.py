"""The forms in which somebody describes properties and substitution tags."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError

from contacts import properties
from contacts.models import MOST_PROPERTIES, MOST_TAGS, Property
from contacts.values import Kind, Refused, clean
from contacts.writing import conversion
from workspaces.locks import lock
from workspaces.models import Workspace


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
