"""The admin of properties and substitution tags, with what people have of them and the segments that use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts import properties
from contacts.admin.property_forms import PropertyForm, SubstitutionTagForm
from contacts.columnar import catalogue
from contacts.columnar.busy import SnapshotBusy
from contacts.columnar.catalogue import Entry
from contacts.columnar.refresh import refresh
from contacts.models import Property, SubstitutionTag
from contacts.schema import CUSTOM, TAG
from contacts.values import Kind
from segments.admin.links import link, links
from segments.admin.staff import by_staff
from segments.models import Segment
from segments.rendering import percent
from segments.saving import deleted_properties
from segments.upkeep import property_changes, property_uses
from segments.upkeep.property_changes import Breaking, Changed, Deletion, PropertyEdit, WouldBreak
from segments.usage import Broken
from workspaces.admin.scope import ScopedAdmin, WorkspaceFilter
from workspaces.models import Role, Workspace
from workspaces.problems import Invalid

MOST_NAMED = 3  # segments in a cell of a list


@dataclass(frozen=True)
class About:
    """What a workspace's people have of its properties, and the segments that name them, both by reference."""

    entries: dict[str, Entry]
    segments: dict[str, list[Segment]]


def about(workspace: Workspace) -> About:
    try:
        entries = catalogue.read(workspace)
    except SnapshotBusy:
        entries = []
    return About({entry.type.reference: entry for entry in entries}, property_uses.named(workspace))


class UsedList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """With what people have of each, where all are of one workspace: each workspace is a pass."""
        super().get_results(request)
        of_one = len({held.workspace_id for held in self.result_list}) == 1
        told = about(self.result_list[0].workspace) if of_one else None
        for held in self.result_list:
            held.about = told


class UsedInRules(ScopedAdmin):
    """Of things that a rule names as properties: one that a live segment uses is not deleted unasked."""

    def reference(self, obj: Any) -> str:
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UsedList

    def about(self, obj: Any) -> About | None:
        if not hasattr(obj, "about"):
            obj.about = about(obj.workspace)
        told: About | None = obj.about
        return told

    @admin.display(description="Filled")
    def filled(self, obj: Any) -> str:
        told = self.about(obj)
        if told is None:
            return "Choose a workspace to see it."
        entry = told.entries.get(self.reference(obj))
        if entry is None or entry.known is None or entry.missing is None:
            return "–"
        people = entry.known + entry.missing
        share = percent(entry.known, people) if people else "0%"
        return format_html('{} <span class="quiet">{} of {}</span>', share, f"{entry.known:,}", f"{people:,}")

    @admin.display(description="Used in")
    def used_in(self, obj: Any) -> str:
        told = self.about(obj)
        if told is None:
            return "–"
        segments = told.segments.get(self.reference(obj), [])
        more = len(segments) - MOST_NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        return format_html("{}{}", links(segments[:MOST_NAMED]), rest) if segments else "No segment"

    # --- deleting

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        dying: dict[str, set[str]] = {}
        for obj in objs:
            dying.setdefault(obj.workspace_id, set()).add(self.reference(obj))
        listed, counts, lacking, protected = super().get_deleted_objects(objs, request)
        users = [each for place in sorted(dying) for each in property_uses.users(place, dying[place])]
        return listed, counts, lacking, [*protected, *map(link, users)]

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> list[LogEntry]:
        """So that a rule which still names one of them can say what became of it."""
        entries: list[LogEntry] = []
        for obj in queryset:
            said = deleted_properties.message(obj.workspace_id, self.reference(obj))
            entries += LogEntry.objects.log_actions(cast(int, request.user.pk), [obj], DELETION, said)
        return entries

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for obj in queryset.select_related("workspace").order_by("workspace", "pk"):
            done = property_changes.delete(obj.workspace, self.reference(obj))
            if done.holders:
                self.message_user(request, f"{obj}: {done}.")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What would be lost and which segments would break, and what may become of these instead."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return super().delete_view(request, object_id)  # which says so
        form = DeletionForm(request.POST or None, others=self.others(obj))
        if form.is_valid() and (done := self.deleted(request, obj, form)):
            refresh(obj.workspace)
            self.message_user(request, f"{obj} is deleted: {done}.", messages.SUCCESS)
            return HttpResponseRedirect(reverse(f"admin:contacts_{self.opts.model_name}_changelist"))
        trial, broken = self.trial(obj)
        said = {"form": form, "trial": trial, "broken": broken, "object": obj, "title": f"Delete {obj}?"}
        return self.page(request, "admin/contacts/property/delete.html", said)

    def deleted(self, request: HttpRequest, obj: Any, form: "DeletionForm") -> Deletion | None:
        breaking = Breaking.DELETE if form.cleaned_data["delete_segments"] else Breaking.REFUSE
        instead = form.cleaned_data["instead"]
        try:
            with transaction.atomic():
                self.log_deletions(request, type(obj).objects.filter(pk=obj.pk))
                by = by_staff(request)
                return property_changes.delete(
                    obj.workspace, self.reference(obj), instead=instead, breaking=breaking, by=by
                )
        except (WouldBreak, Invalid) as error:
            form.add_error(None, _lines(error))
        return None

    def trial(self, obj: Any) -> tuple[Deletion | None, Sequence[Broken]]:
        """What deleting it with the segments would do, and these; nothing for ones whose rule nobody can read."""
        try:
            trial = property_changes.delete(obj.workspace, self.reference(obj), breaking=Breaking.DELETE, dry_run=True)
        except WouldBreak as error:
            return None, error.segments
        return trial, trial.deleted

    def others(self, obj: Any) -> list[tuple[str, str]]:
        """What rules could name instead: all of the same type."""
        schema = properties.schema(obj.workspace)
        own = schema.get(self.reference(obj))
        kinds = [each for each in schema.types() if own and each.kind == own.kind and each != own]
        return [(each.reference, each.label) for each in sorted(kinds, key=lambda each: each.label.casefold())]


