"""What the management commands share: finding a workspace, writing what was rejected, and saying no."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from django.core.management.base import CommandError
from django.utils.functional import Promise

from workspaces.models import Workspace
from workspaces.problems import Invalid


def refuse(message: str | Promise, status: int = 2) -> NoReturn:
    """End the command with a message and an exit status."""
    raise CommandError(message, returncode=status)


def refuse_problems(error: Invalid, status: int = 2) -> NoReturn:
    """End the command with everything that is wrong, a line each."""
    refuse("\n".join(map(str, error.problems)), status)


@contextmanager
def rejects_file(path: str | None) -> Iterator[TextIO | None]:
    """A file to write what was not taken to, where a path is given."""
    if path is None:
        yield None
        return
    try:
        file = Path(path).open("w", encoding="utf-8", newline="")  # noqa: SIM115
    except OSError as error:
        refuse(f"--rejects {path} cannot be written: {error.strerror}.")
    with file:
        yield file


def find_workspace(text: str) -> Workspace:
    """A workspace by its id or its exact name."""
    found = list(Workspace.objects.filter(pk=text)) or list(Workspace.objects.filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    known = "\n".join(f"  {workspace.pk}  {workspace.name}" for workspace in Workspace.objects.all()[:20])
    problem = f"There are several workspaces called {text}; use an id" if found else f"There is no workspace {text}"
    refuse(f"{problem}:\n{known}" if known else f"{problem}. Make one with create_workspace.")


def every_message(error: Any) -> str:
    """All that a ValidationError says, field by field."""
    named = getattr(error, "message_dict", {"": error.messages})
    return "\n".join(
        f"{field}: {text}" if field.strip("_") not in ("", "all") else text
        for field, texts in named.items()
        for text in texts
    )
