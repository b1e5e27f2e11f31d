"""Answer every error in the envelope of the API that it happened in."""

import logging
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from contacts.columnar.busy import BUSY, SnapshotBusy
from segments.dialects import segmenter, swipeone, tiledesk
from segments.dialects.dialect import Dialect
from workspaces.logins import TooManyLogins
from workspaces.problems import Conflict, Invalid, Problem, shortened

log = logging.getLogger(__name__)


def no_nul(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: no page of the admin has NUL in its path, which PostgreSQL takes in no text."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/admin/") and "\0" in request.path:
            return HttpResponse("There is no such page.", status=404, content_type="text/plain")
        return get_response(request)

    return answer


def answer(error: Exception, context: dict[str, Any]) -> HttpResponseBase:
    """REST framework's exception handler: the body is written by the dialect of the view."""
    view = context["view"]
    status, code, message, problems, headers = _told(error, view, context["request"])
    dialect: Dialect = getattr(view, "dialect", None) or swipeone
    body = dialect.write_error(status, code, message, shortened(problems))
    if isinstance(body, str):
        return HttpResponse(body, status=status, content_type="text/plain", headers=headers)
    if isinstance(error, Conflict):
        body |= error.details
    return Response(body, status, headers=headers)


Told = tuple[int, str, str, list[Problem], dict[str, str]]


def _told(error: Exception, view: Any, request: Request) -> Told:
    """Status, code, message, problems and headers."""
    match error:
        case Invalid():
            return 400, "invalid", error.message, error.problems, {}
        case Conflict():
            return 409, "conflict", str(error), [], {}
        case SnapshotBusy():
            later = {"Retry-After": str(error.retry_after_seconds)}
            return 503, "busy", BUSY, [], later
        case RequestDataTooBig():
            return 413, "too_large", "The body is too large.", [], {}
        case TooManyLogins():
            return 429, "throttled", str(error), [], {"Retry-After": str(error.seconds)}
        case exceptions.ParseError():
            return 400, "invalid", "Invalid input", [Problem("", str(error.detail))], {}
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            challenge = {"WWW-Authenticate": view.get_authenticate_header(request) or "ApiKey"}
            return 401, error.default_code, "Unauthorized", [], challenge
        case exceptions.APIException():
            wait = getattr(error, "wait", None)
            headers = {"Retry-After": str(int(wait) + 1)} if wait else {}
            return error.status_code, error.default_code, str(error.detail), [], headers
    log.exception("unexpected error at %s", request.path, exc_info=error)
    return 500, "error", "Internal server error", [], {}


# The dialect of an address for which there is no view, by how it begins.
_BASES: list[tuple[re.Pattern[str], Dialect]] = [
    (re.compile(r"/api/segments/?$"), segmenter),
    (re.compile(r"/api(/|$)"), swipeone),
    (re.compile(r"/(v[123]|auth|projects|[0-9a-f]{24})(/|$)"), tiledesk),
]


def _plain(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse | None:
    for begins, dialect in _BASES:
        if begins.match(request.path):
            return JsonResponse(dialect.write_error(status, code, message), status=status)
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: the API's unknown routes answer as the API does."""
    message = f"Cannot {request.method} {request.path}"
    return _plain(request, 404, "not_found", message) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500."""
    return _plain(request, 500, "error", "Internal server error") or defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    return _plain(request, 400, "invalid", "Invalid input") or defaults.bad_request(request, exception)
