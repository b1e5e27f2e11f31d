"""Tell browsers to load and run nothing but our own files, and to show our pages inside nobody else's."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

_POLICY = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADER = "Content-Security-Policy"


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A view that needs something else says so by directive in its response's `content_security`."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        policy = {**_POLICY, **getattr(response, "content_security", {})}
        response.headers[HEADER] = "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
        return response

    return answer
