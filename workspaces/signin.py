"""Sign people in who call over HTTP: a token for an e-mail address and a password, as Tiledesk's clients ask for it."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from workspaces import people
from workspaces.api import user_id


class SignInView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        body = request.data if isinstance(request.data, dict) else {}
        email, password = body.get("email"), body.get("password")
        missing = [name for name, right in (("email", _is_email(email)), ("password", _is_text(password))) if not right]
        if missing:
            errors = [{"msg": "Invalid value", "param": name, "location": "body"} for name in missing]
            return Response({"errors": errors}, 422)
        user = people.verify(str(email), str(password))
        if user is None:
            # One answer for both: which addresses have an account is nobody's business.
            return Response({"success": False, "msg": "Authentication failed. Wrong e-mail address or password."}, 401)
        return Response({"success": True, "token": people.token_of(user), "user": _written(user)})


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_email(value: Any) -> bool:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        return False
    return True


def _written(user: User) -> dict[str, Any]:
    return {
        "_id": user_id(user.pk),
        "email": user.email or user.username,
        "firstname": user.first_name,
        "lastname": user.last_name,
        "emailverified": True,
    }
