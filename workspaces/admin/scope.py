"""What keeps every page of the admin inside the workspaces that a person belongs to, and below their role."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.db import models, transaction
from django.db.models import Field, ForeignKey, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from workspaces.identifiers import is_id
from workspaces.models import Member, Role, Workspace

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

    # The role that a member needs to look at objects of the model, and to add, change and delete them. Whoever names
    # none gets an error, never a page: tests/ holds the whole table.
    role_to_look: Role
    role_to_change: Role
    path = "workspace"  # that leads from the model to its workspace
    only = Q()

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
