"""What the list of segments says of each."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from segments.engine import summaries
from segments.engine.summaries import Told
from segments.growth import page_facts

WEEK = 7  # days


class SegmentList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """With what each of them says and finds, where all are of one workspace: each workspace is a pass."""
        super().get_results(request)
        of_one = len({segment.workspace_id for segment in self.result_list}) == 1
        told = summaries.told(self.result_list) if of_one else {}
        changes = page_facts.changes(self.result_list, told, timezone.now(), WEEK) if of_one else {}
        for segment in self.result_list:
            segment.told, segment.change = told.get(segment.pk), changes.get(segment.pk, "")


@admin.display(description="Who is in")
def in_words(segment: Any) -> str:
    told: Told | None = segment.told
    if told is None:
        return "Choose a workspace to see who is in."
    shown = f"Nobody can say who is in: {told.problem}" if told.problem else told.sentence
    return format_html('<span class="{}" dir="auto">{}</span>', "broken" if told.problem else "sentence", shown)


@admin.display(description="People")
def people(segment: Any) -> str:
    told: Told | None = segment.told
    return "–" if told is None or told.count is None else f"{told.count:,}"


@admin.display(description=f"Change over {WEEK} days")
def change(segment: Any) -> str:
    return segment.change or mark_safe('–<span class="visually-hidden">not known</span>')


COLUMNS = (in_words, people, change)
