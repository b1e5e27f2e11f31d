"""The page on which a file is chosen, and its taking in: kept as it comes, however large it is."""

from contextlib import suppress
from dataclasses import asdict
from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_protect

from contacts.admin.import_steps import stepper, to
from contacts.importing import import_jobs, uploads
from contacts.importing.import_jobs import Options
from contacts.models import ImportJob, ImportState
from workspaces.admin.scope import ScopedAdmin, offered
from workspaces.models import Workspace


def choose(owner: ScopedAdmin, request: HttpRequest, workspace: Workspace, problem: str = "") -> HttpResponse:
    said = {
        "title": "Import contacts",
        "steps": stepper("file"),
        "workspace": workspace,
        "workspaces": offered(request, owner.role_to_change),
        "problem": problem,
        "limit": settings.IMPORT_LIMIT,
    }
    return owner.page(request, "admin/contacts/importjob/add.html", said)


def upload(owner: ScopedAdmin, request: HttpRequest, workspace: Workspace) -> HttpResponse:
    job = uploads.begin(workspace, request.user.get_username())
    handler = uploads.FormHandler(uploads.Upload(job))
    try:
        uploads.check_length(request.META.get("CONTENT_LENGTH") or "0")
        request.upload_handlers = [handler]
        return csrf_protect(partial(_taken, owner, handler=handler))(request)
    except uploads.TooLarge as error:
        _drain(request)
        return choose(owner, request, workspace, f"{error} Split it, or ask whoever runs the service to raise this.")
    finally:
        ImportJob.objects.filter(pk=job.pk, state=ImportState.UPLOADING).delete()


def _taken(owner: ScopedAdmin, request: HttpRequest, handler: uploads.FormHandler) -> HttpResponse:
    request.POST.dict()  # reading the fields takes the file in, where nobody looked among them for a token
    job = handler.upload.job
    if handler.files != 1:
        return choose(owner, request, job.workspace, "Choose a file first.")
    handler.upload.finish()
    job.options = asdict(Options(format=import_jobs.format_of(job.file_name)))
    import_jobs.settle(job, ImportState.UPLOADED)
    return to(job)


def _drain(request: HttpRequest) -> None:
    """Throw away what is still coming, as far as that is bearable: a browser reads no answer before it has sent all."""
    left = settings.IMPORT_LIMIT
    with suppress(UnreadablePostError):
        while left > 0 and (block := request.read(uploads.BLOCK)):
            left -= len(block)
