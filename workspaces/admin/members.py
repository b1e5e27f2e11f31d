"""The admin of members: who works in a workspace, in which role."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from workspaces.admin.scope import Scoped, ScopedAdmin, WorkspaceFilter, may, roles
from workspaces.models import Member, Role


class MemberForm(forms.ModelForm):
    """Nobody but a superuser gives or takes away a role above their own."""

    request: HttpRequest
    # Typed, not chosen: a list of all accounts would show who works in other workspaces.
    user = forms.ModelChoiceField(
        User.objects.all(),
        to_field_name=User.USERNAME_FIELD,
        widget=AdminTextInputWidget,
        help_text="The name that the person signs in with.",
        error_messages={"invalid_choice": "There is no account called %(value)s."},
    )

    class Meta:
        model = Member
        fields = ["workspace", "user", "role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "user" in self.fields:
            self.initial["user"] = self.instance.user
            self.fields["user"].disabled = True
            self.fields["role"].disabled = not may(self.request, self.instance.role, self.instance.workspace_id)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        workspace_id = self.instance.workspace_id or getattr(self.cleaned_data.get("workspace"), "pk", None)
        role = self.cleaned_data.get("role")
        if "role" in self.changed_data and role and workspace_id and not may(self.request, role, workspace_id):
            own = Role(roles(self.request)[workspace_id]).label.lower()
            self.add_error("role", f"Your own role here is {own}; you can give roles up to that.")
        return cleaned


class MemberFormSet(BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        for form in self.deleted_forms:
            member = form.instance
            if not may(cast(MemberForm, form).request, member.role, self.instance.pk):
                raise ValidationError(
                    f"{member.user} is {member.get_role_display().lower()}, which is above your own role; "
                    "somebody of that role can take them out."
                )


class MemberInline(Scoped, admin.TabularInline):
    role_to_look = role_to_change = Role.ADMIN
    model = Member
    form = MemberForm
    formset = MemberFormSet
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[BaseInlineFormSet]:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.request = request  # type: ignore[attr-defined]  # a class of its own for this request
        return formset


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    role_to_look = role_to_change = Role.ADMIN
    form = MemberForm
    fixed = ("workspace", "user")
    list_display = ("user", "workspace", "role", "created_at")
    list_filter = (("workspace", WorkspaceFilter), "role")
    list_select_related = ("user", "workspace")
    search_fields = ("user__username", "user__email")
    ordering = ("workspace", "user", "id")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.request = request  # type: ignore[attr-defined]  # a class of its own for this request
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, max(self.role_to_change, obj.role if obj else 0), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)
