"""Record in the background how segments grow, whenever contacts, segments, the day or the hour have changed."""

import logging
import time
from threading import Event
from typing import Any

from django.db import connection
from django.utils import timezone

from contacts import background
from contacts.columnar import snapshot
from contacts.values import local_day, milliseconds
from segments.growth import history
from workspaces.models import Workspace

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
REST = 60  # times as long as counting a workspace's segments took, before all are counted again
HOUR_MS = 3_600_000


class Recorder:
    """Counts the segments of workspaces where something has changed, large ones not all the time."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}  # by time.monotonic()
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._segments: dict[str, str] = {}

    def keep(self, now: int | None = None) -> None:
        """`now`: the moment, in milliseconds UTC."""
        moment = milliseconds(timezone.now()) if now is None else now
        for workspace in Workspace.objects.in_bulk(list(found := _states())).values():
            try:
                self._keep(workspace, found[workspace.pk], now, moment)
            except Exception:  # the other workspaces do not wait for this one
                log.exception("the segments of %s could not be counted; trying again", workspace.pk)
                self._due[workspace.pk] = time.monotonic() + REST
                connection.close()

    def _keep(self, workspace: Workspace, state: tuple[Any, ...], now: int | None, moment: int) -> None:
        pk, started = workspace.pk, time.monotonic()
        # Rules about time change their people though nothing else does: each hour is a change.
        seen = (*state, local_day(moment, workspace.zone), moment // HOUR_MS)
        if self._seen.get(pk) == seen:
            return
        if started >= self._due.get(pk, 0):
            history.record(workspace, now)
            snapshot.cache.clear()  # this is the background, where nobody asks for these columns again
            self._seen[pk], self._due[pk] = seen, time.monotonic() + REST * (time.monotonic() - started)
        elif self._segments.get(pk) != state[0]:
            history.record(workspace, now, only_changed=True)
        self._segments[pk] = state[0]


def _states() -> dict[str, tuple[Any, ...]]:
    """Each workspace that has segments: which versions of them, and its newest column, property and time zone.

    A row's xmin changes with whatever is written to it, its pins too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT workspace.id, segment.versions, timezone,
                   (SELECT max(id) FROM contacts_snapshotcolumn WHERE workspace_id = workspace.id),
                   (SELECT max(id) FROM contacts_property WHERE workspace_id = workspace.id)
            FROM workspaces_workspace AS workspace JOIN (
                SELECT workspace_id, md5(string_agg(xmin::text, ',' ORDER BY id)) AS versions
                FROM segments_segment GROUP BY workspace_id
            ) AS segment ON segment.workspace_id = workspace.id
            """
        )
        return {workspace: tuple(state) for workspace, *state in cursor}


def start() -> Event:
    return background.start("recorder", PAUSE_SECONDS, Recorder().keep)
