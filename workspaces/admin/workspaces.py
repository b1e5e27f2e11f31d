"""The admin of workspaces, and what keeps every page of the admin inside the workspaces that a person belongs to."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Field, ForeignKey, Q, QuerySet
from django.forms import BaseInlineFormSet, ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from workspaces.admin.times import shown
from workspaces.identifiers import is_id
from workspaces.locks import lock
from workspaces.models import ApiKey, Member, Role, Workspace

admin.site.site_header = admin.site.site_title = admin.site.index_title = "Segmenter"

# The role that a member needs to look at objects of a model, and to add, change and delete them.
ROLES: dict[str, tuple[Role, Role]] = {
    "segments.segment": (Role.GUEST, Role.AGENT),
    "contacts.contact": (Role.GUEST, Role.AGENT),
    "contacts.importjob": (Role.AGENT, Role.AGENT),
    "segments.pin": (Role.AGENT, Role.AGENT),
    "contacts.substitutiontag": (Role.AGENT, Role.AGENT),
    "contacts.property": (Role.ADMIN, Role.ADMIN),
    "workspaces.apikey": (Role.ADMIN, Role.ADMIN),
    "workspaces.member": (Role.ADMIN, Role.ADMIN),
    "workspaces.workspace": (Role.ADMIN, Role.ADMIN),
}
MOST_OFFERED = 200  # workspaces to switch between
MOST_INLINE = 100  # rows; a page with more would hold more form fields than Django accepts


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def roles(request: HttpRequest) -> dict[str, int]:
    """The role that whoever asks has in each of their workspaces. One query a request."""
    kept = vars(request)
    if "workspace_roles" not in kept:
        held = Member.objects.filter(user=request.user.pk) if request.user.pk else Member.objects.none()
        kept["workspace_roles"] = dict(held.values_list("workspace_id", "role"))
    return cast(dict[str, int], kept["workspace_roles"])


def may(request: HttpRequest, role: int, workspace_id: str | None = None) -> bool:
    """Whether whoever asks has this role or a higher one in this workspace, or, where none is named, in any."""
    if is_superuser(request):
        return True
    held = roles(request)
    return max(held.values(), default=0) >= role if workspace_id is None else held.get(workspace_id, 0) >= role


def workspaces(request: HttpRequest, role: int) -> QuerySet[Workspace]:
    """The workspaces in which whoever asks has this role or a higher one."""
    if is_superuser(request):
        return Workspace.objects.all()
    # Plain ids: PostgreSQL then finds the contacts of one workspace by index, in order, which it does not for a join.
    return Workspace.objects.filter(pk__in=_held(request, role))


def _held(request: HttpRequest, role: int) -> list[str]:
    """The ids of the workspaces in which whoever asks is a member of this role or a higher one."""
    return [pk for pk, held in roles(request).items() if held >= role]


def offered(request: HttpRequest, role: int) -> QuerySet[Workspace]:
    """The workspaces to switch between."""
    return workspaces(request, role)[:MOST_OFFERED]


def chosen(request: HttpRequest, role: int, wanted: str) -> Workspace | None:
    """The workspace that an address names or, where it names none, the first; None where there is no such one."""
    held = workspaces(request, role)
    if not wanted:
        return held.first()
    return held.filter(pk=wanted).first() if is_id(wanted) else None


def wants_fragment(request: HttpRequest) -> bool:
    """Whether a script asks for a part of the page alone."""
    return request.headers.get("Accept") == "text/vnd.fragment"


class Scoped(BaseModelAdmin):
    """Shows, offers and takes only what lies in workspaces in which the person's role is high enough."""

    path = "workspace"  # that leads from the model to its workspace
    only = Q()

    @property
    def role_to_look(self) -> Role:
        return ROLES[self.opts.label_lower][0]

    @property
    def role_to_change(self) -> Role:
        return ROLES[self.opts.label_lower][1]

    def within(self, request: HttpRequest, role: Role) -> QuerySet:
        """The objects of the workspaces in which the person has this role or a higher one."""
        objects = super().get_queryset(request).filter(self.only)
        if is_superuser(request):
            return objects
        return objects.filter(**{f"{self.path}__in": _held(request, role)})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return self.within(request, self.role_to_look)

    def workspace_id_of(self, obj: Any) -> str:
        """The workspace of one of the model's objects, or, in an inline, of the page's."""
        return str(obj.pk if isinstance(obj, Workspace) else obj.workspace_id)

    def allows(self, request: HttpRequest, role: int, obj: Any) -> bool:
        return may(request, role, None if obj is None else self.workspace_id_of(obj))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.role_to_look, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.role_to_change, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.role_to_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, self.role_to_change, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        related = self.admin_site._registry.get(db_field.related_model)
        if isinstance(related, Scoped):
            kwargs["queryset"] = related.within(request, self.role_to_change)
        if db_field.related_model is Workspace and not is_superuser(request):
            own = _held(request, self.role_to_change)
            kwargs["initial"] = own[0] if len(own) == 1 else None
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ScopedAdmin(Scoped, admin.ModelAdmin):
    fixed: Sequence[str] = ("workspace",)  # fields that nobody can change once there is an object
    list_per_page = 100

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if obj is None else (*readonly, *self.fixed)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Those of an object that exists, as far as a page can hold them."""
        return [inline for inline in self.inlines if obj is not None and self.rows(inline, obj) <= MOST_INLINE]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Headed by what is listed, where Django says "Select ... to change"."""
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def found(self, request: HttpRequest, pk: Any) -> Any:
        """One that the person may look at, with its workspace; any other is as unknown as one that does not exist."""
        return get_object_or_404(self.get_queryset(request).select_related("workspace"), pk=pk)

    def page(
        self, request: HttpRequest, template: str, said: dict[str, Any], status: int | None = None
    ) -> TemplateResponse:
        """A page that is none of Django's own."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, **said}
        return TemplateResponse(request, template, context, status=status)

    def rows(self, inline: Any, obj: models.Model) -> int:
        link = next(field for field in inline.model._meta.fields if field.related_model is self.model)
        return int(inline.model._default_manager.filter(**{link.name: obj})[: MOST_INLINE + 1].count())

    def response_action(self, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """An action is done to all that were chosen or to none."""
        with transaction.atomic():
            return super().response_action(*args, **kwargs)


class WorkspaceFilter(admin.RelatedFieldListFilter):
    """Offers the workspaces that the person may see."""

    def field_choices(self, field: Field, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[Any]:
        held = workspaces(request, cast(Scoped, model_admin).role_to_look)
        return list(held.values_list("pk", "name"))


# --- members -------------------------------------------------------------------------------------------------------


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


# --- workspaces ----------------------------------------------------------------------------------------------------


def erase(objects: QuerySet) -> None:
    """Delete with all that belongs to them, in the database alone: Django would fetch every contact first."""
    for relation in objects.model._meta.get_fields(include_hidden=True):
        if relation.one_to_many and getattr(relation, "on_delete", None) is models.CASCADE:
            erase(relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": objects}))
    objects._raw_delete(objects.db)


@admin.register(Workspace)
class WorkspaceAdmin(ScopedAdmin):
    path = "pk"
    fixed = ("id",)
    fields = ("name", "id", "timezone")
    inlines = (MemberInline,)
    list_display = ("name", "id", "timezone", "created_at")
    search_fields = ("name", "id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list]:
        """Numbers, where Django's own page would list every contact."""
        counts = {
            str(relation.related_model._meta.verbose_name_plural): relation.related_model._base_manager.filter(
                workspace__in=objs
            ).count()
            for relation in Workspace._meta.related_objects
        }
        return [str(workspace) for workspace in objs], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Workspace) -> None:
        erase(Workspace.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        erase(Workspace.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))))


