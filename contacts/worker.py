"""Run background jobs in a thread of this process, for the start with one command."""

import asyncio
import logging
from datetime import datetime
from threading import Event, Thread

from django.db.models import Max
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateWorker

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0  # before a worker that has lost PostgreSQL is followed by another


class Worker:
    """Jobs that run when it is stopped are left where they are between two batches, for the next worker."""

    def __init__(self) -> None:
        self._stopped = Event()
        self._loop = asyncio.new_event_loop()
        self._running: asyncio.Task[None] | None = None
        self._thread = Thread(target=self._work, name="worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait until it has ended."""
        self._stopped.set()
        self._loop.call_soon_threadsafe(lambda: self._running and self._running.cancel())
        self._thread.join()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._stopped.is_set():
            try:
                self._running = self._loop.create_task(_run())
                self._loop.run_until_complete(self._running)
            except asyncio.CancelledError:
                continue
            except Exception:
                log.exception("the worker has ended; starting another")
                self._stopped.wait(PAUSE_SECONDS)


def last_seen() -> datetime | None:
    """When any worker last said that it is there, which each does every ten seconds; None where there is none."""
    seen: datetime | None = ProcrastinateWorker.objects.aggregate(last=Max("last_heartbeat"))["last"]
    return seen


async def _run() -> None:
    worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker.open_async():
        await worker.run_worker_async(install_signal_handlers=False)
