"""Refresh in the background whatever has lain unrefreshed for two seconds."""

import logging
from threading import Event, Thread

from django.db import DatabaseError, connection

from contacts.refresh import SnapshotBusy, refresh

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0


def marked_workspaces() -> list[str]:
    with connection.cursor() as cursor:
        # Hops from workspace to workspace along the index; a plain DISTINCT would read every mark.
        cursor.execute(
            """
            WITH RECURSIVE hop AS (
                (SELECT workspace_id FROM contacts_contactmark ORDER BY workspace_id LIMIT 1)
                UNION ALL
                SELECT (SELECT workspace_id FROM contacts_contactmark WHERE workspace_id > hop.workspace_id
                        ORDER BY workspace_id LIMIT 1) FROM hop WHERE hop.workspace_id IS NOT NULL
            )
            SELECT workspace_id FROM hop WHERE workspace_id IS NOT NULL
            """
        )
        return [workspace for (workspace,) in cursor]


def refresh_marked(patience_ms: int = 1) -> None:
    """Refresh every workspace with marks, but those that somebody else is refreshing already."""
    for workspace in marked_workspaces():
        try:
            refresh(workspace, patience_ms=patience_ms)
        except SnapshotBusy:
            log.info("%s is being refreshed already", workspace)


def run(stopped: Event) -> None:
    """Until stopped. A failure is logged and tried again: readers are right without us, only slower."""
    while not stopped.wait(PAUSE_SECONDS):
        try:
            refresh_marked()
        except DatabaseError:
            log.exception("could not refresh; trying again")
            connection.close()


def start() -> Event:
    """Run in a daemon thread; set the event to stop it."""
    stopped = Event()
    Thread(target=run, args=[stopped], name="refresher", daemon=True).start()
    return stopped
