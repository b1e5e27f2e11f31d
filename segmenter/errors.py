"""Answer every error in the envelope of the API that it happened in."""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from contacts.refresh import SnapshotBusy
from workspaces.problems import Invalid

log = logging.getLogger(__name__)


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """REST framework's exception handler, in Swipe One's envelope."""
    headers: dict[str, str] = {}
    match error:
        case Invalid():
            problems = [problem.as_json() for problem in error.problems]
            return Response(_error("Invalid input", problems=problems), 400)
        case exceptions.ParseError():
            return Response(_error("Invalid input", problems=[{"path": "", "message": str(error.detail)}]), 400)
        case SnapshotBusy():
            headers["Retry-After"] = str(error.retry_after_seconds)
            return Response(_error("Many contacts are being taken in just now; try again soon."), 503, headers=headers)
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            headers["WWW-Authenticate"] = getattr(error, "auth_header", "ApiKey")
            return Response(_error("Unauthorized"), 401, headers=headers)
        case exceptions.NotFound():
            return Response({"status": "fail", "message": str(error.detail)}, 404)
        case exceptions.APIException():
            if wait := getattr(error, "wait", None):
                headers["Retry-After"] = str(int(wait) + 1)
            return Response(_error(str(error.detail)), error.status_code, headers=headers)
    log.exception("unexpected error at %s", context["request"].path, exc_info=error)
    return Response(_error("Internal server error"), 500)


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": message, **more}


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: the API's unknown routes answer as the API does."""
    if request.path.startswith("/api/"):
        return JsonResponse({"status": "fail", "message": f"Cannot {request.method} {request.path}"}, status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500."""
    if request.path.startswith("/api/"):
        return JsonResponse(_error("Internal server error"), status=500)
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if request.path.startswith("/api/"):
        return JsonResponse(_error("Invalid input"), status=400)
    return defaults.bad_request(request, exception)
