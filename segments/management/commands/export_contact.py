"""manage.py export_contact: all that is kept of one person, as JSON."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from contacts.commands import find_contact
from contacts.models import Contact
from segments.upkeep.personal_data import dossier
from workspaces.commands import find_workspace


class Command(BaseCommand):
    help = "Print all that is kept of one person as JSON: values, tags, pins, and the segments they are in now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contact", help="the person's id, e-mail address or external id")
        parser.add_argument("--workspace", help="its id or its exact name, where several have such a person")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"]) if options["workspace"] else None
        contact = find_contact(workspace.contacts.all() if workspace else Contact.objects.all(), options["contact"])
        self.stdout.write(orjson.dumps(dossier(contact.workspace, contact.pk), option=orjson.OPT_INDENT_2).decode())
