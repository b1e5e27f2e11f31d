"""Imports over HTTP: a file is sent, checked or taken in by a worker, and asked about."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import orjson
from django.core.exceptions import SuspiciousOperation
from django.http import StreamingHttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import APIException, NotFound, ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from contacts import properties
from contacts.importing import import_jobs, imports, tasks, uploads
from contacts.importing.import_jobs import FORMATS, Options
from contacts.models import ImportJob, ImportState
from workspaces import limits
from workspaces.api import caller_workspace, workspace_of
from workspaces.identifiers import is_id
from workspaces.problems import Conflict, Invalid, Problem, listed

USUAL_LIMIT = 20  # imports on a page
_RAW = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/jsonl": "ndjson"}


class FileTooLarge(APIException):
    status_code = 413
    default_code = "too_large"


class ImportViewSet(ViewSet):
    def list(self, request: Request, workspace_id: str) -> Response:
        workspace = workspace_of(request, workspace_id)
        limit, after = _paging(request.query_params)
        found = workspace.imports.order_by("-id")
        page = list((found.filter(pk__lt=after) if after else found)[: limit + 1])
        following = page[limit - 1].pk if len(page) > limit else None
        return _success({"imports": [import_jobs.write(job) for job in page[:limit]], "searchAfter": following})

    def create(self, request: Request, workspace_id: str) -> Response:
        """The file is kept as it comes in; what is wrong with its head is said at once, and then nothing is kept."""
        workspace = workspace_of(request, workspace_id)
        job = uploads.begin(workspace, str(request.auth))
        try:
            fields = _receive(request, job)
            asked = _asked(fields, {"format": import_jobs.format_of(job.file_name)})
            _note(job, asked)
            head = _head(job)
            _settle(job, asked)
        except BaseException:
            job.delete()
            raise
        answer = _success({"import": import_jobs.write(job) | head}, 202)
        answer["Location"] = f"/api/imports/{job.pk}"
        return answer

    def retrieve(self, request: Request, import_id: str) -> Response:
        job = _import(request, import_id)
        first = import_jobs.first_rejects(job)
        head = _head(job) if job.state == ImportState.UPLOADED else {}
        return _success({"import": import_jobs.write(job) | {"firstRejects": first} | head})

    def rejects(self, request: Request, import_id: str) -> StreamingHttpResponse:
        return import_jobs.rejects_file(_import(request, import_id))

    def cancel(self, request: Request, import_id: str) -> Response:
        """What was written stays."""
        job = _import(request, import_id)
        import_jobs.cancel(job)
        return _success({"import": import_jobs.write(job)})

    def start(self, request: Request, import_id: str) -> Response:
        """Start an import that waits for it, or go on with one that has stopped, from where it was left."""
        job = _import(request, import_id)
        body = request.data if isinstance(request.data, dict) else {"": request.data}
        asked = _asked(body, job.options) if body else Asked(import_jobs.options_of(job))
        if body and job.began_at:
            raise Invalid([Problem("", "the import has begun, and goes on as it began")])
        if job.path:
            raise Invalid([Problem("", f"the file of this import is not here; run import_contacts --resume {job.pk}")])
        if job.state not in import_jobs.STARTABLE:
            raise Conflict(f"The import is {job.state}; it cannot be started.")
        _note(job, asked)
        if not asked.start:
            _head(job)
        _settle(job, asked)
        return _success({"import": import_jobs.write(job)}, 202)


def _success(data: dict[str, Any], status: int = 200) -> Response:
    return Response({"status": "success", "data": data}, status)


def _import(request: Request, import_id: str) -> ImportJob:
    """The import, if it is one of the caller's workspace; any other is as unknown as one that does not exist."""
    workspace = caller_workspace(request)
    job = workspace.imports.filter(pk=import_id).first() if is_id(import_id) else None
    if job is None:
        raise NotFound("Import not found")
    return job


def _note(job: ImportJob, asked: "Asked") -> None:
    job.options, job.dry_run = asdict(asked.options), asked.dry_run


def _settle(job: ImportJob, asked: "Asked") -> None:
    """Have it run, or wait until it is started. Raises Invalid."""
    if asked.start:
        tasks.start(job)
    else:
        import_jobs.settle(job, ImportState.UPLOADED)