# --- keys ----------------------------------------------------------------------------------------------------------


class ApiKeyForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields = ["workspace", "name", "scope", "expires_at"]
        help_texts = {
            "name": "What uses it, so that you know which one to revoke: Website, Nightly import.",
            "scope": "Read looks at everything in the workspace; write changes it too.",
            "expires_at": "In UTC. Empty: it works until it is revoked.",
        }

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        workspace_id = self.instance.workspace_id or getattr(self.cleaned_data.get("workspace"), "pk", None)
        name, expires_at = self.cleaned_data.get("name"), self.cleaned_data.get("expires_at")
        if name and workspace_id and self.held(workspace_id, name):
            # Also what a page that is loaded again comes to: it would make a second key otherwise.
            self.add_error("name", f"A key called {name} is in use already. Choose another name, or revoke that one.")
        if expires_at and "expires_at" in self.changed_data and expires_at <= timezone.now():
            self.add_error("expires_at", "This is over already. To end a key now, revoke it.")
        return cleaned

    def held(self, workspace_id: str, name: str) -> bool:
        lock("api keys", workspace_id)
        others = ApiKey.objects.usable().filter(workspace=workspace_id, name=name).exclude(pk=self.instance.pk)
        return "name" in self.changed_data and others.exists()


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    """A key is shown once, in the answer that makes it, and ends by being revoked."""

    form = ApiKeyForm
    fixed = ("workspace", "scope")
    readonly_fields = ("begins_with", "made", "last_used", "revoked")
    list_display = ("name", "begins_with", "workspace", "scope", "last_used", "expires", "revoked")
    list_filter = (("workspace", WorkspaceFilter), "scope")
    list_select_related = ("workspace",)
    search_fields = ("name", "prefix")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("workspace", "name", "scope", "expires_at")
        return asked if obj is None else (*asked, *self.readonly_fields)

    @admin.display(description="Key", ordering="prefix")
    def begins_with(self, key: ApiKey) -> SafeString:
        return format_html("<code>{}…</code>", key.prefix)

    @admin.display(description="Created", ordering="created_at")
    def made(self, key: ApiKey) -> SafeString:
        return shown(key.created_at, key.workspace.zone)

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> str:
        return shown(key.last_used_at, key.workspace.zone, timezone.now()) if key.last_used_at else "Never"

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, key: ApiKey) -> str:
        if key.expires_at is None:
            return "Never"
        word = "Expired " if key.expires_at <= timezone.now() else ""
        return format_html("{}{}", word, shown(key.expires_at, key.workspace.zone))

    @admin.display(description="Revoked", ordering="revoked_at")
    def revoked(self, key: ApiKey) -> str:
        if key.revoked_at:
            return shown(key.revoked_at, key.workspace.zone)
        address = reverse("admin:workspaces_apikey_revoke", args=[key.pk])
        return format_html('No. <a href="{}" aria-label="Revoke {}">Revoke</a>', address, key.name)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key, secret = ApiKey.objects.issue(obj.workspace, obj.name, obj.scope, obj.expires_at)
        vars(obj).update(vars(key))
        vars(request)["secret"] = secret

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The key itself, in this one answer: nothing keeps it for a page behind a redirect."""
        secret = vars(request)["secret"]
        address = request.build_absolute_uri(f"/api/workspaces/{obj.workspace_id}/segments")
        curl = f'curl -H "x-api-key: {secret}" "{address}"'
        said = {"key": obj, "secret": secret, "curl": curl, "title": f"Key {obj.name}"}
        return self.page(request, "admin/workspaces/apikey/created.html", said)

    # --- revoking

    def get_urls(self) -> list[URLPattern]:
        ask = self.admin_site.admin_view(self.ask)
        return [path("<int:key_id>/revoke/", ask, name="workspaces_apikey_revoke"), *super().get_urls()]

    def ask(self, request: HttpRequest, key_id: int) -> HttpResponse:
        return self.asked(request, [self.found(request, key_id)])

    def asked(self, request: HttpRequest, keys: Sequence[ApiKey]) -> HttpResponse:
        """The page in between; saying yes on it comes to the action."""
        working = [key for key in keys if key.revoked_at is None]
        title = f"Revoke {working[0].name}?" if len(working) == 1 else f"Revoke {len(working)} keys?"
        told = [(key, self.last_used(key)) for key in working]
        said = {"told": told, "title": title if working else "Nothing to revoke"}
        return self.page(request, "admin/workspaces/apikey/revoke.html", said)

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(queryset.filter(revoked_at=None).select_related("workspace"))
        if "confirmed" not in request.POST:
            return self.asked(request, keys)
        for key in keys:
            self.log_change(request, key, "Revoked.")
        revoked = ApiKey.objects.filter(pk__in=[key.pk for key in keys]).update(revoked_at=timezone.now())
        says = "1 key is revoked" if revoked == 1 else f"{revoked} keys are revoked"
        self.message_user(request, f"{says}; requests fail from now on.", messages.SUCCESS)
        return None
