"""What the management commands about one person share: finding that person, and saying who it is."""

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from contacts.models import Contact, Status, contact_id, wire_id
from workspaces.commands import refuse


def find_contact(held: QuerySet[Contact], text: str) -> Contact:
    """A contact by its id as APIs write it, else by its number, e-mail address or external id."""
    if (pk := contact_id(text)) is not None:
        named = Q(pk=pk)
    else:
        # PostgreSQL lowers both sides, as wherever people are found by their e-mail.
        named = (~Q(email="") & Q(lowered=Lower(Value(text)))) | (~Q(external_id="") & Q(external_id=text))
        if text.isascii() and text.isdigit() and len(text) < 20 and (pk := contact_id(wire_id(int(text)))):
            named |= Q(pk=pk)
    found = list(held.alias(lowered=Lower("email")).filter(named)[:20])
    if len(found) == 1:
        return found[0]
    several = "\n".join(["There are several people for that; use an id:", *(f"  {called(each)}" for each in found)])
    return refuse(several if found else f"There is nobody with the id, e-mail address or external id {text}.")


def called(contact: Contact) -> str:
    """Name, e-mail address and id."""
    trashed = "in the trash" if contact.lifecycle == Status.TRASHED else ""
    return "  ".join(filter(None, [contact.full_name, contact.email, contact.wire_id, trashed]))
