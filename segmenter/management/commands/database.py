"""Start, stop or show the PostgreSQL server that Segmenter runs for itself."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from segmenter.embedded import server
from segmenter.embedded.errors import PostgresError

FOREIGN = "DATABASE_URL names the database server in use, which is not Segmenter's own"


class Command(BaseCommand):
    help = "Start, stop or show the PostgreSQL server that Segmenter runs for itself where DATABASE_URL is not set."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if not os.environ.get("DATABASE_URL", "").strip():
            self.stdout.write(own_server(action))
        elif action == "status":
            self.stdout.write(f"{FOREIGN}.")
        else:
            raise CommandError(f"{FOREIGN}: {action} it with its own tools, or unset DATABASE_URL.")


def own_server(action: str) -> str:
    """Act on our own server and say in one sentence how it stands after that."""
    try:
        if action == "start":
            server.ensure_running(settings.DATA_DIR)
        stopped = action == "stop" and server.stop(settings.DATA_DIR)
        now = server.status(settings.DATA_DIR)
    except PostgresError as error:
        raise CommandError(str(error)) from error
    place = f"data in {now.cluster}" if now.cluster else f"no data in {settings.DATA_DIR} yet"
    if now.pid:
        return f"PostgreSQL runs: process {now.pid}, {place}."
    if action == "status":
        raise CommandError(f"PostgreSQL does not run: {place}.")
    return f"PostgreSQL {'has stopped' if stopped else 'did not run'}: {place}."
