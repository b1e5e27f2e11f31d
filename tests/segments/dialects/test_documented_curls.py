"""The curl commands of the documentation of each API, run as they stand but for the address, the key and the login."""

import json
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from segments.models import Segment, SegmentVersion
from tests.people import add
from workspaces.models import ApiKey, Member, Role, Workspace

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS = Path(__file__).parent / "documented"
LOGIN = "ana@shop.example:sesame street 12"


def commands(name):
    return (COMMANDS / f"{name}.sh").read_text().strip().split("\n\n")


def answer(command, **replaced):
    """Status and body of a command that a shell runs; each replaced text must stand in it."""
    for old, new in replaced.items():
        assert old in command
        command = command.replace(old, new)
    run = subprocess.run(
        ["sh", "-c", f"{command.rstrip()} -sS -w '\\n%{{http_code}}'"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    body, _, status = run.stdout.rpartition("\n")
    return int(status), json.loads(body)


def call(segment, pk):
    """Give a segment the id that the documents have."""
    with transaction.atomic():
        Segment.objects.filter(pk=segment).update(id=pk)
        SegmentVersion.objects.filter(segment=segment).update(segment=pk)


def test_swipeones(live_server):
    shop = Workspace.objects.create(pk="6660175570fbd8a9c22bedfb", name="Demo shop")
    key = ApiKey.objects.issue(shop, "curl", "write")[1]
    add(shop, "Ana", {"gender": "female"}, subscriptionStatus="in_trial", email="ana@shop.example")
    add(shop, "Bo", {"gender": "Female"}, subscriptionStatus="active", email="bo@shop.example")
    create, everything, one, people, update = commands("swipeone")

    def run(command):
        replaced = {"https://api.swipeone.com": live_server.url, "YOUR_API_KEY": key}
        status, body = answer(command, **replaced)
        return status, body["status"], body["data"]

    status, word, data = run(create)
    assert (status, word, data["segment"]["workspaceId"]) == (201, "success", shop.pk)
    call(data["segment"]["_id"], "6684f0911504d49e7c00312e")
    assert run(everything)[2]["count"] == 1
    assert run(one)[2]["segment"]["name"] == "Subscription Status in trial and Gender is Female"
    assert [each["email"] for each in run(people)[2]["contacts"]] == ["ana@shop.example"]
    status, word, data = run(update)
    assert (status, data["segment"]["name"]) == (200, "Updated Segment Name")
    assert [each["email"] for each in run(people)[2]["contacts"]] == ["bo@shop.example"]


def test_tiledesks(live_server):
    shop = Workspace.objects.create(pk="5b55e806c93dde00143163dd", name="Demo shop")
    ana = User.objects.create_user("ana@shop.example", "ana@shop.example", LOGIN.partition(":")[2])
    Member.objects.create(user=ana, workspace=shop, role=Role.AGENT)
    create, everything, one = commands("tiledesk")

    def run(command):
        return answer(command, **{"https://api.tiledesk.com": live_server.url, "EMAIL:PASSWORD": f"'{LOGIN}'"})

    status, made = run(create)
    assert (status, made["name"], made["id_project"]) == (200, "segment1", shop.pk)
    call(made["_id"], "5c81593adf767b0017d1aa66")
    assert (run(everything)[0], run(everything)[1]["count"]) == (200, 1)
    assert (run(one)[0], run(one)[1]["filters"]) == (200, made["filters"])
