"""The pages of the admin on which somebody imports a file: choose it, match its columns, check, run, done; and a list.

Each step has its own address, and an import knows at which of them it is: whoever comes to another one that makes no
sense now is sent there. What is chosen is kept in the import itself, so going back loses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    UnreadablePostError,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from procrastinate.contrib.django import admin as procrastinate_admin  # noqa: F401  registers what is taken out below
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts import properties
from contacts.admin import import_columns
from contacts.admin.import_columns import Form
from contacts.importing import importjobs, imports, tasks, uploads
from contacts.importing.importjobs import FORMATS, Options
from contacts.importing.imports import Head
from contacts.importing.mapping import header_problems
from contacts.models import ImportJob, ImportState
from contacts.schema import CUSTOM, Schema
from workspaces.admin.scope import ScopedAdmin, chosen, offered
from workspaces.admin.times import shown
from workspaces.identifiers import is_id
from workspaces.models import Role, Workspace
from workspaces.problems import Conflict, Invalid, Problem

STEPS = {
    "file": "Choose a file",
    "columns": "Match columns",
    "check": "Check",
    "run": "Import",
    "done": "Done",
}
A_PAGE = 50  # imports in the list
MOST_COLUMNS = 1_500  # of a file; each is several fields of one form

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western Europe)",
    "iso8859-1": "Latin-1 (Western Europe)",
    "iso8859-15": "Latin-9 (Western Europe, with €)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
}
DELIMITERS = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Bar |"}
FORMAT_WORDS = dict(zip(FORMATS, ("CSV", "NDJSON"), strict=True))

STATES = {
    ImportState.UPLOADING: "The file is coming in",
    ImportState.UPLOADED: "Waits for its columns to be matched",
    ImportState.WAITING: "Waits for its turn",
    ImportState.CHECKING: "Reading the file",
    ImportState.WRITING: "Importing",
    ImportState.CHECKED: "Checked, waits to be imported",
    ImportState.DONE: "Done",
    ImportState.FAILED: "Failed",
    ImportState.CANCELLED: "Cancelled",
    ImportState.STOPPED: "Stopped",
}
COUNT_WORDS = {
    "created": "new",
    "updated": "changed",
    "unchanged": "unchanged",
    "duplicates": "replaced by a later row",
    "rejected": "rejected",
}


def step_of(job: ImportJob) -> str:
    """Where somebody who comes back to an import goes on."""
    match job.state:
        case ImportState.UPLOADED:
            return "columns"
        case ImportState.CHECKED:
            return "check"
        case ImportState.WAITING | ImportState.CHECKING | ImportState.WRITING | ImportState.UPLOADING:
            return "check" if job.dry_run else "run"
        case ImportState.FAILED if not (job.began_at or job.path):
            return "check"
    return "done"


def is_open(job: ImportJob) -> bool:
    """Whether it can still be said how the file shall be taken."""
    state_allows = job.state in importjobs.STARTABLE or (job.state in importjobs.GOING and job.dry_run)
    return state_allows and not (job.began_at or job.path) and job.parts.exists()


def state_words(job: ImportJob) -> str:
    return "Checking" if job.dry_run and job.state in importjobs.RUNNING else STATES[ImportState(job.state)]


def counts(job: ImportJob) -> list[tuple[str, int]]:
    """What became of the rows; they add up. Replaced ones are named where there are some."""
    found = [(words, getattr(job, name)) for name, words in COUNT_WORDS.items()]
    return [(words, number) for words, number in found if number or words != COUNT_WORDS["duplicates"]]


def progress(job: ImportJob) -> dict[str, Any]:
    """How far it has come, in numbers and words; without numbers where the end is not known."""
    trying = job.dry_run and job.state == ImportState.CHECKING and job.position
    if not job.rows or not (trying or job.state == ImportState.WRITING):
        return {"words": _before_writing(job), "value": None, "rows": None, "percent": 0}
    done = f"{job.position:,} of {job.rows:,} rows"
    words = [f"Tried out {done}" if trying else done, *(_speed(job) if not trying else ())]
    return {
        "words": ", ".join(words),
        "value": job.position,
        "rows": job.rows,
        "percent": 100 * job.position // job.rows,
    }


def _before_writing(job: ImportJob) -> str:
    if job.state == ImportState.CHECKING:
        return f"Reading the file: {job.checked:,} rows so far" if job.checked else "Reading the file"
    return state_words(job)


def _speed(job: ImportJob) -> list[str]:
    rate, left = importjobs.rate_of(job), importjobs.seconds_left(job)
    words = [f"{_about_so_many(rate * 60):,} rows a minute"] if rate else []
    return words if left is None else [*words, f"about {_time(left)} left"]


def _about_so_many(number: int) -> int:
    return round(number, 2 - len(str(number)))


def _time(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} s"
    return f"{round(seconds / 60):,} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


admin.site.unregister(ProcrastinateJob)  # jobs of all workspaces; imports have rows of their own


@admin.register(ImportJob)
class ImportJobAdmin(ScopedAdmin):
    role_to_look = role_to_change = Role.AGENT

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # who brought whom stays known

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Callable[..., HttpResponseBase]] = {
            **{step: partial(self.step, step=step) for step in STEPS},
            "progress": self.progress,
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

    def to(self, job: ImportJob, step: str = "") -> HttpResponseRedirect:
        return HttpResponseRedirect(address(job, step or step_of(job)))

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
        going = [] if before else list(found.filter(state__in=importjobs.GOING).order_by("-id")[:A_PAGE])
        others = found.exclude(state__in=importjobs.GOING)
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
        return self.to(self.job(request, object_id))

    # --- 1: the file

    @method_decorator(csrf_exempt)  # its file is to be kept as it comes, before Django's own look for the token
    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = request.GET.get("workspace", "")
        workspace = chosen(request, self.role_to_change, wanted)
        if workspace is None:
            raise Http404 if wanted else PermissionDenied
        if request.method == "POST":
            return self.uploaded(request, workspace)
        return self.choose(request, workspace)

    def choose(self, request: HttpRequest, workspace: Workspace, problem: str = "") -> HttpResponse:
        said = {
            "title": "Import contacts",
            "steps": _steps("file"),
            "workspace": workspace,
            "workspaces": offered(request, self.role_to_change),
            "problem": problem,
            "limit": settings.IMPORT_LIMIT,
        }
        return self.page(request, "admin/contacts/importjob/add.html", said)

    def uploaded(self, request: HttpRequest, workspace: Workspace) -> HttpResponse:
        job = uploads.begin(workspace, request.user.get_username())
        handler = uploads.FormHandler(uploads.Upload(job))
        try:
            uploads.check_length(request.META.get("CONTENT_LENGTH") or "0")
            request.upload_handlers = [handler]
            return csrf_protect(partial(self.taken, handler=handler))(request)
        except uploads.TooLarge as error:
            _drain(request)
            return self.choose(request, workspace, f"{error} Split it, or ask whoever runs the service to raise this.")
        finally:
            ImportJob.objects.filter(pk=job.pk, state=ImportState.UPLOADING).delete()

    def taken(self, request: HttpRequest, handler: uploads.FormHandler) -> HttpResponse:
        request.POST  # noqa: B018  # which takes the file in, where nobody looked for a token
        job = handler.upload.job
        if handler.files != 1:
            return self.choose(request, job.workspace, "Choose a file first.")
        handler.upload.finish()
        job.options = asdict(Options(format=importjobs.format_of(job.file_name)))
        importjobs.settle(job, ImportState.UPLOADED)
        return self.to(job)

    # --- the steps of an import

    def step(self, request: HttpRequest, import_id: str, step: str) -> HttpResponse:
        job = self.job(request, import_id)
        if not (step_of(job) == step or (step in ("file", "columns") and is_open(job))):
            return self.to(job)
        view: Callable[[HttpRequest, ImportJob], HttpResponse] = getattr(self, f"at_{step}")
        return view(request, job)

    def shown(self, request: HttpRequest, step: str, job: ImportJob, **said: Any) -> HttpResponse:
        name = job.file_name or "a file"
        common = {"job": job, "steps": _steps(step, job), "title": f"{STEPS[step]}: {name}", "name": name}
        return self.page(request, f"admin/contacts/importjob/{step}.html", {**common, **said})

    def at_file(self, request: HttpRequest, job: ImportJob) -> HttpResponse:
        """How the file is read, as found out or as said."""
        problems: list[Problem] = []
        options = importjobs.options_of(job)
        if request.method == "POST":
            encoding, delimiter = (
                request.POST.get(name, "").replace("\0", "") or None for name in ("encoding", "delimiter")
            )
            options = replace(options, encoding=encoding, delimiter=delimiter, format=request.POST.get("format", ""))
            if options.format not in FORMATS:
                raise Http404
        head = None
        try:
            head = _head(job, options, properties.schema(job.workspace))
        except Invalid as error:
            problems = error.problems
        if request.method == "POST" and head:
            try:
                _keep(job, options)
                return self.to(job, "columns")
            except Conflict as error:
                problems = [Problem("", str(error))]
        encodings, delimiters = (
            _with(known, held) for known, held in ((ENCODINGS, options.encoding), (DELIMITERS, options.delimiter))
        )
        said = {"encodings": encodings, "delimiters": delimiters, "formats": FORMAT_WORDS}
        return self.shown(request, "file", job, options=options, head=head, problems=problems, read=_read(head), **said)

    def at_columns(self, request: HttpRequest, job: ImportJob) -> HttpResponse:
        """Where each column goes."""
        options, schema = importjobs.options_of(job), properties.schema(job.workspace)
        try:
            head = _head(job, options, schema)
        except Invalid:
            return self.to(job, "file")
        problems = list(header_problems(head.headers))
        chosen = import_columns.kept(options, head, schema)
        if request.method == "POST" and request.POST.get("columns") != import_columns.mark(head.headers):
            problems = [Problem("", "the file is read in another way meanwhile; look at its columns again")]
        elif request.method == "POST":
            chosen = import_columns.read(request.POST, head.headers)
            options = replace(options, **vars(chosen))
            try:
                if request.POST.get("then") == "back":
                    _keep(job, options)
                    return self.to(job, "file")
                self.check_columns(job, options, head.headers)
                return self.to(job)
            except Invalid as error:
                problems = error.problems
            except Conflict as error:
                problems = [Problem("", str(error))]
        form = Form(head, chosen, schema, problems)
        said = {"form": form, "read": _read(head), "mark": import_columns.mark(head.headers), "tables": import_columns}
        return self.shown(request, "columns", job, **said)

    def check_columns(self, job: ImportJob, options: Options, headers: Sequence[str]) -> None:
        """Have what was chosen tried out. Raises Invalid, with what was chosen before still kept; Conflict."""
        with suppress(Conflict):
            if job.state in importjobs.GOING:
                importjobs.cancel(job)  # what is being tried out is not wanted any more
        job.options, job.dry_run = asdict(options), True
        try:
            tasks.start(job, headers)
        except Invalid as error:
            if options.key:
                raise
            others = [problem for problem in error.problems if problem.path != "key"]
            raise Invalid([Problem("key", "choose the column that says who somebody is"), *others]) from None

    def at_check(self, request: HttpRequest, job: ImportJob) -> HttpResponse:
        """What the import would do; saying yes does it."""
        problem = ""
        if request.method == "POST" and job.state == ImportState.CHECKED and not job.path:
            if request.POST.get("seen") == job.updated_at.isoformat():
                job.dry_run = False
                try:
                    tasks.start(job)
                    self.log_change(request, job, "Started.")
                    return self.to(job)
                except (Invalid, Conflict) as error:
                    problem, job.dry_run = str(error), True
            else:
                problem = "It was checked anew meanwhile; look at the numbers again."
        return self.shown(request, "check", job, problem=problem, **_about(job))

    def at_run(self, request: HttpRequest, job: ImportJob) -> HttpResponse:
        return self.shown(request, "run", job, **_about(job))

    def at_done(self, request: HttpRequest, job: ImportJob) -> HttpResponse:
        """How it ended; one that ended too early can be gone on with."""
        problem, can_go_on = "", job.state in importjobs.STARTABLE and bool(job.began_at) and job.parts.exists()
        if request.method == "POST" and can_go_on:
            try:
                tasks.start(job)
                self.log_change(request, job, "Gone on with.")
                return self.to(job)
            except (Invalid, Conflict) as error:
                problem = str(error)
        said = {"problem": problem, "can_go_on": can_go_on, "is_open": is_open(job)}
        return self.shown(request, "done", job, **said, **_about(job))

    # --- beside them

    def progress(self, request: HttpRequest, import_id: str) -> HttpResponse:
        job = self.job(request, import_id)
        return JsonResponse({**progress(job), "going": _is_going(job), "address": address(job, step_of(job))})

    def rejects(self, request: HttpRequest, import_id: str) -> HttpResponseBase:
        return importjobs.rejects_file(self.job(request, import_id))

    def cancel(self, request: HttpRequest, import_id: str) -> HttpResponse:
        """What was written stays."""
        job = self.job(request, import_id)
        tried = job.dry_run
        try:
            importjobs.cancel(job)
            self.log_change(request, job, "Cancelled.")
        except Conflict as error:
            self.message_user(request, str(error), messages.WARNING)
            return self.to(job)
        return self.to(job, "columns" if tried and is_open(job) and "discard" not in request.POST else "")


def _drain(request: HttpRequest) -> None:
    """Throw away what is still coming, as far as that is bearable: a browser reads no answer before it has sent all."""
    left = settings.IMPORT_LIMIT
    with suppress(UnreadablePostError):
        while left > 0 and (block := request.read(uploads.BLOCK)):
            left -= len(block)


def address(job: ImportJob, step: str) -> str:
    return reverse(f"admin:contacts_importjob_{step}", args=[job.pk])


def _steps(current: str, job: ImportJob | None = None) -> list[dict[str, Any]]:
    """The five, each with its address where one can go there."""
    reachable = set()
    if job:
        reachable = {step_of(job), *(("file", "columns") if is_open(job) else ())} - {current}
    return [
        {"words": words, "address": address(job, step) if job and step in reachable else "", "now": step == current}
        for step, words in STEPS.items()
    ]


def _head(job: ImportJob, options: Options, schema: Schema) -> Head:
    """Raises Invalid."""
    with uploads.opened(job) as file:
        head = imports.head(file, options, schema)
    if len(head.columns) > MOST_COLUMNS:
        what = f"has {len(head.columns):,} columns; {MOST_COLUMNS:,} can be matched here, more by the API"
        raise Invalid([Problem("", f"the file {what}")])
    return head


def _keep(job: ImportJob, options: Options) -> None:
    """Keep what was chosen; what was found out with other choices holds no longer. Raises Conflict."""
    if asdict(options) == job.options:
        return
    if job.state in importjobs.GOING:
        importjobs.cancel(job)
    job.options = asdict(options)
    importjobs.settle(job, ImportState.UPLOADED)


def _with(known: Mapping[str, str], held: str | None) -> dict[str, str]:
    return dict(known) if held is None or held in known else {**known, held: held}


def _read(head: Head | None) -> str:
    """How a file is read, in words."""
    if head is None:
        return ""
    if not head.delimiter:
        return "NDJSON"
    encoding = ENCODINGS.get(head.encoding, head.encoding).partition(" (")[0]
    return f"CSV in {encoding}, cells separated by {_DELIMITER_WORDS.get(head.delimiter, head.delimiter)}"


_DELIMITER_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _is_going(job: ImportJob) -> bool:
    return job.state in importjobs.GOING or job.state == ImportState.UPLOADING


def _about(job: ImportJob) -> dict[str, Any]:
    """What the last three steps say of an import."""
    columns, is_going, left_out = job.plan.get("columns", []), _is_going(job), job.rejected + job.duplicates
    return {
        "progress": progress(job),
        "state": state_words(job),
        "is_going": is_going,
        "counts": counts(job),
        "left_out": left_out,
        "taken": job.created + job.updated + job.unchanged,
        "first_rejects": importjobs.first_rejects(job) if left_out and not is_going else [],
        "new": [(each["property"].removeprefix(CUSTOM), each["type"]) for each in columns if each["isNew"]],
        "remarks": job.plan.get("remarks", []),
        "problems": [Problem(each["path"], each["message"]) for each in job.problems],
        "at": shown(job.ended_at or job.updated_at, job.workspace.zone),
        "zone": job.workspace.timezone,
    }


def _listed(job: ImportJob) -> dict[str, Any]:
    """An import as a line of the list."""
    return {
        "job": job,
        "name": job.file_name or "a file",
        "state": state_words(job),
        "is_going": job.state in importjobs.GOING,
        "is_bad": job.state in (ImportState.FAILED, ImportState.STOPPED),
        "progress": progress(job),
        "when": _when(job),
        "address": address(job, step_of(job)),
    }


def _when(job: ImportJob) -> SafeString:
    return shown(job.created_at, job.workspace.zone, timezone.now())
