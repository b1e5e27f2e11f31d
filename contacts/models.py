"""Contacts, the properties they may have, and the tables of the columnar snapshot."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.db.models.lookups import Exact

from contacts.values import Kind
from workspaces.identifiers import id_of, is_id, new_id
from workspaces.models import Workspace

MOST_PROPERTIES = MOST_TAGS = 500  # all of them together are the columns of one query, of which PostgreSQL takes 1,664


class Property(models.Model):
    """A custom property. Its type never changes: another type is another row, so that no column mixes two."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="properties")
    name = models.CharField(max_length=200)
    label = models.CharField(max_length=200, blank=True)
    type = models.CharField(max_length=7, choices=[(kind.value, kind.value) for kind in Kind])
    options = models.JSONField(default=list, blank=True, help_text="A list of the values offered for choice.")
    presentation = models.JSONField(default=dict, blank=True, editable=False)  # how clients of the API show it
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "properties"
        ordering = ["workspace", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="property_name_once_per_workspace"),
            models.CheckConstraint(condition=Q(type__in=[kind.value for kind in Kind]), name="property_type_is_known"),
            models.CheckConstraint(condition=~Q(name=""), name="property_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.label or self.name


class SubstitutionTag(models.Model):
    """A tag that messages may use; each contact keeps its own value for it."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="substitution_tags")
    tag = models.CharField(max_length=200)
    fallback = models.TextField(blank=True, help_text="Used for people without a value.")
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["workspace", "tag"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "tag"], name="substitution_tag_once_per_workspace"),
            models.CheckConstraint(condition=~Q(tag=""), name="substitution_tag_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.tag


class Tag(models.Model):
    """What is known of a tag beside who carries it: contacts carry its label, as a text."""

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tags")
    label = models.TextField()
    key = models.CharField(max_length=64, editable=False)  # of its folded label, however long that is
    name = models.CharField(max_length=200)
    color = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["workspace", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="tag_label_once_per_workspace"),
            models.UniqueConstraint(fields=["workspace", "name"], name="tag_name_once_per_workspace"),
            models.CheckConstraint(condition=Q(id__regex="^[0-9a-f]{24}$"), name="tag_id_is_24_hex"),
        ]

    def __str__(self) -> str:
        return self.label


class Status(models.TextChoices):
    TEMPORARY = "temporary"
    ACTIVE = "active"
    TRASHED = "trashed"  # in no audience


class Contact(models.Model):
    # Without an index of its own: the one on (workspace, id) serves.
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="contacts", db_index=False)
    external_id = models.TextField(blank=True, db_default="")
    email = models.TextField("e-mail", blank=True, db_default="")
    phone = models.TextField(blank=True, db_default="")
    first_name = models.TextField(blank=True, db_default="")
    last_name = models.TextField(blank=True, db_default="")
    tags = ArrayField(models.TextField(), blank=True, db_default=[], default=list)
    substitution_tags = models.JSONField(blank=True, db_default={}, default=dict, help_text="An object: tag to value.")
    profile = models.JSONField(blank=True, db_default={}, default=dict, help_text="Built-in properties, by name.")
    custom = models.JSONField(blank=True, db_default={}, default=dict, help_text="Custom properties, by name.")
    lifecycle = models.CharField(
        "state", max_length=9, choices=Status.choices, db_default=Status.ACTIVE, default=Status.ACTIVE
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_id"],
                condition=~Q(external_id=""),
                name="contact_external_id_once_per_workspace",
            ),
            models.CheckConstraint(condition=Q(lifecycle__in=Status.values), name="contact_state_is_known"),
            *(
                models.CheckConstraint(
                    condition=Exact(
                        models.Func(models.F(field), function="jsonb_typeof", output_field=models.TextField()), "object"
                    ),
                    name=f"contact_{field}_is_an_object",
                )
                for field in ("substitution_tags", "profile", "custom")
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "id"], name="contact_in_workspace"),
            # E-mail is not unique (families, leads). PostgreSQL lowers both sides of every comparison.
            models.Index("workspace", Lower("email"), name="contact_email", condition=~Q(email="")),
            # The trash is not in the snapshot, and is found without looking through everybody.
            models.Index(fields=["workspace", "id"], name="contact_in_trash", condition=Q(lifecycle=Status.TRASHED)),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.external_id or self.phone or f"contact {self.pk}"

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def wire_id(self) -> str:
        return wire_id(self.pk)


def wire_id(contact_id: int) -> str:
    """A contact's id as all APIs write it: 24 hex digits."""
    return id_of(contact_id)


def contact_id(wire: str) -> int | None:
    """Back from what `wire_id` wrote; None for anything that it cannot have written."""
    number = int(wire, 16) if is_id(wire) else 0
    return number if 0 < number <= models.BigIntegerField.MAX_BIGINT else None


class SnapshotColumn(models.Model):
    """The values of one property for one chunk of contacts, compressed: see contacts/columnar/snapshot.py."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    first_id = models.BigIntegerField()  # of the chunk; 0 for the delta, which lies over all chunks
    column = models.TextField()
    rows = models.IntegerField()
    digest = models.BinaryField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "first_id", "column"], name="snapshot_column_once_per_chunk")
        ]
        indexes = [models.Index(fields=["workspace", "digest"], name="snapshot_column_by_digest")]

    def __str__(self) -> str:
        return f"{self.column} from contact {self.first_id}"


class PropertySummary(models.Model):
    """What the catalogue holds of one property: see contacts/columnar/catalogue.py."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="property_summaries")
    column = models.TextField()  # its name in the snapshot
    known = models.BigIntegerField()
    missing = models.BigIntegerField()
    misfits = models.BigIntegerField()
    distinct = models.BigIntegerField()
    lowest = models.JSONField(null=True)
    highest = models.JSONField(null=True)
    values = models.JSONField()  # pairs of a value and how many people have it
    texts = models.TextField()  # the values, folded, a line each
    state = models.BinaryField()  # a digest of what it was made from
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "column"], name="property_summary_once_per_workspace")
        ]

    def __str__(self) -> str:
        return f"{self.known} people with {self.column}"


