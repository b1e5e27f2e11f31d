"""The API does what its OpenAPI document says, for whatever fits the document and for much that does not."""

import io

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from contacts.importing import uploads
from contacts.models import wire_id
from contacts.writing import tags
from contacts.writing.tags import NamedTag
from segmenter.openapi.document import OPERATIONS
from segments.dialects.draft import Draft
from segments.rules.tree import Condition
from segments.saving import drafts
from tests.callers import PASSWORD, basic
from tests.people import add, declare
from workspaces.models import ApiKey, Member, Role, Workspace

CHECKED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def test_the_document_is_valid_and_made_without_a_warning():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_the_document_and_its_page_are_served_from_our_own_host(client):
    document = client.get("/api/schema").json()
    assert document["openapi"].startswith("3.")
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert b"http" not in page.content
    for link in (
        b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js",
        b"/static/segmenter/docs.css",
    ):
        assert link in page.content
        assert client.get(link.decode()).status_code == 200


@pytest.mark.parametrize("address", ["/api", "/api/"])
def test_the_bare_address_of_the_api_leads_to_its_documentation(client, address):
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, "/api/docs")


@pytest.fixture
def known(transactional_db, settings):
    """Ids that exist, by the names of path parameters, and credentials by the base of an address."""
    settings.REQUESTS_A_MINUTE = 0
    shop = Workspace.objects.create(name="Demo shop")
    declare(shop, plan="text", fee="number")
    ana = add(shop, "Ana", {"gender": "Female"}, tags=["vip"], plan="pro", fee=20, email="ana@shop.example")
    segment = drafts.create(shop, Draft("Pro", Condition("customProperties.plan", "is", "pro"), rule_given=True))
    user = User.objects.create_user("ana@shop.example", "ana@shop.example", PASSWORD)
    Member.objects.create(user=user, workspace=shop, role=Role.OWNER)
    ids = {"workspace_id": shop.pk, "segment_id": segment.pk, "contact": wire_id(ana.pk), "contact_id": wire_id(ana.pk)}
    ids |= {"lead_id": wire_id(ana.pk), "tag": "vip"}
    ids |= {"tag_id": tags.make(shop, NamedTag("vip")).pk, "property_name": "plan"}
    ids["import_id"] = uploads.begin(shop, "tests").pk
    ids["property_id"] = wire_id(shop.properties.get(name="plan").pk)
    key = ApiKey.objects.issue(shop, "tests", "write")[1]
    return ids, {"/api": {"x-api-key": key}, "/v3": {"Authorization": basic(user.email)}}


@pytest.mark.slow
@pytest.mark.parametrize("route", sorted(OPERATIONS))
def test_every_answer_is_one_that_the_document_declares(route, live_server, known):
    ids, credentials = known
    method, path = route.split(" ")
    operation = schemathesis.openapi.from_url(f"{live_server.url}/api/schema")[path][method]
    headers = next(held for base, held in credentials.items() if path.startswith(base))

    @settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck], database=None, derandomize=True)
    @given(case=operation.as_strategy(), by_heart=st.booleans())
    def try_out(case, by_heart):
        if by_heart:
            case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
        case.call_and_validate(headers=headers, checks=CHECKED)

    try_out()
