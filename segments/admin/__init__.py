"""The admin's pages of segments, pins, properties, tags and of contacts with their segments. Django finds them here."""

from segments.admin import contacts, pins, properties, segments

__all__ = ["contacts", "pins", "properties", "segments"]
