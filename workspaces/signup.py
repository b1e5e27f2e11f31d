"""Let strangers make an account of their own, where that is open: it belongs to no workspace and so may do nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces import logins
from workspaces.locks import lock
from workspaces.signin import INVALID, OpenView, is_email, is_text, refused, written

_LONGEST = 150  # characters that an account's fields hold


class SignUpView(OpenView):
    def post(self, request: Request) -> Response:
        if not settings.SIGN_UP:
            raise PermissionDenied("Sign-up is closed. Ask an admin of the project for an account.")
        body = request.data if isinstance(request.data, dict) else {}
        if wrong := dict(_wrong(body)):
            return refused(wrong.items())
        email = body["email"].lower()
        user = User(username=email, email=email, first_name=body["firstname"], last_name=body["lastname"])
        try:
            validate_password(body["password"], user)
        except ValidationError as error:
            return refused(("password", told) for told in error.messages)
        logins.count_sign_up(request)
        user.set_password(body["password"])
        with transaction.atomic():
            lock("sign-up", email)
            if User.objects.filter(Q(username=email) | Q(email__iexact=email)).exists():
                return Response({"success": False, "message": "Email already registered"}, 403)
            user.save()
        return Response({"success": True, "msg": "Successfully created new user.", "user": written(user)})


def _wrong(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not is_email(body.get("email")):
        yield "email", INVALID
    for name in ("email", "password", "firstname", "lastname"):
        value: Any = body.get(name)
        if not is_text(value) or "\0" in value or (name != "password" and len(value) > _LONGEST):
            yield name, INVALID
