"""manage.py create_api_key: make a key for programs and print it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from workspaces.commands import find_workspace, refuse
from workspaces.models import ApiKey, Scope


class Command(BaseCommand):
    help = "Make an API key of a workspace; prints the key alone. It is stored only as a digest: keep it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or name")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.WRITE, help="write includes read")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        if not options["name"].strip():
            refuse("Give the key a name with --name.")
        _, secret = ApiKey.objects.issue(workspace, options["name"].strip(), options["scope"])
        self.stdout.write(secret)
