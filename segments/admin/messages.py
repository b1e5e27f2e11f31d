"""The page that shows a message as the people of a segment would read it. Nothing is saved or sent here."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from contacts import properties
from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.schema import CUSTOM, TAG, Schema
from segments import messages, rendering
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rendering import Fault
from workspaces.admin.scope import ScopedAdmin, wants_fragment
from workspaces.problems import Invalid

START = "Hi {{firstName|there}},\n\n"
AROUND = 60  # characters shown on either side of what is wrong

# A message that is HTML is shown in a frame without scripts, which takes this page's policy over: mails carry their
# styles within them. Pictures of elsewhere stay away, for they would tell that somebody looked.
POLICY = {"style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"}


def urls(owner: ScopedAdmin) -> list[URLPattern]:
    view = owner.admin_site.admin_view(partial(show, owner))
    return [path("<str:segment_id>/message/", view, name="segments_segment_message")]


def show(owner: ScopedAdmin, request: HttpRequest, segment_id: str) -> HttpResponse:
    """With `Accept: text/vnd.fragment` only what changes while somebody types."""
    segment: Segment = owner.found(request, segment_id)
    text = request.POST.get("text", START).replace("\r\n", "\n")
    as_html = "html" in request.POST
    schema = properties.schema(segment.workspace)
    fragment = wants_fragment(request)
    said = {
        "segment": segment,
        "text": text,
        "html": as_html,
        "title": f"Message to {segment}",
        **_told(segment, text, as_html, schema),
        "names": [] if fragment else _names(schema),
        "is_nav_sidebar_enabled": False,
    }
    template = f"admin/segments/segment/{'message_shown' if fragment else 'message'}.html"
    response = owner.page(request, template, said)
    vars(response)["content_security"] = POLICY
    return response


def _told(segment: Segment, text: str, as_html: bool, schema: Schema) -> dict[str, Any]:
    try:
        order = messages.read({"template": text, "html": as_html})
        found = messages.preview(segment.workspace, RuleWithPins(segment.tree, segment), order)
    except Invalid as error:
        return {"problems": [f"Nobody can say: {problem}." for problem in error.problems]}
    except SnapshotBusy:
        return {"problems": [BUSY]}
    samples = [(int(each["id"], 16), each) for each in found["samples"]]
    people = segment.workspace.contacts.in_bulk([pk for pk, _ in samples])
    coverage = [each for each in found["coverage"] if each["property"]]
    known = {each["tag"] for each in coverage}
    return {
        "people": found["people"],
        "coverage": coverage,
        "samples": [
            (people[pk], each["text"], [name for name in each["missing"] if name in known])
            for pk, each in samples
            if pk in people
        ],
        "marks": [_mark(text, fault) for fault in rendering.faults(rendering.parse(text, schema), schema)],
    }


@dataclass(frozen=True)
class Mark:
    """A place of the message at which something is wrong, with what stands around it in its line."""

    fault: Fault
    line: int
    before: str
    wrong: str
    after: str


def _mark(text: str, fault: Fault) -> Mark:
    starts, ends = text.rfind("\n", 0, fault.at) + 1, text.find("\n", fault.end)
    before, after = text[starts : fault.at], text[fault.end : None if ends < 0 else ends]
    line = text.count("\n", 0, fault.at) + 1
    return Mark(
        fault,
        line,
        before if len(before) <= AROUND else f"…{before[-AROUND:]}",
        text[fault.at : fault.end],
        after if len(after) <= AROUND else f"{after[:AROUND]}…",
    )


def _names(schema: Schema) -> list[tuple[str, str]]:
    """What may stand between braces, as short as it goes, and how people call it."""
    names = []
    for type_ in schema.types():
        short = type_.reference.removeprefix(TAG).removeprefix(CUSTOM)
        names.append((short if rendering.reference(short, schema) == type_.reference else type_.reference, type_.label))
    return names
