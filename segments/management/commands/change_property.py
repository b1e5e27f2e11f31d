"""manage.py change_property: another label, other options, another type."""

import csv
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.management.base import BaseCommand
from django.db import transaction

from contacts.columnar.refresh import refresh
from contacts.models import wire_id
from contacts.values import Kind
from contacts.writing.conversion import Reject
from segments.upkeep import property_changes
from segments.upkeep.property_changes import Breaking, Changed, PropertyEdit, WouldBreak
from workspaces.commands import find_workspace, refuse, refuse_problems, rejects_file
from workspaces.models import Workspace
from workspaces.problems import Invalid


class Command(BaseCommand):
    help = (
        "Change what a property is called, what it offers for choice, or its type. Another type converts everybody's "
        "value; it is refused, with a list, if that would break segments or if values do not convert."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or its exact name")
        parser.add_argument("name", help="the property's name")
        parser.add_argument("--label", help='what people call it; "" for its name')
        parser.add_argument("--type", choices=[kind.value for kind in Kind])
        parser.add_argument("--add-option", action="append", default=[], metavar="X", help="a value offered for choice")
        parser.add_argument("--remove-option", action="append", default=[], metavar="X", help="who has it keeps it")
        parser.add_argument("--drop-rejects", action="store_true", help="remove the values that do not convert")
        parser.add_argument("--rejects", metavar="FILE.csv", help="write the values that do not convert, and why")
        parser.add_argument(
            "--segments",
            choices=[each.value for each in Breaking],
            default=Breaking.REFUSE,
            help="what becomes of segments that another type would break",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        if options["label"] is None and not (options["type"] or options["add_option"] or options["remove_option"]):
            refuse("Say what to change: --label, --type, --add-option or --remove-option.")
        if not options["type"] and (options["rejects"] or options["drop_rejects"]):
            refuse("--rejects and --drop-rejects go with --type.")
        try:
            with rejects_file(options["rejects"]) as file, transaction.atomic():
                changed = self.change(workspace, options, file)
        except Invalid as error:
            refuse_problems(error)
        except WouldBreak as error:
            refuse(f"{error}\n{remedies(error)}", status=1)
        if not options["dry_run"]:
            refresh(workspace)
        self.report(changed, options)

    def change(self, workspace: Workspace, options: dict[str, Any], file: TextIO | None) -> Changed:
        wanted = PropertyEdit(
            label=options["label"],
            kind=Kind(options["type"]) if options["type"] else None,
            add=options["add_option"],
            remove=options["remove_option"],
        )
        changed = property_changes.change(
            workspace,
            options["name"],
            wanted,
            breaking=Breaking(options["segments"]),
            drop_rejects=options["drop_rejects"],
            dry_run=options["dry_run"],
            watch=RejectsWriter(file) if file else self.told if options["drop_rejects"] else silent,
        )
        if file:
            file.flush()  # before the commit: no value is gone that is not in the file
        return changed

    def told(self, reject: Reject) -> None:
        """Without a file every value that is removed is named here; none goes unsaid."""
        self.stderr.write(str(reject))

    def report(self, changed: Changed, options: dict[str, Any]) -> None:
        for segment in changed.deleted:
            self.stdout.write(f"Deleted: {segment}")
        for option in changed.options_left_out:
            self.stdout.write(f"No longer offered, as it is not a {changed.property.type}: {option}")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")
        said = property_changes.described(changed.property)
        self.stdout.write(f"{said}; {changed}" if options["type"] else said)


def silent(reject: Reject) -> None:
    """The refusal names the first ones."""


def remedies(error: WouldBreak) -> str:
    ways = ["--segments delete deletes these segments too."] if error.segments else []
    ways += ["--drop-rejects removes these values; --rejects FILE.csv lists all."] if error.values.rejected else []
    return "\n".join(ways)


class RejectsWriter:
    """Writes rejects as CSV."""

    def __init__(self, file: TextIO) -> None:
        self.rows = csv.writer(file)
        self.rows.writerow(["contact", "value", "reason"])

    def __call__(self, reject: Reject) -> None:
        self.rows.writerow([wire_id(reject.contact_id), reject.value, reject.reason])
