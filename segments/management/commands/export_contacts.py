"""manage.py export_contacts: write the people of a workspace, or those a rule finds, to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from segments.commands import add_export_arguments, write_export
from segments.references import RuleWithPins
from segments.rules import tree
from segments.rules.tree import All
from workspaces.commands import find_workspace, refuse


class Command(BaseCommand):
    requires_system_checks = []  # they load all views: half a second and 20 MB
    help = "Write everybody in a workspace as CSV or NDJSON, or whom a rule finds. import_contacts reads it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or its exact name")
        parser.add_argument("--rule", metavar="FILE", help="only whom this rule finds, a file with its stored form")
        add_export_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, path = find_workspace(options["workspace"]), options["rule"]
        write_export(self, workspace, lambda: RuleWithPins(tree.read(document(path)) if path else All()), options)


def document(path: str) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        refuse(f"--rule {path} cannot be read: {error.strerror}.")
    except orjson.JSONDecodeError as error:
        refuse(f"--rule {path} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}.")
