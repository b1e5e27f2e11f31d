"""manage.py create_member: let a person into a workspace."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand
from django.core.validators import validate_email
from django.db import transaction

from workspaces.commands import every_message, find_workspace, refuse
from workspaces.models import Member, Role, Workspace


class Command(BaseCommand):
    help = "Let a person into a workspace, making their account if they have none. Run again, it changes the role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or name")
        parser.add_argument("email")
        parser.add_argument("--role", required=True, choices=[role.name.lower() for role in Role])
        parser.add_argument("--password", help="of a new account; asked for if left out")
        parser.add_argument("--staff", action="store_true", help="may sign in to the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            refuse(f"{options['email']} is not an e-mail address.")
        with transaction.atomic():
            user = get_user_model().objects.filter(username=email).first() or self.new_user(email, options["password"])
            if options["staff"] and not user.is_staff:
                user.is_staff = True
                user.save()
            self.join(workspace, user, Role[options["role"].upper()])

    def new_user(self, email: str, password: str | None) -> User:
        if password is None:
            if not sys.stdin.isatty():
                refuse(f"{email} has no account yet: give a --password.")
            password = getpass.getpass(f"Password for {email}: ")
        user = User(username=email, email=email)
        try:
            validate_password(password, user)
        except ValidationError as error:
            refuse(every_message(error))
        user.set_password(password)
        user.save()
        return user

    def join(self, workspace: Workspace, user: User, role: Role) -> None:
        _, is_new = Member.objects.update_or_create(workspace=workspace, user=user, defaults={"role": role})
        says = "joined" if is_new else "already belonged to"
        self.stdout.write(f"{user.email} {says} {workspace} ({workspace.pk}) as {role.label.lower()}.")
