"""Refresh in the background whatever has lain unrefreshed for two seconds, and the catalogue after it."""

import logging
import time
from threading import Event
from typing import Any

from django.db import connection

from contacts import background
from contacts.columnar import catalogue
from contacts.columnar.busy import SnapshotBusy
from contacts.columnar.refresh import refresh
from workspaces.models import Workspace

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
REST = 10  # times as long as bringing a workspace's catalogue up to date took, before it is done again


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


class Catalogues:
    """Brings the catalogues of workspaces that have changed up to date, large ones not all the time."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}  # by time.monotonic()
        self._seen: dict[str, tuple[Any, ...]] = {}

    def keep(self) -> None:
        for workspace_id, *newest in self._newest():
            started = time.monotonic()
            if self._seen.get(workspace_id) == tuple(newest) or started < self._due.get(workspace_id, 0):
                continue
            workspace = Workspace.objects.filter(pk=workspace_id).first()
            if workspace is not None:
                catalogue.keep(workspace)
            self._seen[workspace_id] = tuple(newest)
            self._due[workspace_id] = time.monotonic() + REST * (time.monotonic() - started)

    def _newest(self) -> list[tuple[Any, ...]]:
        """Each workspace with its newest column, property and tag: where they are as they were, nothing is to do."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT id, (SELECT max(id) FROM contacts_snapshotcolumn WHERE workspace_id = workspace.id),
                       (SELECT max(id) FROM contacts_property WHERE workspace_id = workspace.id),
                       (SELECT max(id) FROM contacts_substitutiontag WHERE workspace_id = workspace.id)
                FROM workspaces_workspace AS workspace
                """
            )
            return list(cursor.fetchall())


def start() -> Event:
    """Until the event is set. Readers are right without us, only slower."""
    catalogues = Catalogues()

    def work() -> None:
        refresh_marked()
        catalogues.keep()

    return background.start("refresher", PAUSE_SECONDS, work)
