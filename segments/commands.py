"""What the management commands of segments share: finding a segment, and saying its rule."""

from contacts import properties
from segments.models import Segment
from segments.rules.check import check
from segments.rules.words import sentence
from workspaces.commands import refuse


def find_segment(text: str) -> Segment:
    """A segment by its id, or by its name where only one has it."""
    live = Segment.objects.live().select_related("workspace")
    found = list(live.filter(pk=text)) or list(live.filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    several = f"There are several segments called {text}; use an id."
    return refuse(several if found else f"There is no segment {text}.")


def said(segment: Segment) -> str:
    """The segment's rule as a sentence."""
    if segment.tree is None:
        return "The people added by hand."
    names = dict(segment.workspace.segments.live().values_list("pk", "name"))
    checked = check(segment.tree, properties.schema(segment.workspace))
    return sentence(checked, lambda pk: names.get(pk, pk))
