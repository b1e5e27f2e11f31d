"""The WSGI application that granian's workers load."""

import multiprocessing
import os
from threading import Thread

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """Whoever kills `manage.py serve` outright gives its workers no chance to hear of it, and they hold the port."""
    parent.join()
    os._exit(1)


if parent := multiprocessing.parent_process():  # of a worker of ours; another server looks after its own
    Thread(target=_end_with, args=[parent], name="end with parent", daemon=True).start()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenter.settings")

application = get_wsgi_application()
_ = get_resolver().url_patterns  # loads the views now, not during the first request