def _head(job: ImportJob) -> dict[str, Any]:
    """What can be said of a file at once. Raises Invalid."""
    schema = properties.schema(job.workspace)
    with uploads.opened(job) as file:
        return {"head": imports.head(file, import_jobs.options_of(job), schema).as_json(schema)}


# --- what is asked for ---------------------------------------------------------------------------------------------


class Asked:
    """How an import shall be done, and whether now."""

    def __init__(self, options: Options, *, dry_run: bool = False, start: bool = True) -> None:
        self.options, self.dry_run, self.start = options, dry_run, start


# Each field with the option that it sets, and what it must be.
_FIELDS: dict[str, tuple[str, type]] = {
    "key": ("key", str),
    "mapping": ("mapping", dict),
    "policies": ("policies", dict),
    "dates": ("dates", dict),
    "types": ("types", dict),
    "encoding": ("encoding", str),
    "delimiter": ("delimiter", str),
    "format": ("format", str),
    "dryRun": ("dry_run", bool),
    "start": ("start", bool),
}
NUL = rb"\u0000"  # as JSON has it; PostgreSQL keeps none
_KINDS = {str: "a text", dict: "an object of column and text", bool: "true or false"}


def _asked(fields: Mapping[str, Any], options: Mapping[str, Any]) -> Asked:
    """Form fields or JSON, over options that were known before. Raises Invalid with everything that is wrong."""
    given, problems = dict(fields), []
    if "options" in given:
        inner = _parsed(given.pop("options"))
        if isinstance(inner, dict):
            given = inner | given
        else:
            problems.append(Problem("options", "give an object"))
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _FIELDS:
            problems.append(Problem(name, "is no option of an import", tuple(_FIELDS)))
            continue
        option, kind = _FIELDS[name]
        value = value if kind is str or not isinstance(value, str) else _parsed(value)
        texts = not isinstance(value, dict) or all(isinstance(each, str) for each in value.values())
        if not isinstance(value, kind) or not texts or NUL in orjson.dumps(value):
            problems.append(Problem(name, f"give {_KINDS[kind]}"))
        else:
            read[option] = value
    how = {"dry_run": read.pop("dry_run", False), "start": read.pop("start", True)}
    together = Options(**{**options, **read})
    if together.format not in FORMATS:
        problems.append(Problem("format", f"use {listed(FORMATS)}", FORMATS))
    if problems:
        raise Invalid(problems)
    return Asked(together, **how)


def _parsed(value: Any) -> Any:
    """JSON, if it is a text that holds some."""
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return value


def _paging(query: Mapping[str, str]) -> tuple[int, str]:
    """Raises Invalid."""
    problems: list[Problem] = []
    limit, after = limits.read(query.get("limit"), USUAL_LIMIT, problems), query.get("searchAfter", "")
    if after and not is_id(after):
        problems.append(Problem("searchAfter", "is not the id of an import"))
    if problems:
        raise Invalid(problems)
    return limit, after


# --- the file ------------------------------------------------------------------------------------------------------


def _receive(request: Request, job: ImportJob) -> Mapping[str, Any]:
    """Keep the file that a body holds, in flat memory; what else it says."""
    sent = (request.content_type or "").partition(";")[0].strip().lower()
    upload = uploads.Upload(job)
    try:
        uploads.check_length(request.META.get("CONTENT_LENGTH") or "0")
        if sent == "multipart/form-data":
            fields = _form(request, upload)
        elif sent in _RAW:
            fields = {**request.query_params.dict(), "format": _RAW[sent]}
            for block in _blocks(request._request):
                upload.take(block)
        else:
            raise UnsupportedMediaType(sent, f"Send multipart/form-data, {listed(_RAW)}.")
    except UnreadablePostError as error:
        raise ParseError("The body ended before its end.") from error
    except uploads.TooLarge as error:
        raise FileTooLarge(str(error)) from error
    upload.finish()
    return fields


def _blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(uploads.BLOCK):
        yield block


def _form(request: Request, upload: uploads.Upload) -> Mapping[str, Any]:
    handler = uploads.FormHandler(upload)
    try:
        fields, _ = MultiPartParser(request.META, request._request, [handler], "utf-8").parse()
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise ParseError(str(error)) from None
    if handler.files != 1:
        raise Invalid([Problem("file", "send one file" if handler.files else "send a file")])
    return fields.dict()
