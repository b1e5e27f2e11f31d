"""manage.py create_workspace: make a workspace and print its id."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand

from workspaces.commands import every_message, refuse
from workspaces.identifiers import new_id
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Make a workspace; prints its id alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--id", metavar="HEX24", help="24 lower-case hex digits; made up if left out")
        parser.add_argument("--timezone", default="UTC", metavar="TZ", help="like Europe/Madrid; UTC if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace(pk=options["id"] or new_id(), name=options["name"].strip(), timezone=options["timezone"])
        try:
            workspace.full_clean()
        except ValidationError as error:
            refuse(every_message(error))
        workspace.save(force_insert=True)
        self.stdout.write(workspace.pk)
