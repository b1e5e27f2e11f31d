"""manage.py delete_property: delete a property, or a substitution tag, and everybody's value of it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contacts.columnar.refresh import refresh
from segments.upkeep import property_changes
from segments.upkeep.property_changes import Breaking, WouldBreak
from workspaces.commands import find_workspace, refuse, refuse_problems
from workspaces.problems import Invalid


class Command(BaseCommand):
    help = "Delete a property and everybody's value of it. Refused, with a list, while segments use it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or its exact name")
        parser.add_argument("name", help="the property's name, or substitutionTags.x for a substitution tag")
        parser.add_argument(
            "--segments",
            choices=[each.value for each in Breaking],
            default=Breaking.REFUSE,
            help="what becomes of segments that use it",
        )
        parser.add_argument(
            "--instead",
            default="",
            metavar="REFERENCE",
            help="another property that the segments are to use, like country or customProperties.plan",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        try:
            done = property_changes.delete(
                workspace,
                property_changes.reference(workspace, options["name"]),
                instead=options["instead"],
                breaking=Breaking(options["segments"]),
                dry_run=options["dry_run"],
            )
        except Invalid as error:
            refuse_problems(error)
        except WouldBreak as error:
            refuse(f"{error}\n--segments delete deletes these segments too; --instead names another property.", 1)
        for broken in done.deleted:
            self.stdout.write(f"Deleted: {broken}")
        for segment in done.rewritten:
            self.stdout.write(f"Rewritten: segment {segment.name} ({segment.pk})")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")
        else:
            refresh(workspace)
        self.stdout.write(str(done))
