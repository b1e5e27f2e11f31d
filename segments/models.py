"""Segments, the people pinned to them, and how many were in them from day to day."""

from array import array
from typing import Any

import orjson
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pyroaring import BitMap64

from contacts.columnar import extract
from contacts.models import Contact
from segments.rules import tree
from workspaces.identifiers import new_id
from workspaces.models import Workspace


class OrderedJSONField(models.JSONField):
    """JSON that keeps the order of its keys and the spelling of its numbers, as PostgreSQL's json does."""

    def db_type(self, connection: Any) -> str:
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return orjson.loads(value) if isinstance(value, str | bytes) else value


class SegmentQuerySet(models.QuerySet["Segment"]):
    def live(self) -> "SegmentQuerySet":
        return self.filter(deleted_at=None)


class Segment(models.Model):
    """Some of the people of a workspace: those whom a rule finds, those pinned in, and never those pinned out.

    Its rule is kept as rules/tree.py writes it (`rule`; none: only pins) and as a client sent it (`document`: the
    dialect, the rule that it became, and the body to echo while the segment still has that rule). `included` and
    `excluded` are bitmaps of the contacts whose pins never expire, rewritten with the pins. `name_is_unique` says
    whether it takes part in the constraint on names. `broadcast_medium_id`, `segment_type` and `tag_id` are
    Segmenter's: kept and echoed, and nothing else. `deleted_at` is when it was put away; nothing finds it after that.
    """

    id = models.CharField(
        primary_key=True,
        max_length=24,
        default=new_id,
        editable=False,
        validators=[RegexValidator(r"\A[0-9a-f]{24}\Z", "An id is 24 lower-case hex digits.")],
    )
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="segments")
    name = models.CharField(max_length=500)
    # Swipe One, the native API and the admin keep names unique; Tiledesk and Segmenter take duplicates.
    name_is_unique = models.BooleanField(default=True, editable=False)
    description = models.TextField(blank=True)
    rule = models.JSONField(null=True, blank=True)
    document = OrderedJSONField(null=True, blank=True, editable=False)
    included = models.BinaryField(default=bytes, editable=False)
    excluded = models.BinaryField(default=bytes, editable=False)
    broadcast_medium_id = models.TextField(blank=True)
    segment_type = models.TextField(blank=True)
    tag_id = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                condition=Q(deleted_at=None, name_is_unique=True),
                name="segment_name_once_per_workspace",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="segment_has_a_name"),
            models.CheckConstraint(condition=Q(id__regex="^[0-9a-f]{24}$"), name="segment_id_is_24_hex"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tree(self) -> tree.Rule | None:
        """The rule as it was saved; None for a segment of pinned people alone."""
        return None if self.rule is None else tree.read(self.rule)

    def sent_as(self, dialect: str) -> Any:
        """The rule in the very form in which this dialect sent it, None where the rule has changed since."""
        sent = self.document or {}
        return sent.get("body") if sent.get("dialect") == dialect and sent.get("rule") == self.rule else None


class Channel(models.TextChoices):
    """The door through which a segment was saved, as it ends "saved by Bo "."""

    ADMIN = "admin", "in the admin"
    API = "api", "over the API"
    SWIPE_ONE = "swipeone", "over the Swipe One API"
    TILEDESK = "tiledesk", "over the Tiledesk API"
    SEGMENTER = "segmenter", "over the Segmenter API"
    COMMAND = "command", "by a command"
    EARLIER = "earlier", "before versions were kept"


class SegmentVersion(models.Model):
    """What a segment was from one save to the next. Numbered from 1; `versions` writes them and nobody changes them."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    rule = models.JSONField(null=True)
    document = OrderedJSONField(null=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=9, choices=Channel.choices)
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["segment_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["segment", "number"], name="version_number_once_per_segment"),
            models.CheckConstraint(condition=Q(source__in=Channel.values), name="version_source_is_known"),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {self.name}"

    @property
    def tree(self) -> tree.Rule | None:
        """Raises Invalid."""
        return None if self.rule is None else tree.read(self.rule)


class PinKind(models.TextChoices):
    INCLUDED = "included"
    EXCLUDED = "excluded"


class Pin(models.Model):
    """A person who is in a segment, or is kept out, whatever the rule says."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="pins")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="pins")
    kind = models.CharField(max_length=8, choices=PinKind.choices)
    reason = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["segment", "id"]
        constraints = [
            models.UniqueConstraint(fields=["segment", "contact"], name="pin_once_per_segment_and_contact"),
            models.CheckConstraint(condition=Q(kind__in=PinKind.values), name="pin_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.contact} {self.kind} in {self.segment}"


class SegmentDay(models.Model):
    """How many were in a segment when it was last counted on a day of its workspace's, and who came and went."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="days")
    day = models.DateField()
    count = models.PositiveBigIntegerField()
    entered = models.PositiveBigIntegerField()
    left = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = "recorded day"
        ordering = ["segment", "day"]
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="day_once_per_segment")]

    def __str__(self) -> str:
        return f"{self.segment_id} on {self.day}: {self.count:,}"


class SegmentPeople(models.Model):
    """Who was in a segment when it was last counted, and who before that day: bitmaps of contact ids.

    The numbers are those of that time; people who were erased since are in the bitmaps no more.
    """

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="recorded_people")
    day = models.DateField()
    before = models.BinaryField()
    count_before = models.PositiveBigIntegerField()
    people = models.BinaryField()
    count = models.PositiveBigIntegerField()
    saved_at = models.DateTimeField()  # the updated_at that the segment had then

    class Meta:
        verbose_name_plural = "segment people"
        constraints = [models.UniqueConstraint(fields=["segment"], name="people_once_per_segment")]

    def __str__(self) -> str:
        return f"{self.count:,} people of {self.segment_id} on {self.day}"


def rewrite_pins(segment: Segment) -> None:
    """Make the segment's two bitmaps say what its unexpiring pins say. Call it in the transaction that changed them."""
    with extract.cursor() as cursor:
        cursor.execute(
            "SELECT kind, string_agg(int8send(contact_id), '') FROM segments_pin"
            " WHERE segment_id = %s AND expires_at IS NULL GROUP BY kind",
            [segment.pk],
            binary=True,
        )
        held = {kind: BitMap64(array("Q", extract.binary_ids(ids).tobytes())) for kind, ids in cursor}
    segment.included, segment.excluded = (held.get(kind, BitMap64()).serialize() for kind in PinKind.values)
    segment.save(update_fields=["included", "excluded"])