def _lines(error: WouldBreak | Invalid) -> list[str]:
    if isinstance(error, WouldBreak):
        return [f"{error.change} would break {error.harm}. Choose what may become of them."]
    return [f"{problem}." for problem in error.problems]


class DeletionForm(forms.Form):
    instead = forms.ChoiceField(required=False, label="Let these rules name another one instead")
    delete_segments = forms.BooleanField(required=False, label="Delete these segments too")

    def __init__(self, *args: Any, others: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instead"].choices = [("", "No other one"), *others]  # type: ignore[attr-defined]


# --- properties ------------------------------------------------------------------------------------------------------


class RetypeForm(forms.Form):
    to = forms.ChoiceField(label="New type")
    drop_rejects = forms.BooleanField(required=False)
    delete_segments = forms.BooleanField(required=False)

    def __init__(self, *args: Any, held: Property, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(kind, kind) for kind in Kind if kind != held.type]  # type: ignore[attr-defined]


@admin.register(Property)
class PropertyAdmin(UsedInRules):
    role_to_look = role_to_change = Role.ADMIN
    form = PropertyForm
    fixed = ("workspace", "name", "type_now", "filled", "used_in")
    list_display = ("called", "name", "type", "filled", "used_in", "workspace")
    list_filter = (("workspace", WorkspaceFilter), "type")
    list_select_related = ("workspace",)
    search_fields = ("name", "label")
    ordering = ("workspace", "name")

    def reference(self, obj: Property) -> str:
        return CUSTOM + obj.name

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        of_one = ("workspace", "name", "type_now", "label", "options", "filled", "used_in")
        return PropertyForm.Meta.fields if obj is None else of_one

    @admin.display(description="Label", ordering="label")
    def called(self, obj: Property) -> str:
        return str(obj)

    @admin.display(description="Type")
    def type_now(self, obj: Property) -> SafeString:
        address = reverse("admin:contacts_property_type", args=[obj.pk])
        return format_html('{}. <a href="{}">Change the type</a>', obj.type, address)

    def save_model(self, request: HttpRequest, obj: Property, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        given = {name: getattr(obj, name) for name in form.changed_data if name in ("label", "options")}
        property_changes.change(obj.workspace, obj.name, PropertyEdit(given.get("label"), offer=given.get("options")))

    # --- another type

    def get_urls(self) -> list[URLPattern]:
        retype = self.admin_site.admin_view(self.retype)
        return [path("<int:property_id>/type/", retype, name="contacts_property_type"), *super().get_urls()]

    def retype(self, request: HttpRequest, property_id: int) -> HttpResponse:
        """Choose a type, see what it would do to values and segments, then do it."""
        held: Property = self.found(request, property_id)
        if not self.has_change_permission(request, held):
            raise PermissionDenied
        form = RetypeForm(request.POST or request.GET or None, held=held)
        chosen = form.is_valid()
        if chosen and request.method == "POST" and (done := self.retyped(request, held, form)):
            self.tell(request, done)
            return HttpResponseRedirect(reverse("admin:contacts_property_change", args=[done.property.pk]))
        trial, broken = self.attempt(held, form) if chosen else (None, [])
        said = {"form": form, "property": held, "trial": trial, "broken": broken, "title": f"Another type for {held}"}
        rejects = trial.values.first_rejects if trial else []
        people = held.workspace.contacts.in_bulk([each.contact_id for each in rejects])
        told = [(people[each.contact_id], each) for each in rejects if each.contact_id in people]
        kind = form.cleaned_data["to"] if chosen else ""
        return self.page(request, "admin/contacts/property/type.html", {**said, "rejects": told, "kind": kind})

    def attempt(self, held: Property, form: RetypeForm) -> tuple[Changed | None, Sequence[Broken]]:
        """As `trial`."""
        wanted = PropertyEdit(kind=Kind(form.cleaned_data["to"]))
        try:
            trial = property_changes.change(
                held.workspace, held.name, wanted, breaking=Breaking.DELETE, drop_rejects=True, dry_run=True
            )
        except WouldBreak as error:
            return None, error.segments
        return trial, trial.deleted

    def retyped(self, request: HttpRequest, held: Property, form: RetypeForm) -> Changed | None:
        given = form.cleaned_data
        breaking = Breaking.DELETE if given["delete_segments"] else Breaking.REFUSE
        try:
            with transaction.atomic():
                done = property_changes.change(
                    held.workspace,
                    held.name,
                    PropertyEdit(kind=Kind(given["to"])),
                    breaking=breaking,
                    drop_rejects=given["drop_rejects"],
                )
                self.log_change(request, done.property, f"Type: {held.type} → {given['to']}; {done}.")
        except WouldBreak as error:
            form.add_error(None, _lines(error))
            return None
        refresh(held.workspace)
        return done

    def tell(self, request: HttpRequest, done: Changed) -> None:
        self.message_user(request, f"{done.property} is a {done.property.type} now. {done}.", messages.SUCCESS)
        for option in done.options_left_out:
            says = f"{option} is no longer offered: it is not a {done.property.type}."
            self.message_user(request, says, messages.WARNING)


# --- substitution tags -----------------------------------------------------------------------------------------------


@admin.register(SubstitutionTag)
class SubstitutionTagAdmin(UsedInRules):
    role_to_look = role_to_change = Role.AGENT
    form = SubstitutionTagForm
    fixed = ("workspace", "tag", "filled", "used_in")
    list_display = ("tag", "fallback", "filled", "used_in", "description", "workspace")
    list_filter = (("workspace", WorkspaceFilter),)
    list_select_related = ("workspace",)
    search_fields = ("tag", "description")

    def reference(self, obj: SubstitutionTag) -> str:
        return TAG + obj.tag

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = ("workspace", "tag", "fallback", "description")
        return fields if obj is None else (*fields, "filled", "used_in")
