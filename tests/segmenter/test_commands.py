"""The commands that operators run, and what they print."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from segments.dialects.draft import Draft
from segments.rules.tree import All, InSegment, Not
from segments.saving import drafts
from tests import ROOT
from tests.people import add, custom, declare
from workspaces.models import ApiKey, Member, Workspace

pytestmark = pytest.mark.django_db


def run(*words, **options):
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_create_workspace_prints_the_id_alone():
    printed = run("create_workspace", "Demo", "--timezone", "Europe/Madrid")
    workspace = Workspace.objects.get()
    assert printed == workspace.pk + "\n"
    assert (workspace.name, workspace.timezone) == ("Demo", "Europe/Madrid")
    assert run("create_workspace", "Two", "--id", "6660175570fbd8a9c22bedfb") == "6660175570fbd8a9c22bedfb\n"


@pytest.mark.parametrize(
    "words", [["A", "--id", "xyz"], ["A", "--id", "6660175570FBD8A9C22BEDFB"], ["A", "--timezone", "Mars"], [" "]]
)
def test_create_workspace_refuses_what_it_cannot_take(words):
    with pytest.raises(CommandError) as caught:
        run("create_workspace", *words)
    assert caught.value.returncode == 2
    assert not Workspace.objects.exists()


def test_create_workspace_refuses_an_id_that_is_taken(shop):
    with pytest.raises(CommandError):
        run("create_workspace", "Another", "--id", shop.pk)


def test_create_api_key_prints_a_key_that_works(shop):
    secret = run("create_api_key", shop.name, "--name", "crm", "--scope", "read").strip()
    key = ApiKey.objects.usable().get(digest=ApiKey.digest_of(secret))
    assert (key.workspace, key.name, key.scope) == (shop, "crm", "read")
    assert secret not in str(ApiKey.objects.values())
    with pytest.raises(CommandError, match="There is no workspace nowhere"):
        run("create_api_key", "nowhere", "--name", "crm")


def test_create_member_makes_an_account_that_can_sign_in(shop, client):
    run("create_member", shop.pk, "Ana@Post.example", "--role", "agent", "--password", "correct horse", "--staff")
    ana = get_user_model().objects.get()
    assert ana.is_staff
    assert client.login(username="ana@post.example", password="correct horse")
    run("create_member", shop.pk, "ana@post.example", "--role", "admin")
    assert Member.objects.get().get_role_display() == "Admin"
    with pytest.raises(CommandError):
        run("create_member", shop.pk, "bo@post.example", "--role", "agent", "--password", "short")
    with pytest.raises(CommandError, match="not an e-mail"):
        run("create_member", shop.pk, "bo", "--role", "agent", "--password", "correct horse")
    assert get_user_model().objects.count() == 1


def test_count_segment_says_the_rule_and_ends_with_the_number(shop):
    declare(shop, plan="text")
    add(shop, "Ana", plan="pro")
    add(shop, "Bo")
    pro = drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))
    others = drafts.create(shop, Draft("Others", All((Not(InSegment(pro.pk)),)), rule_given=True))
    assert run("count_segment", pro.pk).splitlines()[0] == "People whose plan is pro."
    assert run("count_segment", "Pro").splitlines()[-1] == "1"
    lines = run("count_segment", others.pk).splitlines()
    assert (lines[0], lines[-1]) == ("People who are not in Pro.", "1")
    with pytest.raises(CommandError, match="There is no segment nothing"):
        run("count_segment", "nothing")


@pytest.mark.django_db(transaction=True)
def test_refresh_snapshots_says_what_it_took_in(shop, rival):
    add(shop, "Ana")
    add(rival, "Bo")
    assert "1 workspaces, 1 contacts" in run("refresh_snapshots", shop.name)
    assert "1 workspaces, 1 contacts" in run("refresh_snapshots")
    assert "0 workspaces, 0 contacts" in run("refresh_snapshots")


# --- whole processes --------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def manage(data, *words, **options):
    environment = {**os.environ, "SEGMENTER_DATA_DIR": str(data)}
    return subprocess.Popen([sys.executable, ROOT / "manage.py", *words], env=environment, text=True, **options)


def output(data, *words):
    process = manage(data, *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


def request(url, key="", method="GET", body=None, seconds=20):
    sent = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    sent.add_header("x-api-key", key)
    sent.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(sent, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for(url, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if request(url)[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A data directory with the demo in it, and what quickstart printed."""
    data = tmp_path_factory.mktemp("demo")
    status, printed = output(data, "quickstart", "--no-serve")
    assert status == 0, printed
    yield data, printed
    output(data, "database", "stop")


