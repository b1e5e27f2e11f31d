"""manage.py export_segment: write a segment's people to a file."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segments.commands import add_export_arguments, find_segment, write_export
from segments.references import RuleWithPins


class Command(BaseCommand):
    requires_system_checks = []  # they load all views: half a second and 20 MB
    help = "Write a segment's people as CSV or NDJSON. The last line says how many; import_contacts reads it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segment", help="its id, or its name where only one segment has it")
        add_export_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        segment = find_segment(options["segment"])
        write_export(self, segment.workspace, lambda: RuleWithPins(segment.tree, segment), options)
