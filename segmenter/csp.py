"""Tell browsers to load and run nothing but our own files, and to show our pages inside nobody else's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase

_POLICY = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADER = "Content-Security-Policy"
POLICY = "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items())


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A view that needs more says so with `allowing`."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault(HEADER, POLICY)
        return response

    return answer


def allowing(view: Callable[..., HttpResponseBase], directive: str) -> Callable[..., HttpResponseBase]:
    """The view with one more directive, like "img-src 'self' data:"."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.headers[HEADER] = f"{POLICY}; {directive}"
        return response

    return answer
