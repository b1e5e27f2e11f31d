"""The admin of contacts, with the segments that they are in."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone

from contacts import properties
from contacts.admin.contact_form import ContactForm
from contacts.models import Contact
from segments.admin import contact_pages
from segments.admin.pins import pins_changing
from segments.answers import explanations
from segments.references import RuleWithPins
from workspaces.admin.scope import ScopedAdmin, workspaces
from workspaces.models import Role
from workspaces.problems import Invalid


class ChosenOnly(ActionForm):
    """Actions are for those ticked; "all" would reach behind what is shown."""

    def clean_select_across(self) -> bool:
        return False


@admin.register(Contact)
class ContactAdmin(ScopedAdmin):
    """A contact takes its pins along, and the bitmaps follow. Its page says which segments it is in, and why."""

    role_to_look, role_to_change = Role.GUEST, Role.AGENT
    form = ContactForm
    action_form = ChosenOnly
    readonly_fields = ("wire_id", "created_at", "updated_at", "segments_now")
    search_fields = ("email",)  # Django asks for some; what is sought is in get_search_results

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return contact_pages.show(self, request)
        return self.response_action(request, self.get_queryset(request)) or redirect(request.get_full_path())

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        held = workspaces(request, self.role_to_look)
        return contact_pages.suggested(queryset, held, search_term.strip()), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ContactForm.Meta.fields if obj is None else (*ContactForm.Meta.fields, *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Contact, form: forms.ModelForm, change: bool) -> None:
        obj.updated_at = timezone.now()
        if "substitution_tags" in form.changed_data:
            properties.declare_tags(obj.workspace, obj.substitution_tags)
        if change:
            obj.save(update_fields=[*form.changed_data, "updated_at"])
        else:
            obj.created_at = obj.updated_at
            obj.save()

    @admin.display(description="Segments")
    def segments_now(self, contact: Contact) -> str:
        try:
            held = explanations.memberships(contact.workspace, contact.pk)
        except Contact.DoesNotExist:
            return ""
        return render_to_string("admin/contacts/contact/segments.html", {"contact": contact, "memberships": held})

    def get_urls(self) -> list[URLPattern]:
        why = path(
            "<int:contact_id>/why/<str:segment_id>/", self.admin_site.admin_view(self.why), name="contacts_contact_why"
        )
        return [why, *contact_pages.urls(self), *super().get_urls()]

    def why(self, request: HttpRequest, contact_id: int, segment_id: str) -> HttpResponse:
        """Why somebody is in a segment or not, node by node."""
        contact: Contact = self.found(request, contact_id)
        segment = get_object_or_404(contact.workspace.segments.live(), pk=segment_id)
        try:
            told: dict[str, Any] = {
                "explanation": explanations.explain(contact.workspace, RuleWithPins(segment.tree, segment), contact.pk)
            }
        except Invalid as error:
            told = {"problems": error.problems}
        said = {"contact": contact, "segment": segment, "title": f"{contact}: {segment}"}
        return self.page(request, "admin/contacts/contact/why.html", {**said, **told})

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        with pins_changing([obj.workspace_id], contact=obj):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        contacts = dict(queryset.values_list("pk", "workspace"))
        with pins_changing(contacts.values(), contact__in=list(contacts)):
            super().delete_queryset(request, queryset)
