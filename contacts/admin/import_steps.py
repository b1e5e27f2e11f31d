"""The steps of an import: how its file is read, its columns matched, checked, run, done.

Each step has its own address, and an import knows at which of them it is: whoever comes to another one that makes no
sense now is sent there. What is chosen is kept in the import itself, so going back loses nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from contacts import properties
from contacts.admin import import_columns
from contacts.admin.import_columns import Form
from contacts.admin.import_words import (
    DELIMITERS,
    ENCODINGS,
    FORMAT_WORDS,
    counts,
    is_going,
    progress,
    reading,
    state_words,
    with_held,
)
from contacts.importing import import_jobs, imports, tasks, uploads
from contacts.importing.import_jobs import FORMATS, Options
from contacts.importing.imports import Head
from contacts.importing.mapping import header_problems
from contacts.models import ImportJob, ImportState
from contacts.schema import CUSTOM, Schema
from workspaces.admin.scope import ScopedAdmin
from workspaces.admin.times import shown
from workspaces.problems import Conflict, Invalid, Problem

STEPS = {
    "file": "Choose a file",
    "columns": "Match columns",
    "check": "Check",
    "run": "Import",
    "done": "Done",
}
MOST_COLUMNS = 1_500  # of a file; each is several fields of one form


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
    state_allows = job.state in import_jobs.STARTABLE or (job.state in import_jobs.GOING and job.dry_run)
    return state_allows and not (job.began_at or job.path) and job.parts.exists()


def address(job: ImportJob, step: str) -> str:
    return reverse(f"admin:contacts_importjob_{step}", args=[job.pk])


def stepper(current: str, job: ImportJob | None = None) -> list[dict[str, Any]]:
    """The five, each with its address where one can go there."""
    reachable = set()
    if job:
        reachable = {step_of(job), *(("file", "columns") if is_open(job) else ())} - {current}
    return [
        {"words": words, "address": address(job, step) if job and step in reachable else "", "now": step == current}
        for step, words in STEPS.items()
    ]


@dataclass(frozen=True)
class Visit:
    """Somebody at a step of an import."""

    owner: ScopedAdmin
    request: HttpRequest
    job: ImportJob

    @property
    def is_sent(self) -> bool:
        return self.request.method == "POST"

    def sent(self, name: str) -> str:
        return self.request.POST.get(name, "")

    def log(self, message: str) -> None:
        self.owner.log_change(self.request, self.job, message)

    def page(self, step: str, **said: Any) -> HttpResponse:
        name = self.job.file_name or "a file"
        common = {"job": self.job, "steps": stepper(step, self.job), "title": f"{STEPS[step]}: {name}", "name": name}
        return self.owner.page(self.request, f"admin/contacts/importjob/{step}.html", {**common, **said})

    def to(self, step: str = "") -> HttpResponseRedirect:
        """To the step at which the import is, or to another."""
        return to(self.job, step)


def to(job: ImportJob, step: str = "") -> HttpResponseRedirect:
    return HttpResponseRedirect(address(job, step or step_of(job)))


def visited(visit: Visit, step: str) -> HttpResponse:
    """The page of a step, or the way to the one at which the import is."""
    if not (step_of(visit.job) == step or (step in ("file", "columns") and is_open(visit.job))):
        return visit.to()
    return PAGES[step](visit)


# --- how the file is read


def read_file(visit: Visit) -> HttpResponse:
    """As found out or as said."""
    job, problems, head = visit.job, list[Problem](), None
    options = _said(visit) if visit.is_sent else import_jobs.options_of(job)
    try:
        head = _head(job, options, properties.schema(job.workspace))
    except Invalid as error:
        problems = error.problems
    if visit.is_sent and head:
        try:
            _keep(job, options)
            return visit.to("columns")
        except Conflict as error:
            problems = [Problem("", str(error))]
    return visit.page(
        "file",
        options=options,
        head=head,
        problems=problems,
        read=reading(head),
        encodings=with_held(ENCODINGS, options.encoding),
        delimiters=with_held(DELIMITERS, options.delimiter),
        formats=FORMAT_WORDS,
    )


def _said(visit: Visit) -> Options:
    encoding, delimiter = (visit.sent(name).replace("\0", "") or None for name in ("encoding", "delimiter"))
    if visit.sent("format") not in FORMATS:
        raise Http404
    options = import_jobs.options_of(visit.job)
    return replace(options, encoding=encoding, delimiter=delimiter, format=visit.sent("format"))


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
    if job.state in import_jobs.GOING:
        import_jobs.cancel(job)
    job.options = asdict(options)
    import_jobs.settle(job, ImportState.UPLOADED)


# --- where each column goes


def match_columns(visit: Visit) -> HttpResponse:
    job = visit.job
    options, schema = import_jobs.options_of(job), properties.schema(job.workspace)
    try:
        head = _head(job, options, schema)
    except Invalid:
        return visit.to("file")
    problems = list(header_problems(head.headers))
    choice = import_columns.kept(options, head, schema)
    if visit.is_sent and visit.sent("columns") != import_columns.mark(head.headers):
        problems = [Problem("", "the file is read in another way meanwhile; look at its columns again")]
    elif visit.is_sent:
        choice = import_columns.read(visit.request.POST, head.headers)
        try:
            return _matched(visit, replace(options, **vars(choice)), head.headers)
        except Invalid as error:
            problems = error.problems
        except Conflict as error:
            problems = [Problem("", str(error))]
    return visit.page(
        "columns",
        form=Form(head, choice, schema, problems),
        read=reading(head),
        mark=import_columns.mark(head.headers),
        policies=import_columns.POLICIES,
    )


def _matched(visit: Visit, options: Options, headers: Sequence[str]) -> HttpResponse:
    """Raises Invalid, Conflict."""
    if visit.sent("then") == "back":
        _keep(visit.job, options)
        return visit.to("file")
    _try_out(visit.job, options, headers)
    return visit.to()


def _try_out(job: ImportJob, options: Options, headers: Sequence[str]) -> None:
    """Have what was chosen checked. Raises Invalid, with what was chosen before still kept; Conflict."""
    with suppress(Conflict):
        if job.state in import_jobs.GOING:
            import_jobs.cancel(job)  # what is being tried out is not wanted any more
    job.options, job.dry_run = asdict(options), True
    try:
        tasks.start(job, headers)
    except Invalid as error:
        if options.key:
            raise
        others = [problem for problem in error.problems if problem.path != "key"]
        raise Invalid([Problem("key", "choose the column that says who somebody is"), *others]) from None


# --- checked, running, done


def confirm(visit: Visit) -> HttpResponse:
    """What the import would do; saying yes does it."""
    job, problem = visit.job, ""
    if visit.is_sent and job.state == ImportState.CHECKED and not job.path:
        if visit.sent("seen") == job.updated_at.isoformat():
            job.dry_run = False
            try:
                tasks.start(job)
                visit.log("Started.")
                return visit.to()
            except (Invalid, Conflict) as error:
                problem, job.dry_run = str(error), True
        else:
            problem = "It was checked anew meanwhile; look at the numbers again."
    return visit.page("check", problem=problem, **_about(job))


def watch(visit: Visit) -> HttpResponse:
    return visit.page("run", **_about(visit.job))


def look_back(visit: Visit) -> HttpResponse:
    """How it ended; one that ended too early can be gone on with."""
    job, problem = visit.job, ""
    can_go_on = job.state in import_jobs.STARTABLE and bool(job.began_at) and job.parts.exists()
    if visit.is_sent and can_go_on:
        try:
            tasks.start(job)
            visit.log("Gone on with.")
            return visit.to()
        except (Invalid, Conflict) as error:
            problem = str(error)
    return visit.page("done", problem=problem, can_go_on=can_go_on, is_open=is_open(job), **_about(job))


PAGES: dict[str, Callable[[Visit], HttpResponse]] = {
    "file": read_file,
    "columns": match_columns,
    "check": confirm,
    "run": watch,
    "done": look_back,
}


def _about(job: ImportJob) -> dict[str, Any]:
    """What the last three steps say of an import."""
    columns, going, left_out = job.plan.get("columns", []), is_going(job), job.rejected + job.duplicates
    return {
        "progress": progress(job),
        "state": state_words(job),
        "is_going": going,
        "counts": counts(job),
        "left_out": left_out,
        "taken": job.created + job.updated + job.unchanged,
        "first_rejects": import_jobs.first_rejects(job) if left_out and not going else [],
        "new": [(each["property"].removeprefix(CUSTOM), each["type"]) for each in columns if each["isNew"]],
        "remarks": job.plan.get("remarks", []),
        "problems": [Problem(each["path"], each["message"]) for each in job.problems],
        "at": shown(job.ended_at or job.updated_at, job.workspace.zone),
        "zone": job.workspace.timezone,
    }
