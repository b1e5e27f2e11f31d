"""Write contacts as JSON documents."""

from typing import Any

from contacts.models import Contact, wire_id
from contacts.values import iso, milliseconds


def write(contact: Contact) -> dict[str, Any]:
    """A contact in Swipe One's form: its documented name and e-mail, and beside them everything that is known."""
    return {
        "_id": wire_id(contact.pk),
        "name": contact.full_name or None,
        "email": contact.email or None,
        "firstName": contact.first_name or None,
        "lastName": contact.last_name or None,
        "fullName": contact.full_name or None,
        "phone": contact.phone or None,
        "externalId": contact.external_id or None,
        "tags": contact.tags,
        **contact.profile,
        "customProperties": contact.custom,
        "substitutionTags": contact.substitution_tags,
        "workspaceId": contact.workspace_id,
        "createdAt": iso(milliseconds(contact.created_at)),
        "updatedAt": iso(milliseconds(contact.updated_at)),
    }
