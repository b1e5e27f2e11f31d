"""Write and read the opaque cursors of a walk through a segment's people."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from contacts.values import milliseconds
from workspaces.problems import Invalid, Problem

_WIDTH = 8  # bytes of each number
_LATEST = milliseconds(datetime(9999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True)
class Cursor:
    """A contact, and the moment (milliseconds UTC) at which the walk began: relative dates stay where they were."""

    contact_id: int
    now: int

    def write(self) -> str:
        numbers = self.contact_id.to_bytes(_WIDTH, signed=True) + self.now.to_bytes(_WIDTH, signed=True)
        return base64.urlsafe_b64encode(numbers).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, parameter: str) -> "Cursor":
        """Raises Invalid for anything that `write` did not make."""
        try:
            numbers = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            numbers = b""
        contact_id, now = (int.from_bytes(each, signed=True) for each in (numbers[:_WIDTH], numbers[_WIDTH:]))
        if len(numbers) != 2 * _WIDTH or contact_id < 0 or not 0 <= now <= _LATEST:
            raise Invalid([Problem(parameter, "is not a cursor; give back one that a page of this segment gave you")])
        return cls(contact_id, now)
