"""What the page of a segment says of it below its form."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.models import Contact
from contacts.values import moment_of
from segments import usage
from segments.admin.links import links
from segments.answers.preview import in_words
from segments.engine import audience
from segments.engine.audience import Audience
from segments.growth import page_facts as trends
from segments.models import PinKind, Segment
from segments.rules import tree
from workspaces.problems import Invalid

SAMPLE = 10  # people
MOST_COUNTED = 100  # conditions of a rule whose people are counted before the page is shown


class AsSaved:
    """A segment as it is saved, not as it stands in a form that is yet to be put right. Its page asks several times."""

    def __init__(self, pk: str) -> None:
        self.pk = pk

    @cached_property
    def segment(self) -> Segment:
        return Segment.objects.select_related("workspace").get(pk=self.pk)

    @cached_property
    def found(self) -> Audience | None:
        """Who is in; None where that would take too long. Raises Invalid, SnapshotBusy."""
        rule = self.segment.tree
        is_large = rule and sum(1 for _ in tree.conditions(rule)) > MOST_COUNTED
        return None if is_large else audience.of(self.segment)


# What these are given is a segment with an AsSaved as `as_saved`.


@admin.display(description="In words")
def says(segment: Any) -> str:
    return _explained(segment.as_saved, _sentence)


@admin.display(description="People now")
def people_now(segment: Any) -> str:
    return _explained(segment.as_saved, _people)


@admin.display(description="Growth")
def growth(segment: Any) -> str:
    saved: AsSaved = segment.as_saved
    found = None
    with suppress(Invalid, SnapshotBusy):
        found = saved.found
    told = trends.of(saved.segment, timezone.now(), found)
    return render_to_string("admin/segments/segment/growth.html", told)


@admin.display(description="Everybody")
def everybody_in_it(segment: Segment) -> SafeString:
    return format_html(
        '<a href="{}">All who are in it</a>', reverse("admin:segments_segment_people", args=[segment.pk])
    )


@admin.display(description="Used in")
def used_in(segment: Segment) -> str:
    return links(usage.named_by(segment)) or "No other segment names it."


@admin.display(description="Over HTTP")
def over_http(segment: Segment) -> SafeString:
    """What programs send, in each of the dialects."""
    return render_to_string("admin/segments/segment/curls.html", {"segment": segment})


@admin.display(description="Pinned")
def pinned(segment: Segment) -> SafeString:
    pins = segment.pins.aggregate(**{kind: Count("pk", filter=Q(kind=kind)) for kind in PinKind.values})
    return format_html(
        '<a href="{}?segment__id__exact={}">{}, {}</a>',
        reverse("admin:segments_pin_changelist"),
        segment.pk,
        *(f"{number:,} {kind}" for kind, number in pins.items()),
    )


FACTS = (says, people_now, growth, everybody_in_it, pinned, used_in, over_http)


def _explained(saved: AsSaved, say: Callable[[AsSaved], str]) -> str:
    try:
        return say(saved)
    except Invalid as error:
        return format_html("Nobody can say who is in: {}", "; ".join(map(str, error.problems)))
    except SnapshotBusy:
        return BUSY


def _sentence(saved: AsSaved) -> str:
    return in_words(saved.segment.workspace, saved.segment.tree)


def _people(saved: AsSaved) -> str:
    found, workspace = saved.found, saved.segment.workspace
    if found is None:
        return f"Its rule has more than {MOST_COUNTED} conditions: the page of all who are in it counts them."
    at = moment_of(found.now).astimezone(workspace.zone)
    return format_html(
        "{} of {} in {}, at {} ({}).<ul>{}</ul>",
        f"{found.count:,}",
        f"{found.people:,}",
        workspace,
        f"{at.day} {at:%b %Y, %H:%M:%S}",
        workspace.timezone,
        format_html_join("", "<li>{}</li>", ((_person(contact),) for contact in found.page(SAMPLE))),
    )


def _person(contact: Contact) -> str:
    known = (contact.full_name, contact.email or contact.phone or contact.external_id)
    return ", ".join(filter(None, known)) or str(contact)
