"""That a workspace's snapshot is being refreshed by somebody else for too long, and what people are told then."""

BUSY = "Many contacts are being taken in just now; try again soon."


class SnapshotBusy(Exception):
    """Somebody else has been refreshing this workspace for too long. Worth trying again."""

    retry_after_seconds = 5
