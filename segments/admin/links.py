"""Links to segments."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from segments.models import Segment
from segments.usage import Broken


def link(segment: Broken) -> SafeString:
    return format_html('Segment <a href="{}">{}</a>', _address(segment.id), segment.name)


def links(segments: Iterable[Segment]) -> SafeString:
    return format_html_join(", ", '<a href="{}">{}</a>', ((_address(each.pk), each.name) for each in segments))


def _address(segment_id: str) -> str:
    return reverse("admin:segments_segment_change", args=[segment_id])
