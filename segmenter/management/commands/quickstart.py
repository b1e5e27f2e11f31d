"""manage.py quickstart: everything from nothing to a served demo, in one command."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from segmenter import demo
from segmenter.management.commands.serve import serve
from segments.commands import said
from segments.engine import audience
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Start the database, bring it up to date, make a demo workspace, show what it can do, and serve it."
    requires_system_checks = ()  # they load all views, before the first word

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="stop after the table")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        with self.step("Starting PostgreSQL"):
            connection.ensure_connection()
        with self.step("Bringing the database up to date"):
            call_command("migrate", verbosity=0)
        with self.step(f"Setting up a demo shop with {demo.PEOPLE:,} people"):
            workspace = demo.make_workspace()
        known = demo.credentials(workspace)
        self.show_segments(workspace)
        self.show_addresses(workspace, known, options["port"])
        connection.close()
        if not options["no_serve"]:
            self.stdout.write("Starting the server ...")
            self.stdout.flush()
            serve("127.0.0.1", options["port"], workers=2)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Say what is being done, and then how long it took."""
        started = time.perf_counter()
        self.stdout.write(f"{doing} ...", ending="")
        self.stdout.flush()
        yield
        self.stdout.write(f" {time.perf_counter() - started:.1f} s")

    def show_segments(self, workspace: Workspace) -> None:
        segments = list(workspace.segments.live())
        for segment in segments:
            audience.of(segment)  # the first look decodes the columns; what follows is what every later one takes
        rows = []
        for segment in segments:
            started = time.perf_counter()
            people = audience.of(segment)
            rows.append((segment, people, (time.perf_counter() - started) * 1000))
        everybody = rows[0][1].people if rows else 0
        self.stdout.write(f"\n{workspace.name}: {everybody:,} people\n\n")
        width = max((len(segment.name) for segment, *_ in rows), default=0)
        for segment, people, milliseconds in rows:
            self.stdout.write(f"  {segment.name:<{width}}  {people.count:>7,} people  {milliseconds:5.1f} ms")
            self.stdout.write(f"  {'':<{width}}  {said(segment)}\n\n")

    def show_addresses(self, workspace: Workspace, known: dict[str, str], port: int) -> None:
        base = f"http://127.0.0.1:{port}"
        self.stdout.write(f"Admin     {base}/admin/   login {known['login']}   password {known['password']}")
        self.stdout.write(f"API       {base}/api/     x-api-key {known['key']}")
        self.stdout.write("\nTry:\n")
        self.stdout.write(f"""  curl -X POST "{base}/api/workspaces/{workspace.pk}/segments" \\
    -H "x-api-key: {known["key"]}" -H "Content-Type: application/json" \\
    -d '{{"name": "Pro plan, women", "criteria": {{"type": "and", "predicates": [
          {{"property": "customProperties.plan", "operator": "is", "value": "pro", "dataType": "string"}},
          {{"property": "gender", "operator": "is", "value": "Female", "dataType": "string"}}]}}}}'
  curl -H "x-api-key: {known["key"]}" "{base}/api/workspaces/{workspace.pk}/segments"
""")
