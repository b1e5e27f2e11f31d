"""manage.py forget_contact: erase a person everywhere."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contacts.commands import called, find_contact
from contacts.models import Contact
from segments.upkeep import forgetting
from workspaces.commands import find_workspace, refuse

PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Erase a person everywhere: values, tags, pins, the snapshot, the catalogue, the admin's log, and what "
        "PostgreSQL keeps of deleted rows, once nobody sees them any more. The last line says what was erased."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contact", nargs="?", help="the person's id, e-mail address or external id")
        parser.add_argument("--workspace", help="its id or its exact name, where several have such a person")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and erase nothing")
        parser.add_argument("--finish", action="store_true", help="only clear away what was erased over HTTP")
        parser.add_argument("--patience", type=float, default=600, metavar="SECONDS", help="to wait for others")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        if bool(options["contact"]) == options["finish"]:
            refuse("Name a contact, or say --finish.")
        if options["finish"]:
            done = "Nobody new was erased"
        else:
            done = self.erased(options)
            if options["dry_run"]:
                self.stdout.write("Nothing was erased: this was a dry run.")
                self.stdout.write(done)
                return
        self.cleaned(options["patience"])
        self.stdout.write(f"{done}; tables cleaned in {time.monotonic() - started:.1f} s")

    def erased(self, options: dict[str, Any]) -> str:
        workspace = find_workspace(options["workspace"]) if options["workspace"] else None
        contact = find_contact(workspace.contacts.all() if workspace else Contact.objects.all(), options["contact"])
        self.stdout.write(f"{called(contact)}  ({contact.workspace})")
        forgotten = forgetting.forget(contact.workspace, contact.pk, dry_run=options["dry_run"])
        for place in forgotten.named_in:
            self.stdout.write(f"Still named in {place}.")
        if forgotten.named_in:
            self.stdout.write(
                "Change these by hand. What a segment was before stays in its history until deleted there."
            )
        return f"{forgotten} erased"

    def cleaned(self, patience: float) -> None:
        until, moment, told = time.monotonic() + patience, forgetting.moment(), 0
        while count := forgetting.holding(moment):
            if count != told:
                self.stderr.write(f"Waiting for {count:,} older transactions to end, which still see what was erased.")
                told = count
            if time.monotonic() > until:
                refuse(
                    "They have not ended: what was erased is still on the disk. Run forget_contact --finish later.", 1
                )
            time.sleep(PAUSE_SECONDS)
        if undone := forgetting.clean():
            refuse("\n".join(["The tables were not cleaned; run forget_contact --finish later:", *undone]), status=1)