class ImportState(models.TextChoices):
    UPLOADING = "uploading"
    UPLOADED = "uploaded"  # waits for somebody to start it
    WAITING = "waiting"  # for a worker
    CHECKING = "checking"  # the first reading; nothing is written before it has ended
    WRITING = "writing"
    CHECKED = "checked"  # a dry run has ended
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # whoever ran it has gone


class ImportJob(models.Model):
    """An import of a file, whichever door it came through.

    Every batch moves the position and the counts in the transaction that writes its people, so that whoever goes on
    with it finds both as one. The records of the file up to the position = created + updated + unchanged + duplicates
    + rejected.
    """

    id = models.CharField(primary_key=True, max_length=24, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="imports")
    started_by = models.TextField(blank=True)
    file_name = models.TextField(blank=True)
    path = models.TextField(blank=True)  # of a file that stayed where it is; the parts of others are in ImportPart
    size = models.BigIntegerField(default=0)
    digest = models.BinaryField(default=bytes)
    options = models.JSONField(default=dict)
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=ImportState.choices, default=ImportState.WAITING)
    plan = models.JSONField(default=dict)  # where its columns go and what was noticed about them
    problems = models.JSONField(default=list)
    checked = models.BigIntegerField(default=0)  # rows, so far in the first reading
    rows = models.BigIntegerField(null=True)  # in the whole file, once that has ended
    position = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    began_at = models.DateTimeField(null=True)  # the writing; after a resume, that of what was left
    began_with = models.BigIntegerField(default=0)  # the position then
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "import"
        ordering = ["-id"]
        indexes = [models.Index(fields=["workspace", "-id"], name="import_job_in_workspace")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_state_is_known"),
            models.CheckConstraint(
                condition=Q(position=F("created") + F("updated") + F("unchanged") + F("duplicates") + F("rejected")),
                name="import_rows_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.file_name or 'a file'}"


class ImportPart(models.Model):
    """A piece of an uploaded file; it is there for as long as the import may need it."""

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="parts")
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="import_part_once_per_job")]

    def __str__(self) -> str:
        return f"part {self.number} of {self.job_id}"


class ImportRejects(models.Model):
    """The rows of one batch that were not taken, as lines of CSV."""

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="rejects")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"rejects of {self.job_id}"


class ContactMark(models.Model):
    """Says that a contact was written since the snapshot last took it in.

    Only ever appended to, duplicates allowed, no foreign key and no uniqueness: a mark that was merged with an
    older one would be deleted with it, and its write would be lost for ever.
    """

    workspace_id: Any = models.CharField(max_length=24)
    contact_id = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "contact_id"], name="contact_mark_in_workspace")]

    def __str__(self) -> str:
        return f"contact {self.contact_id} was written"
