"""manage.py refresh_snapshots: take what was written into the columnar snapshots and the catalogue."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contacts import refresher
from contacts.columnar import catalogue
from contacts.columnar.refresh import refresh
from workspaces.commands import find_workspace
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Take what was written since into the columnar snapshots, of one workspace or of all. Safe at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", nargs="?", help="its id or name; all that have something new if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["workspace"]
        workspaces = [find_workspace(named).pk] if named else refresher.marked_workspaces()
        started, written = time.monotonic(), 0
        for workspace in workspaces:
            done = refresh(workspace)
            catalogue.keep(Workspace.objects.get(pk=workspace))
            written += done.written
            self.stdout.write(
                f"{workspace}: {done.written:,} contacts written, {done.gone:,} of them gone"
                f"{', chunks rewritten' if done.merged else ''}"
            )
        seconds = time.monotonic() - started
        self.stdout.write(f"{len(workspaces):,} workspaces, {written:,} contacts in {seconds:.2f} s")
