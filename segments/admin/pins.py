"""The admin of pins, and of what takes pins along when it is deleted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from segments.models import Pin, Segment, rewrite_pins
from workspaces.admin.scope import Scoped, ScopedAdmin, WorkspaceFilter
from workspaces.locks import lock
from workspaces.models import Role


@contextmanager
def pins_changing(workspaces: Iterable[str], **which: Any) -> Iterator[None]:
    """Change or delete pins inside this: one writer at a time, and the bitmaps of their segments follow."""
    with transaction.atomic():
        for workspace in sorted(set(workspaces)):
            lock("segments", workspace)
        touched = list(Segment.objects.filter(pk__in=Pin.objects.filter(**which).values("segment")))
        yield
        for segment in touched:
            rewrite_pins(segment)


class PinForm(forms.ModelForm):
    def clean(self) -> dict[str, Any] | None:
        segment, contact = self.cleaned_data.get("segment"), self.cleaned_data.get("contact")
        if segment and contact:  # asked for while there is no pin yet
            lock("segments", segment.workspace_id)
            if contact.workspace_id != segment.workspace_id:
                self.add_error("contact", f"{contact} is not in {segment.workspace}, where the segment is.")
        return super().clean()


@admin.register(Pin)
class PinAdmin(ScopedAdmin):
    role_to_look = role_to_change = Role.AGENT
    form = PinForm
    path = "segment__workspace"
    only = Q(segment__deleted_at=None)
    fixed = ("segment", "contact", "author", "created_at")
    autocomplete_fields = ("segment", "contact")
    list_display = ("contact", "segment", "kind", "reason", "author", "expires_at")
    list_filter = (("segment__workspace", WorkspaceFilter), "kind")
    list_select_related = ("contact", "segment", "author")
    search_fields = ("segment__name", "reason")
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("segment", "contact", "kind", "reason", "expires_at")
        return asked if obj is None else (*asked, "author", "created_at")

    def workspace_id_of(self, obj: Pin) -> str:
        return obj.segment.workspace_id

    def save_model(self, request: HttpRequest, obj: Pin, form: forms.ModelForm, change: bool) -> None:
        with pins_changing([obj.segment.workspace_id]):
            if not change:
                obj.author_id = request.user.pk
            obj.save()
            rewrite_pins(obj.segment)

    def delete_model(self, request: HttpRequest, obj: Pin) -> None:
        with pins_changing([obj.segment.workspace_id], pk=obj.pk):
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        pins = dict(queryset.values_list("pk", "segment__workspace"))
        with pins_changing(pins.values(), pk__in=list(pins)):
            Pin.objects.filter(pk__in=list(pins)).delete()


class PinFormSet(BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        for form in self.extra_forms:
            contact = form.cleaned_data.get("contact")
            if contact and contact.workspace_id != self.instance.workspace_id:
                form.add_error("contact", f"{contact} is not in {self.instance.workspace}, where the segment is.")


class PinInline(Scoped, admin.TabularInline):
    """Pins to add and to take out; those that are there are changed on their own pages."""

    role_to_look = role_to_change = Role.AGENT
    model = Pin
    formset = PinFormSet
    path = "segment__workspace"
    fields = ("contact", "kind", "reason", "expires_at")
    autocomplete_fields = ("contact",)
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("contact", "segment")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
