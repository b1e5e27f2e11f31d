"""Do what a request asks for once, however often it is sent: its answer is kept for 24 hours and given again."""

from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from workspaces.locks import lock
from workspaces.models import Workspace
from workspaces.problems import Conflict, Invalid, Problem

KEPT = timedelta(hours=24)
LONGEST_KEY = 255


def read_key(header: str) -> str:
    """The key of a request, "" for none. Raises Invalid."""
    key = header.strip()
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid([Problem("Idempotency-Key", f"give up to {LONGEST_KEY} printable characters")])
    return key


def once(workspace: Workspace, key: str, request: bytes, work: Callable[[], bytes]) -> tuple[bytes, bool]:
    """What the work answers, or has answered before to a request with this digest; and whether it was done just now.

    All it writes and its answer are one transaction: a process that dies leaves both or neither. Of two at once the
    second waits for the first. Raises Conflict if another request came with the key.
    """
    with transaction.atomic():
        lock("idempotency", workspace.pk, key)
        kept = workspace.kept_answers.filter(key=key, created_at__gt=timezone.now() - KEPT).first()
        if kept is not None:
            if bytes(kept.request) != request:
                raise Conflict("This Idempotency-Key came with another body before; use a new key for a new request.")
            return bytes(kept.answer), False
        answer = work()
        forget()
        workspace.kept_answers.filter(key=key).delete()  # an old one that somebody else was deleting just now
        workspace.kept_answers.create(key=key, request=request, answer=answer)
    return answer, True


def forget() -> None:
    """Delete the answers of all workspaces that are no longer kept, but those that somebody else is deleting."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM workspaces_keptanswer WHERE id IN (
                SELECT id FROM workspaces_keptanswer WHERE created_at <= %s FOR UPDATE SKIP LOCKED
            )
            """,
            [timezone.now() - KEPT],
        )
