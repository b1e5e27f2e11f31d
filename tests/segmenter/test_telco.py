"""A real customer file, imported by the command, counted over HTTP by segments that documented curls make."""

import json
import subprocess
from io import StringIO

import pytest
from django.core.management import call_command

from contacts.models import Contact, Property
from segments.models import Segment
from tests import ROOT
from workspaces.models import ApiKey, Workspace

FILE = ROOT.parent / "shared" / "data" / "telco-customer-churn.csv"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FILE.exists(), reason="the telco customer file is not there; it is not ours to ship"),
]


def predicate(name, operator, value, data_type):
    return {"property": name, "operator": operator, "value": value, "dataType": data_type}


def custom(name, *rest):
    return predicate(f"customProperties.{name}", *rest)


def native(node):
    return {"property": "segmenter.rule", "operator": "is", "value": node, "dataType": "object"}


COUNTS = [
    ("and", [custom("Contract", "is", "Month-to-month", "string"), custom("Churn", "is", "Yes", "string")], 1655),
    ("and", [custom("TotalCharges", "is_unknown", "", "number")], 11),
    (
        "and",
        [native({"not": {"property": "customProperties.TotalCharges", "operator": "greater_than", "value": 1000}})],
        2904,
    ),
    ("or", [custom("tenure", "less_than", "12", "number"), custom("SeniorCitizen", "is", "1", "number")], 2902),
    ("and", [custom("PaymentMethod", "contains", "CHECK", "string")], 3977),
    ("and", [predicate("gender", "is", "female", "string"), custom("SeniorCitizen", "is", 1, "number")], 568),
]


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_customer_is_taken_and_every_segment_counts_exactly(live_server):
    out = StringIO()
    call_command("create_workspace", "Telco", stdout=out)
    workspace = Workspace.objects.get(pk=out.getvalue().strip())
    call_command("import_contacts", workspace.pk, str(FILE), "--key", "customerID", stdout=out)
    assert "7,043 created" in out.getvalue().splitlines()[-1]
    assert Contact.objects.filter(workspace=workspace).count() == 7043
    types = dict(Property.objects.values_list("name", "type"))
    assert {name: types[name] for name in ("tenure", "SeniorCitizen", "TotalCharges", "Churn", "Contract")} == {
        "tenure": "number",
        "SeniorCitizen": "number",
        "TotalCharges": "number",
        "Churn": "text",
        "Contract": "text",
    }
    _, key = ApiKey.objects.issue(workspace, "tests", "write")
    base = f"{live_server.url}/api"
    for number, (joiner, predicates, count) in enumerate(COUNTS):
        body = {"name": f"Segment {number}", "criteria": {"type": joiner, "predicates": predicates}}
        made = curl("-X", "POST", f"{base}/workspaces/{workspace.pk}/segments", "-H", f"x-api-key: {key}",
                    "-H", "Content-Type: application/json", "-d", json.dumps(body))  # fmt: skip
        segment = made["data"]["segment"]["_id"]
        page = curl(f"{base}/segments/{segment}/contacts?limit=10", "-H", f"x-api-key: {key}")
        assert page["data"]["count"] == count, body
        assert len(page["data"]["contacts"]) == 10
        out = StringIO()
        call_command("count_segment", segment, stdout=out)
        assert out.getvalue().splitlines()[-1] == str(count)
    assert Segment.objects.count() == len(COUNTS)
