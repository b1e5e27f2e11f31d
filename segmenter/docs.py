"""The API's documentation as a page to try it on, with nothing from another host."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.views import SpectacularSwaggerSplitView

POLICY = {"img-src": "'self' data:"}  # its icons stand in its style sheet

_page = SpectacularSwaggerSplitView.as_view()


def docs(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
    response: HttpResponseBase = _page(request, **kwargs)
    vars(response)["content_security"] = POLICY
    return response
