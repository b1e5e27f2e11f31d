"""Read the whole database as it is at one moment, in several statements and from a second connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, transaction


@contextmanager
def one_moment(*, durable: bool = False) -> Iterator[None]:
    """All reads inside see the same, unless somebody's transaction is open already; with `durable` that is an error."""
    if connection.in_atomic_block and not durable:
        yield
        return
    with transaction.atomic(durable=durable), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def beside() -> psycopg.Connection[Any]:
    """A connection of its own, which goes on seeing the moment of the transaction that calls this.

    For answers that outlive their view: a server may send them from another thread, which has another connection of
    Django's. Closing it ends its transaction. What the calling transaction itself has written it does not see.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        [(moment,)] = cursor.fetchall()
    held: psycopg.Connection[Any] = connection.get_new_connection(connection.get_connection_params())
    try:
        held.isolation_level, held.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        held.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(moment))
    except BaseException:
        held.close()
        raise
    return held
