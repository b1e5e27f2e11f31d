"""Run `manage.py serve` beside us, over the scratch database, and ask it over one kept-alive connection."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

import orjson
from django.conf import settings

from segmenter.benchmark.database import conninfo, undisturbed
from segmenter.benchmark.measure import children, megabytes

START_SECONDS, STOP_SECONDS = 120, 20


class ServerProblem(Exception):
    """The server did not start, or answered something else than asked for."""


class Client:
    """One program with one connection and one key."""

    def __init__(self, port: int, key: str) -> None:
        self._connection, self._key = HTTPConnection("127.0.0.1", port, timeout=120), key

    def get(self, path: str) -> Any:
        self._connection.request("GET", path, headers={"x-api-key": self._key})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ServerProblem(f"GET {path} was answered with {answer.status}: {body[:500]!r}")
        return orjson.loads(body)["data"]

    def count(self, segment_id: str) -> int:
        return int(self.get(f"/api/segments/{segment_id}/contacts?limit=1")["count"])

    def close(self) -> None:
        self._connection.close()


class Server:
    def __init__(self, process: int, port: int, key: str) -> None:
        self._process, self.port, self._key = process, port, key

    def client(self) -> Client:
        return Client(self.port, self._key)

    def megabytes(self) -> list[int]:
        """What each serving process holds, the one with the background refresh first."""
        return [megabytes(process, "VmRSS") for process in (self._process, *children(self._process))]


def _server_environment() -> dict[str, str]:
    return {
        "DATABASE_URL": conninfo(),
        "SEGMENTER_DATA_DIR": str(settings.DATA_DIR),
        "SEGMENTER_REQUESTS_A_MINUTE": "0",  # we ask as fast as we can
    }


@contextmanager
def serving(key: str) -> Iterator[Server]:
    """A server on a free port for as long as this lasts. Raises ServerProblem when it does not start."""
    with tempfile.TemporaryFile() as log:
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, settings.BASE_DIR / "manage.py", "serve", "--port", str(port)],
            env={**os.environ, **_server_environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we stop it
        )
        try:
            _wait(process, port)
            yield Server(process.pid, port, key)
        except ServerProblem as problem:
            log.seek(0)
            raise ServerProblem(f"{problem}\n{log.read().decode(errors='replace')[-2000:]}".strip()) from None
        finally:
            with undisturbed():
                _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ServerProblem(f"manage.py serve ended with status {process.returncode}")
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise ServerProblem(f"manage.py serve does not answer on port {port}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # itself where it would not end, and workers that it has lost
    process.wait()
