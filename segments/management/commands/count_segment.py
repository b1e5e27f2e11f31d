"""manage.py count_segment: how many people are in a segment, exactly and now."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segments.commands import find_segment, said
from segments.engine import audience
from workspaces.commands import refuse_problems
from workspaces.problems import Invalid


class Command(BaseCommand):
    help = "Count a segment's people. The last line is the number."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segment", help="its id, or its name where only one segment has it")

    def handle(self, *args: Any, **options: Any) -> None:
        segment = find_segment(options["segment"])
        started = time.perf_counter()
        try:
            people = audience.of(segment)
        except Invalid as error:
            refuse_problems(error, status=1)
        milliseconds = (time.perf_counter() - started) * 1000
        if segment.tree is not None:
            self.stdout.write(said(segment))
        self.stdout.write(f"{people.count:,} of {people.people:,} people, in {milliseconds:.1f} ms")
        self.stdout.write(str(people.count))
