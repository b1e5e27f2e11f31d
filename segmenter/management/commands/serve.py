"""manage.py serve: the HTTP service, its static files, the background work and a worker, from one command."""

import multiprocessing
import os
import socket
import time
from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from contacts import refresher
from contacts.worker import Worker
from segments.growth import recorder

THREADS_A_WORKER = 4


class Command(BaseCommand):
    help = "Serve the API and the admin over HTTP."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 4))

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not up to date. Run manage.py migrate first.", returncode=2)
        connection.close()
        serve(options["host"], options["port"], options["workers"])


def serve(host: str, port: int, workers: int) -> None:
    """Until interrupted. Raises CommandError when somebody listens there already."""
    _check_free(host, port)
    # Polars is multi-threaded: a worker forked from a process that has used it may hang.
    multiprocessing.set_start_method("spawn", force=True)
    Thread(target=_say_when_it_answers, args=[host, port], name="say when it answers", daemon=True).start()
    stopped, worker = [refresher.start(), recorder.start()], Worker()
    try:
        Server(
            "segmenter.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=THREADS_A_WORKER,
            respawn_failed_workers=True,
            websockets=False,
            log_level=LogLevels.warning,  # it says that it listens while its workers still load
        ).serve()
    finally:
        for each in stopped:
            each.set()
        worker.stop()


def _say_when_it_answers(host: str, port: int) -> None:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    known = [name for name in settings.ALLOWED_HOSTS if name[0] not in ".*"]  # another one would be logged as an attack
    while True:
        try:
            asked = HTTPConnection(here, port, timeout=60)
            asked.request("GET", "/healthz", headers={"Host": known[0] if known else "localhost"})
            asked.getresponse().read()
            break
        except (OSError, HTTPException):
            time.sleep(0.1)
    shown = f"[{host}]" if ":" in host else host
    print(f"Listening on http://{shown}:{port}. Ctrl-C stops it.", flush=True)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host} port {port}: {error}. Try another --port.") from None
