"""manage.py create_property: make a property that contacts may have and rules may name."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contacts.columnar.refresh import refresh
from contacts.values import Kind
from segments.upkeep import property_changes
from workspaces.commands import find_workspace, refuse, refuse_problems
from workspaces.problems import Conflict, Invalid


class Command(BaseCommand):
    help = "Create a property of a workspace. The last line says what there is now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or its exact name")
        parser.add_argument("name", help="what APIs and rules call it; it cannot be changed")
        parser.add_argument("--type", required=True, choices=[kind.value for kind in Kind])
        parser.add_argument("--label", default="", help="what people call it; the name if left out")
        parser.add_argument("--option", action="append", default=[], metavar="X", help="a value offered for choice")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        try:
            created = property_changes.create(
                workspace, options["name"], Kind(options["type"]), options["label"], options["option"]
            )
        except Invalid as error:
            refuse_problems(error)
        except Conflict as error:
            refuse(str(error), status=1)
        refresh(workspace)
        self.stdout.write(property_changes.described(created))
