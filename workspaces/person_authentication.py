"""Tell which person calls, by e-mail address and password or by the token they signed in for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from workspaces import logins
from workspaces.identifiers import is_id
from workspaces.models import Member, Role, Workspace

if TYPE_CHECKING:  # REST framework imports this module while it builds its views
    from rest_framework.views import APIView

REMEMBERED_SECONDS = 60
MOST_REMEMBERED = 1_000


class NoProject(APIException):
    """What stands in the path where the id of a workspace belongs is none."""

    status_code = 400
    default_code = "no_project"


class BadAuthorization(APIException):
    """The Authorization header is of no form that is known."""

    status_code = 400
    default_code = "bad_authorization"
    default_detail = "Bad Request"


@dataclass(frozen=True)
class AuthenticatedPerson:
    """Who calls: a person, who may belong to several workspaces."""

    user: User
    is_authenticated = True
    is_active = True

    def workspace(self, workspace_id: str) -> Workspace:
        """One in which they are an agent or more. Raises NoProject, PermissionDenied."""
        if not is_id(workspace_id):
            raise NoProject(f"Invalid project id: {workspace_id}")
        member = next(self.memberships(workspace=workspace_id), None)
        if member is None:
            raise PermissionDenied("you dont belong to the project.")
        if member.role < Role.AGENT:
            raise PermissionDenied("you dont have the required role.")
        member.workspace.role = member.role
        return member.workspace

    def memberships(self, **where: str) -> Iterator[Member]:
        """All, or those in one `workspace`; a superuser owns every workspace, also those that they never joined."""
        if not self.user.is_superuser:
            yield from self.user.memberships.filter(**where).select_related("workspace").order_by("id")
            return
        for workspace in Workspace.objects.filter(**{"pk": where["workspace"]} if where else {}).order_by("id"):
            yield Member(user=self.user, workspace=workspace, role=Role.OWNER, created_at=workspace.created_at)


class IsPerson(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, AuthenticatedPerson)


class _Verified:
    """Which credentials were right a short while ago: argon2 is slow on purpose, and clients send them every time.

    What is remembered is bound to the stored hash of the password, and so forgotten when that changes.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def knows(self, user: User, password: str) -> bool:
        with self._lock:
            return self._until.get(self._told(user, password), 0) > time.monotonic()

    def note(self, user: User, password: str) -> None:
        told = self._told(user, password)
        with self._lock:
            self._until[told] = time.monotonic() + REMEMBERED_SECONDS
            self._until.move_to_end(told)
            while len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)

    def _told(self, user: User, password: str) -> bytes:
        return hmac.digest(self._secret, f"{user.pk}:{user.password}:{password}".encode(), hashlib.sha256)


_verified = _Verified()
_hashing = Lock()


def find(email: str) -> User | None:
    """The person who signs in with this e-mail address, in whatever case; nobody where several have it."""
    email = email.strip().lower()
    if "\0" in email:  # which PostgreSQL cannot even look for
        return None
    found = User.objects.filter(Q(username=email) | Q(email__iexact=email) & ~Q(email=""), is_active=True)[:2]
    return next((user for user in found if user.username == email or len(found) == 1), None)


class WrongLogin(Exception):
    """There is nobody with this e-mail address and this password."""


def verify(email: str, password: str, request: Request) -> User:
    """Raises WrongLogin, TooManyLogins."""
    user = find(email)
    if user is not None and _verified.knows(user, password):
        return user
    # One hash at a time: each takes 100 MB. Of a client's many first requests one hashes, and the others come to know.
    with _hashing:
        if user is not None and _verified.knows(user, password):
            return user
        with logins.attempt(email, request):
            if user is None:
                make_password(password)  # takes as long as a wrong password, which tells nobody who has an account
            if user is None or not user.check_password(password):
                raise WrongLogin
        _verified.note(user, password)
        return user


class BasicAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AuthenticatedPerson, None] | None:
        words = request.headers.get("authorization", "").split()
        if not words or (len(words) == 2 and words[0].lower() != "basic"):
            return None
        try:
            email, colon, password = base64.b64decode(words[1], validate=True).decode().partition(":")
        except (IndexError, binascii.Error, UnicodeDecodeError):
            raise BadAuthorization from None
        if len(words) != 2 or not colon:
            raise BadAuthorization
        try:
            return AuthenticatedPerson(verify(email, password, request)), None
        except WrongLogin:
            raise AuthenticationFailed("Unauthorized") from None

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="Users"'


class _Token(AccessToken):
    """One that is signed with the secret of now, or was with another."""

    def __init__(self, token: Any = None, verify: bool = True, *, secret: str = "") -> None:
        self._token_backend = TokenBackend("HS256", secret or settings.SECRET_KEY)
        super().__init__(token, verify)


class TokenAuthentication(JWTAuthentication):
    def authenticate(self, request: Request) -> tuple[AuthenticatedPerson, Token] | None:  # type: ignore[override]
        try:
            found = super().authenticate(request)
        except InvalidToken:
            raise AuthenticationFailed("Unauthorized") from None
        return None if found is None else (AuthenticatedPerson(cast(User, found[0])), found[1])

    def get_validated_token(self, raw_token: bytes) -> Token:
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            with suppress(TokenError):
                return _Token(raw_token, secret=secret)
        raise InvalidToken


def token_of(user: User) -> str:
    """As it stands in the Authorization header, the word JWT included."""
    return f"JWT {_Token.for_user(user)}"
