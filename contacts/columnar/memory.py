"""Have a process that works through much data hold little of it."""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def give_back() -> None:
    """Have the C library give large pieces back as soon as they are free, where it is glibc.

    Otherwise it keeps a heap for every thread, and half of what an import holds is memory that nobody uses.
    """
    with suppress(OSError, AttributeError):
        for option, value in (_M_MMAP_THRESHOLD, 128 * 1024), (_M_ARENA_MAX, 1):
            ctypes.CDLL(None).mallopt(option, value)
