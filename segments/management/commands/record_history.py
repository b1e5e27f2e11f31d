"""manage.py record_history: note for today how many people are in each segment, where no `serve` does it."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segments.growth import history
from workspaces.commands import find_workspace
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Note for today how many people are in each segment, and who came and went. Safe at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", nargs="?", help="its id or name; all if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["workspace"]
        workspaces = [find_workspace(named)] if named else list(Workspace.objects.order_by("pk"))
        started, counted = time.monotonic(), 0
        for workspace in workspaces:
            done = history.record(workspace)
            counted += done.counted
            broken = f", {done.broken:,} cannot be counted" if done.broken else ""
            self.stdout.write(f"{workspace}: {done.counted:,} segments recorded{broken}")
        self.stdout.write(f"{counted:,} segments in {time.monotonic() - started:.2f} s")
