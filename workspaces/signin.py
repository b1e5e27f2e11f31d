"""Sign people in who call over HTTP: a token for an e-mail address and a password, as Tiledesk's clients ask for it."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from workspaces import person_authentication
from workspaces.api import user_id


class OpenView(APIView):
    """One that needs no login; `dialect` is that of its errors."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    dialect: Any = None


class SignInView(OpenView):
    def post(self, request: Request) -> Response:
        body = request.data if isinstance(request.data, dict) else {}
        email, password = body.get("email"), body.get("password")
        wrong = [name for name, right in (("email", is_email(email)), ("password", is_text(password))) if not right]
        if wrong:
            return refused((name, INVALID) for name in wrong)
        try:
            user = person_authentication.verify(str(email), str(password), request)
        except person_authentication.WrongLogin:
            # One answer for both: which addresses have an account is nobody's business.
            return Response({"success": False, "msg": "Authentication failed. Wrong e-mail address or password."}, 401)
        return Response({"success": True, "token": person_authentication.token_of(user), "user": written(user)})


INVALID = "Invalid value"


def refused(fields: Iterable[tuple[str, str]]) -> Response:
    """What is wrong with fields of the body, each with a message."""
    return Response({"errors": [{"msg": told, "param": name, "location": "body"} for name, told in fields]}, 422)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_email(value: Any) -> bool:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        return False
    return True


def written(user: User) -> dict[str, Any]:
    return {
        "_id": user_id(user.pk),
        "email": user.email or user.username,
        "firstname": user.first_name,
        "lastname": user.last_name,
        "emailverified": user.memberships.exists(),  # by whoever let them in: we send no e-mail
    }
