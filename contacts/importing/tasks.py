"""Imports in the background, on whichever worker is free, and what becomes of those whose worker has died."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued, JobAborted

from contacts.importing import import_jobs, imports, uploads
from contacts.importing.import_jobs import Outcome
from contacts.models import ImportJob, ImportState
from workspaces.problems import Conflict, Invalid, Problem

RESCUE_EVERY = "* * * * * */5"  # the sixth field is seconds
QUIET = timedelta(seconds=5)  # nothing noted for so long, and nobody holds it: its worker has died
UPLOAD_PATIENCE = timedelta(hours=1)  # after the last piece
FILE_KEPT = timedelta(days=7)  # of an import that could still be started or gone on with
REJECTS_KEPT = timedelta(days=30)

# The connection to PostgreSQL was lost, somebody else runs it just now, or the worker is to stop.
_PASSING = (*import_jobs.LOST, Conflict, JobAborted, OSError)
_AGAIN = RetryStrategy(max_attempts=1_000, wait=2, retry_exceptions=_PASSING)


class _Asking(imports.Watcher):
    """Stops between two batches where the worker is to stop; another goes on."""

    def __init__(self, context: JobContext) -> None:
        self.context = context

    def checked(self, rows: int) -> None:
        self._ask()

    def written(self, outcome: Outcome) -> None:
        self._ask()

    def _ask(self) -> None:
        if self.context.should_abort():
            raise JobAborted


@app.task(name="imports.run", queue="imports", pass_context=True, retry=_AGAIN)
def run_import(context: JobContext, job_id: str) -> None:
    job = ImportJob.objects.select_related("workspace").filter(pk=job_id).first()
    if job is None or job.state not in import_jobs.GOING:
        return
    try:
        with uploads.opened(job) as file:
            imports.run(job, file, _Asking(context))
    except (Invalid, imports.Cancelled):
        return  # noted in the job
    except _PASSING:
        raise  # to be tried again
    except Exception:
        import_jobs.fail(job, Invalid([Problem("", "something unexpected went wrong; it is in the worker's log")]))
        raise


def start(job: ImportJob, headers: Sequence[str] | None = None) -> None:
    """Check what can be checked at once, and have an import run as its options say. Raises Invalid, Conflict.

    `headers`: those of its file, where they were read already; of NDJSON that takes the whole file.
    """
    if headers is None:
        with uploads.opened(job) as file:
            headers = imports.source_of(file, import_jobs.options_of(job)).header()
    imports.check_plan(job, headers)
    with transaction.atomic():
        import_jobs.settle(job, ImportState.WAITING)
        enqueue(job)


def enqueue(job: ImportJob) -> None:
    """Have a waiting import run by a worker. In the caller's transaction, so that both are there or neither.

    Imports of one workspace run one after the other.
    """
    try:
        with transaction.atomic():  # a refusal must not spoil the caller's
            run_import.configure(lock=f"import:{job.workspace_id}", queueing_lock=f"import:{job.pk}").defer(
                job_id=job.pk
            )
    except AlreadyEnqueued:
        return


@app.periodic(cron=RESCUE_EVERY)
@app.task(name="imports.rescue", queue="imports", queueing_lock="imports.rescue")
def rescue(timestamp: int = 0) -> None:
    """Bring imports back to work whose worker died, and clear away what is no longer needed."""
    for job in ImportJob.objects.filter(state__in=import_jobs.GOING, updated_at__lt=timezone.now() - QUIET):
        if import_jobs.is_held(job):
            continue
        if job.path:
            import_jobs.stop(job)  # its file is where its command ran
        else:
            _bring_back(job)
    _clear_away()


def _bring_back(job: ImportJob) -> None:
    """Of two who do this at once neither does harm: an import is run by one alone."""
    queued = ProcrastinateJob.objects.filter(task_name=run_import.name, args__job_id=job.pk)
    if doing := queued.filter(status="doing").first():
        app.job_manager.retry_job_by_id(doing.pk, retry_at=timezone.now())
    elif not queued.filter(status="todo").exists():
        enqueue(job)


def _clear_away() -> None:
    now = timezone.now()
    ImportJob.objects.filter(state=ImportState.UPLOADING, updated_at__lt=now - UPLOAD_PATIENCE).delete()
    for job in ImportJob.objects.exclude(parts=None).filter(updated_at__lt=now - FILE_KEPT).distinct():
        if job.state not in import_jobs.GOING:
            job.parts.all().delete()
    for job in ImportJob.objects.exclude(rejects=None).filter(updated_at__lt=now - REJECTS_KEPT).distinct():
        job.rejects.all().delete()
