"""Say as a rule whom somebody looks for by typing a few words, and find them."""

import re
from collections.abc import Sequence

from contacts.values import Refused, clean
from segments.engine import audience
from segments.engine.audience import Audience
from segments.references import RuleWithPins
from segments.rules.tree import All, Any, Condition, Rule
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

SEARCHED = ("fullName", "email", "phone", "externalId")
MOST_WORDS = 10

_IN_NUMBERS = re.compile(r"[\s()./-]+")


def containing(text: str, path: str = "searchText") -> All:
    """Everybody who has each word in their name, e-mail address, phone number or external id. Raises Invalid."""
    return All(tuple(map(_anywhere, _words(text, path))))


def found(
    workspace: Workspace, text: str, wanted: RuleWithPins, now: int | None = None, path: str = "searchText"
) -> Audience:
    """Those of an audience whom `containing` means too. Raises Invalid, SnapshotBusy.

    Only for the longest word everybody is looked at, and for the others those who have it: a scan is what takes long.
    """
    first, *others = sorted(_words(text, path), key=len, reverse=True) or [""]
    if not first:
        return audience.several(workspace, [wanted], now)[0]
    both = [wanted, RuleWithPins(_anywhere(first))]
    members, having = audience.several(workspace, both, now, also=SEARCHED)
    return (members & having).where(All(tuple(map(_anywhere, others))))


def _words(text: str, path: str) -> Sequence[str]:
    try:
        words = clean(text).split()
    except Refused as error:
        raise Invalid([Problem(path, str(error))]) from None
    if len(words) > MOST_WORDS:
        raise Invalid([Problem(path, f"has {len(words)} words; give {MOST_WORDS} at most")])
    return words


def _anywhere(word: str) -> Rule:
    return Any(tuple(Condition(name, "contains", _number(word) if name == "phone" else word) for name in SEARCHED))


def _number(word: str) -> str:
    """A part of a phone number without what people write into one: numbers are kept as +34600123456."""
    digits = _IN_NUMBERS.sub("", word)
    return digits if digits.lstrip("+").isdigit() else word
