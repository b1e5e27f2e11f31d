"""Make and recognise the ids of 24 hex digits that everything carries on the wire."""

import itertools
import os
import re
import time

_PROCESS = os.urandom(5).hex()
_COUNTER = itertools.count(int.from_bytes(os.urandom(3)))
_SHAPE = re.compile(r"[0-9a-f]{24}")


def new_id() -> str:
    """24 lower-case hex digits in the form of an ObjectId: seconds, process, counter; ascending in time."""
    return f"{int(time.time()):08x}{_PROCESS}{next(_COUNTER) & 0xFFFFFF:06x}"


def id_of(number: int) -> str:
    """A row's number as an id on the wire."""
    return f"{number:024x}"


def is_id(text: str) -> bool:
    return _SHAPE.fullmatch(text) is not None
