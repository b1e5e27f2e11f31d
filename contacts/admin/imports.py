"""The admin of imports: the list of them, and the way to the steps of one."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from procrastinate.contrib.django import admin as procrastinate_admin  # noqa: F401  registers what is taken out below
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts.admin import import_steps, import_upload
from contacts.admin.import_steps import Visit, address, is_open, step_of, to, visited
from contacts.admin.import_words import is_going, progress, state_words
from contacts.importing import import_jobs
from contacts.models import ImportJob, ImportState
from workspaces.admin.scope import ScopedAdmin, chosen, offered
from workspaces.admin.times import shown
from workspaces.identifiers import is_id
from workspaces.models import Role
from workspaces.problems import Conflict

A_PAGE = 50  # imports in the list

admin.site.unregister(ProcrastinateJob)  # jobs of all workspaces; imports have rows of their own


@admin.register(ImportJob)
class ImportJobAdmin(ScopedAdmin):
    role_to_look = role_to_change = Role.AGENT

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # who brought whom stays known

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Callable[..., HttpResponseBase]] = {
            **{step: partial(self.step, step=step) for step in import_steps.PAGES},
            "progress": self.how_far,
            "rejects": self.rejects,
            "cancel": require_POST(self.cancel),
        }
        own = [
            path(f"<str:import_id>/{name}/", self.admin_site.admin_view(page), name=f"contacts_importjob_{name}")
            for name, page in pages.items()
        ]
        return [*own, *super().get_urls()]

    def job(self, request: HttpRequest, import_id: str) -> ImportJob:
        """The import, if it is one of the person's workspaces; any other is as unknown as one that does not exist."""
        if not is_id(import_id):
            raise Http404
        return cast(ImportJob, self.found(request, import_id))

    def step(self, request: HttpRequest, import_id: str, step: str) -> HttpResponse:
        return visited(Visit(self, request, self.job(request, import_id)), step)

    # --- the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Those that go on first, then the newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        held = list(offered(request, self.role_to_look))
        workspace = next((each for each in held if each.pk == request.GET.get("workspace")), None)
        found = self.get_queryset(request).select_related("workspace").defer("plan", "problems", "options")
        if workspace:
            found = found.filter(workspace=workspace)
        before = request.GET.get("before", "")
        going = [] if before else list(found.filter(state__in=import_jobs.GOING).order_by("-id")[:A_PAGE])
        others = found.exclude(state__in=import_jobs.GOING)
        rest = list((others.filter(pk__lt=before) if is_id(before) else others).order_by("-id")[: A_PAGE + 1])
        said = {
            "title": "Imports",
            "told": [_listed(job) for job in [*going, *rest[:A_PAGE]]],
            "before": rest[A_PAGE - 1].pk if len(rest) > A_PAGE else "",
            "workspace": workspace,
            "workspaces": held,
            "several": len(held) > 1,
        }
        return self.page(request, "admin/contacts/importjob/list.html", said)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return to(self.job(request, object_id))

    # --- 1: the file

    @method_decorator(csrf_exempt)  # its file is to be kept as it comes, before Django's own look for the token
    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = request.GET.get("workspace", "")
        workspace = chosen(request, self.role_to_change, wanted)
        if workspace is None:
            raise Http404 if wanted else PermissionDenied
        if request.method == "POST":
            return import_upload.upload(self, request, workspace)
        return import_upload.choose(self, request, workspace)

    # --- beside them

    def how_far(self, request: HttpRequest, import_id: str) -> HttpResponse:
        job = self.job(request, import_id)
        return JsonResponse({**progress(job), "going": is_going(job), "address": address(job, step_of(job))})

    def rejects(self, request: HttpRequest, import_id: str) -> HttpResponseBase:
        return import_jobs.rejects_file(self.job(request, import_id))

    def cancel(self, request: HttpRequest, import_id: str) -> HttpResponse:
        """What was written stays."""
        job = self.job(request, import_id)
        tried = job.dry_run
        try:
            import_jobs.cancel(job)
            self.log_change(request, job, "Cancelled.")
        except Conflict as error:
            self.message_user(request, str(error), messages.WARNING)
            return to(job)
        return to(job, "columns" if tried and is_open(job) and "discard" not in request.POST else "")


def _listed(job: ImportJob) -> dict[str, Any]:
    """An import as a line of the list."""
    return {
        "job": job,
        "name": job.file_name or "a file",
        "state": state_words(job),
        "is_going": job.state in import_jobs.GOING,
        "is_bad": job.state in (ImportState.FAILED, ImportState.STOPPED),
        "progress": progress(job),
        "when": _when(job),
        "address": address(job, step_of(job)),
    }


def _when(job: ImportJob) -> SafeString:
    return shown(job.created_at, job.workspace.zone, timezone.now())
