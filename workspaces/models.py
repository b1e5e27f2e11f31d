"""Workspaces, the people who work in them and the keys that programs use."""

import hashlib
import secrets
import zoneinfo
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from workspaces.identifiers import new_id


def check_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name} is no time zone; use a name like Europe/Madrid or UTC")


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def of(self, user: User) -> "WorkspaceQuerySet":
        """The workspaces a person may see: all for a superuser, else those they belong to."""
        return self if user.is_superuser else self.filter(members__user=user)


class Workspace(models.Model):
    id = models.CharField(
        primary_key=True,
        max_length=24,
        default=new_id,
        validators=[RegexValidator(r"\A[0-9a-f]{24}\Z", "An id is 24 lower-case hex digits.")],
    )
    name = models.CharField(max_length=200)
    timezone = models.CharField(
        "time zone",
        max_length=64,
        default="UTC",
        validators=[check_timezone],
        help_text="Calendar days in rules begin and end in this zone, e.g. Europe/Madrid.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    role: int  # of the person for whom it was found

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(id__regex="^[0-9a-f]{24}$"), name="workspace_id_is_24_hex"),
            models.CheckConstraint(condition=~Q(name=""), name="workspace_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class Role(models.IntegerChoices):
    """Each role may do what those before it may."""

    GUEST = 10
    USER = 20
    TEAMMATE = 30
    AGENT = 40
    SUPERVISOR = 50
    ADMIN = 60
    OWNER = 70


class Member(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices, default=Role.AGENT)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="member_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} as {self.get_role_display().lower()}"


class Scope(models.TextChoices):
    READ = "read"
    WRITE = "write"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, at: datetime | None = None) -> "ApiKeyQuerySet":
        """Neither revoked nor past their expiry."""
        at = at or timezone.now()
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)

    def issue(
        self, workspace: Workspace, name: str, scope: str, expires_at: datetime | None = None
    ) -> tuple["ApiKey", str]:
        """A new key and its secret text, which is nowhere stored and cannot be shown again."""
        secret = f"sk_{secrets.token_hex(24)}"
        key = self.create(
            workspace=workspace,
            name=name,
            scope=scope,
            expires_at=expires_at,
            prefix=secret[:10],
            digest=ApiKey.digest_of(secret),
        )
        return key, secret


class ApiKey(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=10, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.READ)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["workspace", "name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=Scope.values), name="api_key_scope_is_known"),
            models.CheckConstraint(condition=Q(digest__regex="^[0-9a-f]{64}$"), name="api_key_digest_is_sha256"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(secret: str) -> str:
        """SHA-256 in hex. A slow hash would add nothing: the secret has 192 random bits."""
        return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

    def note_use(self, at: datetime) -> None:
        """Write the time of use at most once a minute, so that reading does not mean writing."""
        if self.last_used_at is None or at - self.last_used_at > timedelta(minutes=1):
            # Of many who find it due at once, one writes.
            unchanged = type(self).objects.filter(pk=self.pk, last_used_at=self.last_used_at)
            unchanged.update(last_used_at=at)


class KeptAnswer(models.Model):
    """What a request with an Idempotency-Key was answered: see workspaces/idempotency.py."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="kept_answers")
    key = models.CharField(max_length=255)
    request = models.BinaryField()  # the digest of what was sent
    answer = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="answer_kept_once_per_key")]
        indexes = [models.Index(fields=["created_at"], name="kept_answer_by_age")]

    def __str__(self) -> str:
        return f"the answer to {self.key}"


class Tally(models.Model):
    """How often somebody did something in a span of time: see workspaces/tallies.py. An unlogged table."""

    name = models.TextField(primary_key=True)
    count = models.IntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"
