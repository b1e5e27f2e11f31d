"""Every address of the service. All of the API's work with and without a slash at the end."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from contacts.api.imports import ImportViewSet
from segmenter import docs, health
from segmenter.json import JSONParser, LinesParser
from segments.api.contacts import ContactViewSet
from segments.api.leads import LeadViewSet
from segments.api.pins import PinViewSet
from segments.api.projects import ProjectViewSet
from segments.api.properties import ContactPropertyViewSet, PropertyViewSet
from segments.api.segments import SegmentViewSet
from segments.api.tags import TagViewSet
from segments.api.versions import VersionViewSet
from segments.dialects import segmenter, tiledesk
from workspaces.admin.login import login
from workspaces.person_authentication import BasicAuthentication, IsPerson, TokenAuthentication
from workspaces.signin import SignInView
from workspaces.signup import SignUpView

admin.autodiscover()

_WORKSPACE = r"workspaces/(?P<workspace_id>[^/]+)"
_SEGMENT = r"segments/(?P<segment_id>[^/]+)"
_CONTACT = r"contacts/(?P<contact>[^/]+)"
_TAG = r"tags/(?P<tag_id>[^/]+)"
_IMPORT = r"imports/(?P<import_id>[^/]+)"

_WITH_PERSONS: dict[str, Any] = {"dialect": segmenter}

api = [
    re_path(rf"^{_WORKSPACE}/segments/?$", SegmentViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{_WORKSPACE}/contacts/?$", ContactViewSet.as_view({"get": "list", "post": "create"})),
    re_path(
        rf"^{_WORKSPACE}/contacts/bulk/?$",
        ContactViewSet.as_view({"post": "bulk"}, parser_classes=[JSONParser, LinesParser]),
    ),
    re_path(rf"^{_WORKSPACE}/contacts/search/?$", ContactViewSet.as_view({"post": "search"})),
    re_path(rf"^{_WORKSPACE}/statuses/?$", ContactViewSet.as_view({"get": "statuses"})),
    re_path(rf"^{_CONTACT}/?$", ContactViewSet.as_view({"get": "retrieve", "delete": "forget"})),
    re_path(rf"^{_CONTACT}/data/?$", ContactViewSet.as_view({"get": "data"})),
    re_path(rf"^{_CONTACT}/status/?$", ContactViewSet.as_view({"put": "set_status"})),
    re_path(rf"^{_CONTACT}/tags/?$", ContactViewSet.as_view({"post": "set_tags"})),
    re_path(rf"^{_WORKSPACE}/tags/?$", TagViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{_TAG}/?$", TagViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    re_path(rf"^{_TAG}/contacts/?$", TagViewSet.as_view({"get": "contacts"})),
    re_path(rf"^{_WORKSPACE}/contact-properties/?$", ContactPropertyViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^contact-properties/(?P<property_id>[^/]+)/?$", ContactPropertyViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{_WORKSPACE}/properties/?$", PropertyViewSet.as_view({"get": "list", "post": "create"})),
    re_path(
        rf"^{_WORKSPACE}/properties/(?P<property_name>.+?)/?$",  # a name may hold a slash
        PropertyViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
    ),
    re_path(
        rf"^{_WORKSPACE}/contacts/export/?$",
        SegmentViewSet.as_view({"get": "export_workspace", "post": "export_draft"}),
    ),
    re_path(rf"^{_SEGMENT}/render/?$", SegmentViewSet.as_view({"post": "render"})),
    re_path(rf"^{_SEGMENT}/export/?$", SegmentViewSet.as_view({"get": "export"})),
    re_path(rf"^{_WORKSPACE}/segments/explain/?$", SegmentViewSet.as_view({"post": "explain_draft"})),
    re_path(rf"^{_WORKSPACE}/segments/preview/?$", SegmentViewSet.as_view({"post": "preview"})),
    re_path(r"^segments/?$", SegmentViewSet.as_view({"post": "create", "put": "update_named"}, **_WITH_PERSONS)),
    re_path(
        rf"^{_SEGMENT}/?$",
        SegmentViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    re_path(rf"^{_SEGMENT}/count/?$", SegmentViewSet.as_view({"get": "count"})),
    re_path(rf"^{_SEGMENT}/history/?$", SegmentViewSet.as_view({"get": "history"})),
    re_path(rf"^{_SEGMENT}/overlap/?$", SegmentViewSet.as_view({"get": "overlap"})),
    re_path(rf"^{_SEGMENT}/contacts/?$", SegmentViewSet.as_view({"get": "contacts"})),
    re_path(rf"^{_SEGMENT}/pins/?$", PinViewSet.as_view({"get": "list", "put": "pin", "post": "pin"})),
    re_path(rf"^{_SEGMENT}/pins/(?P<contact>[^/]+)/?$", PinViewSet.as_view({"delete": "unpin"})),
    re_path(rf"^{_SEGMENT}/versions/?$", VersionViewSet.as_view({"get": "versions"})),
    re_path(
        rf"^{_SEGMENT}/versions/(?P<number>[^/]+)/restore/?$",
        VersionViewSet.as_view({"post": "restore"}),
    ),
    re_path(rf"^{_SEGMENT}/explain/(?P<contact>[^/]+)/?$", SegmentViewSet.as_view({"get": "explain"})),
    re_path(rf"^{_WORKSPACE}/imports/?$", ImportViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{_IMPORT}/?$", ImportViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{_IMPORT}/rejects/?$", ImportViewSet.as_view({"get": "rejects"})),
    re_path(rf"^{_IMPORT}/cancel/?$", ImportViewSet.as_view({"post": "cancel"})),
    re_path(rf"^{_IMPORT}/start/?$", ImportViewSet.as_view({"post": "start"})),
    re_path(rf"^{_IMPORT}/resume/?$", ImportViewSet.as_view({"post": "start"})),
]

# Tiledesk's addresses have a version, or none; without one only what looks like an id is taken for a project's.
_PROJECT = r"^(?:v[123]/|(?=[0-9a-f]{24}/))(?P<workspace_id>[^/]+)"
_AS_PERSON: dict[str, Any] = {
    "dialect": tiledesk,
    "authentication_classes": [BasicAuthentication, TokenAuthentication],
    "permission_classes": [IsPerson],
}

projects = [
    re_path(r"^(?:v[123]/)?auth/signin/?$", SignInView.as_view(dialect=tiledesk)),
    re_path(r"^(?:v[123]/)?auth/signup/?$", SignUpView.as_view(dialect=tiledesk)),
    re_path(r"^(?:v[123]/)?projects/?$", ProjectViewSet.as_view({"get": "list"}, **_AS_PERSON)),
    re_path(
        r"^(?:v[123]/)?projects/(?P<workspace_id>[^/]+)/?$",
        ProjectViewSet.as_view({"get": "retrieve"}, **_AS_PERSON),
    ),
    re_path(
        rf"{_PROJECT}/segments/?$",
        SegmentViewSet.as_view({"get": "list", "post": "create"}, **_AS_PERSON),
    ),
    re_path(
        rf"{_PROJECT}/{_SEGMENT}/?$",
        SegmentViewSet.as_view({"get": "retrieve", "put": "partial_update", "delete": "destroy"}, **_AS_PERSON),
    ),
]

_LEAD = rf"{_PROJECT}/leads/(?P<lead_id>[^/]+)"


def _leads(path: str, **actions: Any) -> URLPattern:
    return re_path(rf"{path}/?$", LeadViewSet.as_view(actions, **_AS_PERSON))


projects += [
    _leads(rf"{_PROJECT}/leads", get="list", post="create"),
    _leads(rf"{_PROJECT}/leads/csv", get="export"),
    _leads(_LEAD, get="retrieve", put="update", delete="destroy"),
    _leads(rf"{_LEAD}/physical", delete="erase"),
    _leads(rf"{_LEAD}/attributes", patch="attributes"),
    _leads(rf"{_LEAD}/properties", post="properties", patch="properties"),
    _leads(rf"{_LEAD}/tag", put="add_tags"),
    _leads(rf"{_LEAD}/tag/(?P<tag>.+?)", delete="remove_tag"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    re_path("^api/schema/?$", SpectacularJSONAPIView.as_view(), name="schema"),
    re_path("^api/docs/?$", docs.docs, name="docs"),
    re_path("^api/?$", RedirectView.as_view(pattern_name="docs")),
    path("api/", include(api)),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("admin/login/", login),
    path("admin/", admin.site.urls),
    path("", health.home),
    *projects,
]

handler400 = "segmenter.errors.bad_request"
handler404 = "segmenter.errors.not_found"
handler500 = "segmenter.errors.server_error"
