"""What several processes and several users of the machine have in common: directories, and names of users."""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SHARED = Path("/var/lib/segmenter")  # where root puts what the server's user cannot reach where it lies


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    # The lock is on the directory itself: a lock file made by root would shut out the next user.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        with suppress(OSError):  # a new cluster's name shall survive a power cut; not every file system can say so
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opened(path: Path) -> Path:
    path.chmod(0o755)
    return path


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
