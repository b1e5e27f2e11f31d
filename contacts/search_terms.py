"""Whom somebody means who types an e-mail address, a phone number or an id."""

import re

from django.db.models import Q

from contacts.models import contact_id
from contacts.values import as_phone

_NUMERAL, _PHONE = (re.compile(shape, re.ASCII) for shape in (r"\d{1,18}", r"\+?[\d ().-]{6,}"))


def id_of(term: str) -> int | None:
    """The id that a search names, as the admin's or as the API's addresses have it."""
    return int(term) if _NUMERAL.fullmatch(term) else contact_id(term)


def identified(term: str) -> Q:
    """The contacts that a search may mean, each by an index. For a queryset in which `lowered` is Lower("email")."""
    if "\0" in term:  # which PostgreSQL takes in no text
        return Q(pk__in=[])
    meant = Q(external_id=term) | (Q(lowered__startswith=term.lower()) & ~Q(email=""))
    pk = id_of(term)
    return meant if pk is None else meant | Q(pk=pk)


def meant(term: str) -> Q:
    """The same and those with this phone number, which has no index."""
    return identified(term) | Q(phone=as_phone(term)) if _PHONE.fullmatch(term) else identified(term)
