"""Take PostgreSQL's advisory locks by words, for the length of the transaction."""

from django.db import connection


def lock(*words: str) -> None:
    """Wait for the lock of these words and hold it to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [":".join(words)])


def share(*words: str) -> None:
    """Wait for the lock of these words and hold it, beside others who only share it, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [":".join(words)])
