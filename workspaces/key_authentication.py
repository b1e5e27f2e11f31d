"""Tell which workspace a request speaks for, by its x-api-key header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from workspaces.models import ApiKey, Scope, Workspace

if TYPE_CHECKING:  # REST framework imports this module while it builds its views
    from rest_framework.views import APIView


@dataclass(frozen=True)
class Program:
    """Who calls: a program that holds one workspace's key."""

    key: ApiKey
    is_authenticated = True
    is_active = True

    @property
    def workspace(self) -> Workspace:
        return self.key.workspace


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Program, ApiKey] | None:
        secret = request.headers.get("x-api-key", "").strip()
        if not secret:
            return None
        now = timezone.now()
        found = ApiKey.objects.usable(now).select_related("workspace").filter(digest=ApiKey.digest_of(secret))
        key = found.first()
        if key is None:
            raise AuthenticationFailed("Unauthorized")
        key.note_use(now)
        return Program(key), key

    def authenticate_header(self, request: Request) -> str:
        return "ApiKey"  # without a challenge REST framework would answer 403 instead of 401


class ScopeAllows(BasePermission):
    """A key that may only read cannot write; without a key nothing is allowed.

    A view names in `only_read` those of its actions that write nothing although they are sent by POST.
    """

    message = "This key may only read."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Program):
            return False
        reads = request.method in SAFE_METHODS or getattr(view, "action", None) in getattr(view, "only_read", ())
        return reads or request.user.key.scope == Scope.WRITE
