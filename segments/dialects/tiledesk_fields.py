"""What Tiledesk calls the properties of a contact, in filters and in leads."""

from contacts.builtin import BUILTIN
from contacts.schema import CUSTOM, TAG

# Fields of a lead that have another name here. attributes.x and properties.x are the custom property x; any other
# name is the built-in property, else the custom one.
FIELDS = {"lead_id": "externalId", "fullname": "fullName"}
CUSTOM_FIELDS = ("attributes.", "properties.")


def reference(field: str) -> str:
    """The property that a field names."""
    for prefix in CUSTOM_FIELDS:
        if field.startswith(prefix):
            return CUSTOM + field.removeprefix(prefix)
    if field in BUILTIN or field.startswith((CUSTOM, TAG)):
        return field
    return FIELDS.get(field, CUSTOM + field)


def field_of(reference: str) -> str:
    """The field by which a property is written: attributes.x for the custom property x."""
    if reference.startswith(CUSTOM):
        name = reference.removeprefix(CUSTOM)
        return "attributes." + name
    return next((field for field, named in FIELDS.items() if named == reference), reference)
