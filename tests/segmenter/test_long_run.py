"""A server that has answered thousands of requests of all kinds needs no more memory than before."""

import http.client
import itertools
import json
import random
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.conftest import DEMO
from tests.segmenter.test_commands import children, demo, free_port, key_of, manage, wait_for  # noqa: F401

REQUESTS, WARM_UP, CLIENTS = 10_000, 3_000, 4


@pytest.mark.slow
def test_memory_stays_flat_over_ten_thousand_mixed_requests(demo, monkeypatch):  # noqa: F811
    data, printed = demo
    monkeypatch.setenv("SEGMENTER_REQUESTS_A_MINUTE", "0")
    port = free_port()
    server = manage(data, "serve", "--port", str(port), "--workers", "1", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        (worker,) = children(server.pid)
        statuses = work(port, key_of(printed), WARM_UP)
        before = resident(worker)
        statuses |= work(port, key_of(printed), REQUESTS - WARM_UP)
        assert statuses == {200, 201, 400, 401, 404}
        assert children(server.pid) == [worker]
        assert resident(worker) < before + 24
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def resident(pid):
    """Megabytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def work(port, key, count):
    """Send so many requests from a few clients at once; the set of statuses they got."""
    numbers, statuses = iter(range(count)), set()
    turns = threading.Lock()

    def send():
        line, chance = http.client.HTTPConnection("127.0.0.1", port, timeout=60), random.Random(count)
        segments = []
        while True:
            with turns:
                number = next(numbers, None)
            if number is None:
                return
            method, path, body, sent_key = a_request(number, chance, segments)
            line.request(method, path, body and json.dumps(body), {"x-api-key": sent_key or key, "Content-Type": "application/json"})  # fmt: skip
            answer = line.getresponse()
            content = answer.read()
            statuses.add(answer.status)
            assert answer.status < 500, (method, path, body, content)
            if answer.status == 201 and path.endswith("/segments"):
                segments.append(json.loads(content)["data"]["segment"]["_id"])

    threads = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


names = itertools.count()


def a_request(number, chance, segments):
    """Mostly reads; names and values never heard of before among the writes."""
    workspace = f"/api/workspaces/{DEMO}"
    predicate = {"property": "country", "operator": "contains", "value": f"e{chance.random()}"[: chance.randint(1, 5)], "dataType": "string"}  # fmt: skip
    criteria = {"type": "and", "predicates": [predicate]}
    if len(segments) < 5:
        return "POST", f"{workspace}/segments", {"name": f"Long run {next(names)}", "criteria": criteria}, None
    segment = f"/api/segments/{chance.choice(segments)}"
    match number % 12:
        case 0:
            return "PATCH", segment, {"criteria": criteria}, None
        case 1:
            return "POST", f"{workspace}/contacts", {"email": f"long{chance.randint(0, 300)}@run.example", "firstName": f"N{number}"}, None  # fmt: skip
        case 2:
            return "PATCH", segment, {"criteria": {"type": "and", "predicates": [{**predicate, "operator": "is like"}]}}, None  # fmt: skip
        case 3:
            return "GET", f"/api/segments/{chance.getrandbits(96):024x}", None, None
        case 4:
            return "GET", segment, None, f"sk_{chance.random()}"
        case 5:
            return "GET", f"{workspace}/segments", None, None
        case 6:
            return "GET", f"{segment}/contacts?limit=100", None, None
    return "GET", f"{segment}/contacts?limit={chance.randint(1, 20)}", None, None
