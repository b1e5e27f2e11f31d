"""The admin of API keys: made, shown once, revoked."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workspaces.admin.scope import ScopedAdmin, WorkspaceFilter
from workspaces.admin.times import shown
from workspaces.locks import lock
from workspaces.models import ApiKey, Role


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

    role_to_look = role_to_change = Role.ADMIN
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
