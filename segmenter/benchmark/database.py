"""Make a scratch database that is dropped whatever happens, and run SQL in it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.db import connection
from psycopg.conninfo import make_conninfo

_STOPS = signal.SIGINT, signal.SIGTERM

# Of the server's own defaults these two are for spinning disks and little memory; SQL shall not suffer from them.
_TUNED = {"work_mem": "64MB", "random_page_cost": "1.1", "maintenance_work_mem": "512MB"}


@contextmanager
def scratch_database() -> Iterator[None]:
    """A database of its own for as long as this lasts; nothing of yours is touched.

    SIGTERM is taken like Ctrl-C meanwhile, so that either leaves nothing behind.
    """
    usual, scratch = connection.settings_dict["NAME"], f"segmenter_benchmark_{time.time_ns()}"
    before = [signal.signal(each, _interrupt) for each in _STOPS]
    try:
        _elsewhere(f"CREATE DATABASE {scratch}")
        for name, value in _TUNED.items():
            _elsewhere(f"ALTER DATABASE {scratch} SET {name} = '{value}'")
        connection.close()
        connection.settings_dict["NAME"] = scratch
        call_command("migrate", verbosity=0)
        yield
    finally:
        with undisturbed():
            connection.close()
            connection.settings_dict["NAME"] = usual
            _elsewhere(f"DROP DATABASE IF EXISTS {scratch} WITH (FORCE)")
        for each, handler in zip(_STOPS, before, strict=True):
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """For cleaning up: whoever presses Ctrl-C again meanwhile is not heard."""
    before = [signal.signal(each, signal.SIG_IGN) for each in _STOPS]
    try:
        yield
    finally:
        for each, handler in zip(_STOPS, before, strict=True):
            signal.signal(each, handler)


def _elsewhere(statement: str) -> None:
    with connection.creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement)


def conninfo() -> str:
    """Where the database is, as DATABASE_URL takes it."""
    connection.ensure_connection()
    info = connection.connection.info
    return make_conninfo(info.dsn, **({"password": info.password} if info.password else {}))


def execute(query: str, params: dict[str, Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall() if cursor.description else []
