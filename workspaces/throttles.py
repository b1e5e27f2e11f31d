"""Let each key and each person make so many requests a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from workspaces.key_authentication import Program
from workspaces.person_authentication import AuthenticatedPerson
from workspaces.tallies import limiter

if TYPE_CHECKING:  # REST framework imports this module while it builds its views
    from rest_framework.views import APIView

SECONDS = 60


class EachCaller(BaseThrottle):
    seconds = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        name = _name(request.user)
        if name and settings.REQUESTS_A_MINUTE:
            self.seconds = limiter.take(name, settings.REQUESTS_A_MINUTE, SECONDS)
        return not self.seconds

    def wait(self) -> float:
        return self.seconds


def _name(caller: object) -> str:
    match caller:
        case Program():
            return f"key:{caller.key.pk}"
        case AuthenticatedPerson():
            return f"person:{caller.user.pk}"
    return ""
