"""manage.py render_message: fill a message for the people of a segment."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from segments import messages
from segments.commands import add_output_argument, find_segment, write_stream
from segments.references import RuleWithPins
from workspaces.commands import refuse, refuse_problems
from workspaces.problems import Invalid


class Command(BaseCommand):
    help = (
        "Say for how many people each tag of a message can be filled, and show what a few would read; with --full "
        "write what everybody would, as NDJSON. The last line says how many."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segment", help="its id, or its name where only one segment has it")
        parser.add_argument(
            "template", metavar="FILE", help="with {{tag}}, {{tag|fallback}}, -tag-, %%tag%%; - is stdin"
        )
        parser.add_argument("--html", action="store_true", help="the message is HTML: escape values")
        parser.add_argument("--strict", action="store_true", help="refuse a tag that nobody knows")
        parser.add_argument("--limit", type=int, default=messages.USUAL_SAMPLES, help="how many people to show")
        parser.add_argument("--full", action="store_true", help="everybody, as NDJSON with id, email and text")
        add_output_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        segment = find_segment(options["segment"])
        wanted, asked = (
            RuleWithPins(segment.tree, segment),
            {name: options[name] for name in ("html", "strict", "limit", "full")},
        )
        try:
            order = messages.read({"template": template(options["template"]), **asked})
            if order.full:
                write_stream(self, messages.full(segment.workspace, wanted, order), options["output"])
                return
            found = messages.preview(segment.workspace, wanted, order)
        except Invalid as error:
            refuse_problems(error)
        for person in found["samples"]:
            self.stdout.write(f"--- {person['email'] or person['id']}\n{person['text']}\n")
        for tag in found["coverage"]:
            self.stdout.write(tag["words"])
        self.stdout.write(f"{found['people']:,} people, {len(found['unknown']):,} unknown tags")


def template(path: str) -> str:
    try:
        return (sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()).decode("utf-8-sig")
    except OSError as error:
        refuse(f"{path} cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        refuse(f"{path} is not UTF-8: see byte {error.start:,}.")
