"""Moments as the admin writes them, in the time zone of a workspace."""

from datetime import datetime, tzinfo

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince


def shown(at: datetime, zone: tzinfo, now: datetime | None = None) -> SafeString:
    """A moment, or with `now` how long it is over, in whole words."""
    local = at.astimezone(zone)
    exactly = f"{local.day} {local:%b %Y, %H:%M}"
    words = exactly if now is None else _ago(at, now)
    return format_html('<time datetime="{}" title="{} ({})">{}</time>', at.isoformat(), exactly, zone, words)


def _ago(at: datetime, now: datetime) -> str:
    said = timesince(at, now, depth=1).replace("\xa0", " ")
    return "just now" if said.startswith("0 ") else f"{said} ago"


def clock(at: datetime, zone: tzinfo) -> str:
    """To the second: 14:02:31."""
    return f"{at.astimezone(zone):%H:%M:%S}"
