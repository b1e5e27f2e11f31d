"""Write and read the opaque cursors of a walk through people."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from contacts.values import milliseconds
from workspaces.problems import Invalid, Problem

Value = str | float | bool | None

_LARGEST = 2**63 - 1
_LATEST = milliseconds(datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True)
class Cursor:
    """A contact, and the moment (milliseconds UTC) at which the walk began: relative dates stay where they were.

    In a walk that is sorted also how, and where the contact stood: its values then, as columns hold them.
    """

    contact_id: int
    now: int
    order: str = ""
    values: tuple[Value, ...] = ()

    def write(self) -> str:
        document = orjson.dumps([self.contact_id, self.now, self.order, self.values])
        return base64.urlsafe_b64encode(document).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, parameter: str, order: str = "") -> "Cursor":
        """Raises Invalid for anything that `write` did not make, and for a cursor of a walk in another order."""
        match _document(text):
            case [int(contact_id), int(now), str(sent_order), list(values)] if _fit(contact_id, now, values):
                if sent_order != order:
                    raise Invalid([Problem(parameter, "is a cursor of a list that is sorted in another way")])
                return cls(contact_id, now, order, tuple(values))
        raise Invalid([Problem(parameter, "is not a cursor; give back one that a page of this list gave you")])


def _document(text: str) -> object:
    try:
        return orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        return None


def _fit(contact_id: int, now: int, values: list[object]) -> bool:
    whole = type(contact_id) is int and type(now) is int and contact_id >= 0 and 0 <= now <= _LATEST
    return whole and all(
        each is None or isinstance(each, str | float) or (isinstance(each, int) and abs(each) <= _LARGEST)
        for each in (contact_id, now, *values)
    )
