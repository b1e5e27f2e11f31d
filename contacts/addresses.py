"""Read e-mail addresses and phone numbers as values does, many times faster where they are as they should be.

Pure Python, like values.
"""

import functools
import re

import phonenumbers

from contacts.values import Refused, as_email, as_phone

_SIMPLE_LOCAL_PART = re.compile(r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def email(text: str) -> str:
    """What as_email gives, found in a twentieth of the time for plain addresses at a domain met before."""
    local, _, domain = text.rpartition("@")
    if len(local) > 64 or len(text) > 200 or not domain.isascii() or not _SIMPLE_LOCAL_PART.fullmatch(local):
        return as_email(text)
    return f"{local}@{_domain(domain)}"


def is_domain(domain: str) -> bool:
    """Whether addresses at this domain are right, and spelled as as_email gives them."""
    try:
        return _domain(domain) == domain
    except Refused:
        return False


@functools.lru_cache(20_000)
def _domain(domain: str) -> str:
    return as_email(f"somebody@{domain}").rpartition("@")[2]


def phone(text: str) -> str:
    """What as_phone gives, found in a thirtieth of the time for numbers that are as they should be."""
    if not _INTERNATIONAL.fullmatch(text):
        return as_phone(text)
    for end in (2, 3, 4):
        code = int(text[1:end])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            # People write the prefix of calls inside the country after its code, +49 0… or +44 0…; it has to go.
            prefix = _national_prefix(code)
            return as_phone(text) if prefix and prefix.match(text, end) else text
    return text


@functools.lru_cache(20_000)
def is_without_prefix(start: str) -> bool:
    """Whether `phone` gives every number that is as it should be and begins with these four characters as it is.

    So it is where nobody puts a prefix before calls inside the country, or one of a few plain digits, and not this.
    """
    for end in (2, 3, 4):
        code = int(start[1:end])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            prefix = _national_prefix(code)
            if prefix is None:
                return True
            digits = prefix.pattern
            return digits.isdecimal() and end < len(start) and start[end] != digits[0]
    return True


@functools.cache
def _national_prefix(code: int) -> re.Pattern[str] | None:
    region = phonenumbers.region_code_for_country_code(code)
    known = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    return re.compile(known.national_prefix_for_parsing) if known and known.national_prefix_for_parsing else None
