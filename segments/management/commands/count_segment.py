"""manage.py count_segment: how many people are in a segment, exactly and now."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contacts import properties
from segments import audience
from segments.models import Segment
from segments.rules.check import check
from segments.rules.words import sentence
from workspaces.commands import refuse
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
            refuse("\n".join(map(str, error.problems)), status=1)
        milliseconds = (time.perf_counter() - started) * 1000
        if segment.tree is not None:
            self.stdout.write(said(segment))
        self.stdout.write(f"{people.count:,} of {people.people:,} people, in {milliseconds:.1f} ms")
        self.stdout.write(str(people.count))


def said(segment: Segment) -> str:
    """The segment's rule as a sentence."""
    if segment.tree is None:
        return "The people added by hand."
    names = dict(segment.workspace.segments.live().values_list("pk", "name"))
    checked = check(segment.tree, properties.schema(segment.workspace))
    return sentence(checked, lambda pk: names.get(pk, pk))


def find_segment(text: str) -> Segment:
    live = Segment.objects.live().select_related("workspace")
    found = list(live.filter(pk=text)) or list(live.filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    several = f"There are several segments called {text}; use an id."
    return refuse(several if found else f"There is no segment {text}.")
