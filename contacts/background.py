"""Do something again and again in a thread of this process, for the start with one command."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from django.db import connection

log = logging.getLogger(__name__)


def start(name: str, pause_seconds: float, work: Callable[[], None]) -> Event:
    """In a daemon thread; set the event to stop it. A failure is logged and the work tried again."""
    stopped = Event()

    def run() -> None:
        while not stopped.wait(pause_seconds):
            try:
                work()
            except Exception:  # whatever it was, what else there is to do must not wait for a restart
                log.exception("the %s could not go on; trying again", name)
                connection.close()

    Thread(target=run, name=name, daemon=True).start()
    return stopped