def counts(printed):
    return re.findall(r"^  (\S.*?) +([\d,]+) people", printed, re.MULTILINE)


def key_of(printed):
    return re.search(r"x-api-key (\S+)", printed)[1]


def test_quickstart_shows_telling_segments_and_again_the_same(demo):
    data, printed = demo
    for step in ("Loading", "Starting PostgreSQL", "Bringing the database up to date", "Setting up a demo shop"):
        assert re.search(rf"^{step}.* \.\.\.", printed, re.MULTILINE)
    assert "Demo shop: 20,000 people" in printed
    assert len(counts(printed)) >= 6
    assert all(0 < int(number.replace(",", "")) < 20_000 for _, number in counts(printed))
    assert "People whose plan is pro or team and whose last order is in the last 30 days." in printed
    status, again = output(data, "quickstart", "--no-serve")
    assert status == 0
    assert counts(again) == counts(printed)
    assert re.findall(r"login .*", again) == re.findall(r"login .*", printed)
    assert key_of(again) == key_of(printed)


def test_serve_answers_over_http_and_survives_kill_9_of_its_workers(demo):
    data, printed = demo
    port = free_port()
    server = manage(data, "serve", "--port", str(port), "--workers", "2", stderr=subprocess.DEVNULL, stdout=subprocess.PIPE)  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        assert server.stdout.readline() == f"Listening on {base}. Ctrl-C stops it.\n"
        assert request(f"{base}/readyz", seconds=2)[0] == 200  # it is said when it is so
        segments = f"{base}/api/workspaces/6660175570fbd8a9c22bedfb/segments"
        status, body = request(segments, key_of(printed))
        assert (status, json.loads(body)["data"]["count"]) == (200, len(counts(printed)))
        assert request(segments, "wrong")[0] == 401
        assert request(f"{base}/static/admin/css/base.css")[0] == 200
        assert request(f"{base}/admin/login/")[0] == 200
        status, busy = output(data, "serve", "--port", str(port))
        assert status != 0
        assert "Try another --port" in busy
        made = []
        for number in range(6):
            status, body = request(segments, key_of(printed), "POST", {
                "name": f"Made {number}",
                "criteria": {"type": "and", "predicates": [
                    {"property": "country", "operator": "is", "value": "ES", "dataType": "string"}]},
            })  # fmt: skip
            assert status == 201
            made.append(json.loads(body)["data"]["segment"]["_id"])
            if number == 2:
                for worker in children(server.pid):
                    os.kill(worker, signal.SIGKILL)
                wait_for(f"{base}/readyz")
        for pk in made:
            assert request(f"{base}/api/segments/{pk}", key_of(printed))[0] == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_kill_9_of_serve_frees_the_port_for_the_next(demo):
    data, _ = demo
    port = str(free_port())
    for _ in range(2):
        server = manage(data, "serve", "--port", port, "--workers", "2", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            workers = children(server.pid)
            assert len(workers) == 2
        finally:
            server.kill()
            server.wait()
        end = time.monotonic() + 20
        while (left := [pid for pid in workers if is_running(pid)]) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left


def is_running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def children(pid):
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]
