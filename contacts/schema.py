"""The properties that rules over one workspace may name: what each is called, its type, where its values lie.

A reference is how rules and APIs name a property: a bare built-in ("email"), "customProperties.plan" or
"substitutionTags.coupon". Pure Python, so that the rule engine can use it.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from contacts.builtin import BUILTIN
from contacts.values import Kind

CUSTOM = "customProperties."
TAG = "substitutionTags."


@dataclass(frozen=True)
class PropertyType:
    reference: str
    label: str
    kind: Kind
    column: str  # its name in the snapshot: never the property's own name, which may be used again
    normalise: Callable[[Any], Any] | None = field(default=None, compare=False)


BUILTIN_TYPES: dict[str, PropertyType] = {
    row.name: PropertyType(row.name, row.label, row.kind, row.name, row.normalise) for row in BUILTIN.values()
}


@dataclass(frozen=True)
class Schema:
    """The built-in properties and those that the workspace has beside them."""

    own: Mapping[str, PropertyType]
    zone: tzinfo = UTC

    def get(self, reference: str) -> PropertyType | None:
        return self.own.get(reference) or BUILTIN_TYPES.get(reference)

    def types(self) -> list[PropertyType]:
        return [*BUILTIN_TYPES.values(), *self.own.values()]

    def references(self) -> list[str]:
        return [*BUILTIN_TYPES, *self.own]

    def nearest(self, reference: str) -> list[str]:
        """The references most like one that does not exist, at most five."""
        bare: dict[str, list[str]] = {}  # without "customProperties.", in which they are all alike
        for name in self.references():
            bare.setdefault(name.rpartition(".")[2].lower(), []).append(name)
        found = difflib.get_close_matches(reference.rpartition(".")[2].lower(), bare, 5, 0.6)
        return [name for tail in found for name in bare[tail]][:5]

    def plus(self, types: Iterable[PropertyType]) -> "Schema":
        return Schema({**self.own, **{type_.reference: type_ for type_ in types}}, self.zone)


def custom_type(name: str, label: str, kind: Kind, property_id: int | None) -> PropertyType:
    """A custom property; one that is not stored yet has no id."""
    return PropertyType(CUSTOM + name, label or name, kind, f"p{property_id}" if property_id else "")


def tag_type(tag: str, tag_id: int | None) -> PropertyType:
    return PropertyType(TAG + tag, tag, Kind.TEXT, f"t{tag_id}" if tag_id else "")
