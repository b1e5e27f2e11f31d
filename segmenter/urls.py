"""Every address of the service. All of the API's work with and without a slash at the end."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from contacts.api import ContactViewSet
from contacts.import_api import ImportViewSet
from segmenter import health
from segments.api import SegmentViewSet
from segments.dialects import tiledesk
from workspaces.people import BasicAuthentication, IsPerson, TokenAuthentication
from workspaces.signin import SignInView

_WORKSPACE = r"workspaces/(?P<workspace_id>[^/]+)"
_SEGMENT = r"segments/(?P<segment_id>[^/]+)"
_IMPORT = r"imports/(?P<import_id>[^/]+)"

api = [
    re_path(rf"^{_WORKSPACE}/segments/?$", SegmentViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{_WORKSPACE}/contacts/?$", ContactViewSet.as_view({"post": "create"})),
    re_path(rf"^{_WORKSPACE}/segments/explain/?$", SegmentViewSet.as_view({"post": "explain_draft"})),
    re_path(rf"^{_SEGMENT}/?$", SegmentViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    re_path(rf"^{_SEGMENT}/contacts/?$", SegmentViewSet.as_view({"get": "contacts"})),
    re_path(rf"^{_SEGMENT}/explain/(?P<contact>[^/]+)/?$", SegmentViewSet.as_view({"get": "explain"})),
    re_path(rf"^{_WORKSPACE}/imports/?$", ImportViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{_IMPORT}/?$", ImportViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{_IMPORT}/rejects/?$", ImportViewSet.as_view({"get": "rejects"})),
    re_path(rf"^{_IMPORT}/cancel/?$", ImportViewSet.as_view({"post": "cancel"})),
    re_path(rf"^{_IMPORT}/(?:start|resume)/?$", ImportViewSet.as_view({"post": "start"})),
]

# Tiledesk's addresses have a version, or none; without one only what looks like an id is taken for a project's.
_PROJECT = r"^(?:v[123]/|(?=[0-9a-f]{24}/))(?P<workspace_id>[^/]+)"
_AS_PERSON: dict[str, Any] = {
    "dialect": tiledesk,
    "authentication_classes": [BasicAuthentication, TokenAuthentication],
    "permission_classes": [IsPerson],
}

projects = [
    re_path(r"^(?:v[123]/)?auth/signin/?$", SignInView.as_view()),
    re_path(
        rf"{_PROJECT}/segments/?$",
        SegmentViewSet.as_view({"get": "list", "post": "create"}, **_AS_PERSON),
    ),
    re_path(
        rf"{_PROJECT}/{_SEGMENT}/?$",
        SegmentViewSet.as_view({"get": "retrieve", "put": "partial_update", "delete": "destroy"}, **_AS_PERSON),
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include(api)),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("admin/", admin.site.urls),
    path("", health.home),
    *projects,
]

handler400 = "segmenter.errors.bad_request"
handler404 = "segmenter.errors.not_found"
handler500 = "segmenter.errors.server_error"
