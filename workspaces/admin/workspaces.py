"""The admin of workspaces themselves."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from workspaces.admin.members import MemberInline
from workspaces.admin.scope import ScopedAdmin, is_superuser
from workspaces.models import Role, Workspace

admin.site.site_header = admin.site.site_title = admin.site.index_title = "Segmenter"


def erase(objects: QuerySet) -> None:
    """Delete with all that belongs to them, in the database alone: Django would fetch every contact first."""
    for relation in objects.model._meta.get_fields(include_hidden=True):
        if relation.one_to_many and getattr(relation, "on_delete", None) is models.CASCADE:
            erase(relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": objects}))
    objects._raw_delete(objects.db)


@admin.register(Workspace)
class WorkspaceAdmin(ScopedAdmin):
    role_to_look = role_to_change = Role.ADMIN
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
