"""Say as a rule whom somebody looks for by typing a few words."""

import re

from contacts.values import Refused, clean
from segments.rules.tree import All, Any, Condition, Rule
from workspaces.problems import Invalid, Problem

SEARCHED = ("fullName", "email", "phone", "externalId")
MOST_WORDS = 10

_IN_NUMBERS = re.compile(r"[\s()./-]+")


def containing(text: str, path: str = "searchText") -> Rule:
    """Everybody who has each word in their name, e-mail address, phone number or external id. Raises Invalid."""
    try:
        words = clean(text).split()
    except Refused as error:
        raise Invalid([Problem(path, str(error))]) from None
    if len(words) > MOST_WORDS:
        raise Invalid([Problem(path, f"has {len(words)} words; give {MOST_WORDS} at most")])
    return All(tuple(_anywhere(word) for word in words))


def _anywhere(word: str) -> Rule:
    return Any(tuple(Condition(name, "contains", _number(word) if name == "phone" else word) for name in SEARCHED))


def _number(word: str) -> str:
    """A part of a phone number without what people write into one: numbers are kept as +34600123456."""
    digits = _IN_NUMBERS.sub("", word)
    return digits if digits.lstrip("+").isdigit() else word
