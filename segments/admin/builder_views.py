"""Answer what the rule builder asks about a rule while somebody edits it; nothing is ever saved here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import tzinfo
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate

import orjson
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from contacts import properties
from contacts.columnar import extract
from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.columnar.facets import Bin
from contacts.models import Status
from contacts.schema import PropertyType, Schema
from contacts.search_terms import meant
from contacts.values import Kind, is_day, local_day, moment_of, span
from segments.answers import builder_options, constant_groups, explanations, line_counts, preview
from segments.answers.line_counts import Key, Line
from segments.engine import audience
from segments.engine.audience import Audience
from segments.engine.summaries import ONLY_PINNED
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules import tree
from segments.rules.check import Checked, check, find_property
from segments.rules.explanation import stored
from segments.rules.tree import All, Condition, Rule, write_node
from segments.rules.words import NameOf, day_in_words, minute_in_words, sentence
from segments.saving import deleted_properties
from workspaces.admin.scope import workspaces
from workspaces.admin.times import clock
from workspaces.models import Role, Workspace
from workspaces.problems import Invalid, Problem

SAMPLE = 10  # people
FACETS = 8  # values
BINS = 12
COLUMNS = 4  # properties of the rule shown beside each of the people

SIGNED_OUT = "You are signed out. Sign in in another tab, then try again."

View = Callable[Concatenate[HttpRequest, Workspace, ...], dict[str, Any]]


def answering(view: View) -> Callable[..., HttpResponse]:
    """The view's dictionary as JSON, for members of the workspace; every refusal as JSON too."""

    @wraps(view)
    def answer(request: HttpRequest, workspace_id: str, role: Role) -> HttpResponse:
        if not admin.site.has_permission(request):
            return JsonResponse({"message": SIGNED_OUT}, status=401)
        workspace = workspaces(request, role).filter(pk=workspace_id).first()
        if workspace is None:
            return _not_found("workspace")
        try:
            return JsonResponse(view(request, workspace))
        except Invalid as error:
            return JsonResponse({"problems": [problem.as_json() for problem in error.problems]}, status=400)
        except Http404:
            return _not_found("segment")
        except SnapshotBusy as error:
            wait = {"Retry-After": str(error.retry_after_seconds)}
            return JsonResponse({"message": BUSY}, status=503, headers=wait)

    return answer


def _not_found(what: str) -> HttpResponse:
    return JsonResponse({"message": f"There is no such {what}."}, status=404)


# --- what is asked -------------------------------------------------------------------------------------------------


def _asked(request: HttpRequest, workspace: Workspace) -> tuple[dict[str, Any], RuleWithPins]:
    """The body, and the rule in it with the segment that it is to become the rule of. Raises Invalid."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Invalid([Problem("", f"this is not JSON: {error}")]) from None
    if not isinstance(body, dict) or "rule" not in body:
        raise Invalid([Problem("", "give an object with a rule")])
    rule = None if body["rule"] is None else tree.read_node(body["rule"], "rule")
    return body, RuleWithPins(rule, _segment(workspace, body.get("segment")))


def _segment(workspace: Workspace, pk: Any) -> Segment | None:
    if not pk:
        return None
    found: Segment = get_object_or_404(workspace.segments.live(), pk=str(pk))
    return found


@require_POST
@answering
def count_people(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """The sentence, how many, what each line does, what its logic proves, and what saving would change.

    Raises Invalid, in which properties that were deleted say so.
    """
    _, wanted = _asked(request, workspace)
    try:
        return _counted(workspace, wanted)
    except Invalid as error:
        raise Invalid(deleted_properties.explained(workspace, wanted.rule, error.problems)) from None


def _counted(workspace: Workspace, wanted: RuleWithPins) -> dict[str, Any]:
    rule = wanted.rule
    parts = {} if rule is None else line_counts.asked(rule)
    found = _found(workspace, wanted, parts)
    told: dict[str, Any] = {"sentence": ONLY_PINNED, "lines": [], "proofs": []}
    if rule is not None:
        lines = line_counts.lines(rule, found.parts, found.everybody)
        told = _told(check(rule, found.people.schema), preview.names(workspace, rule), found.people, lines)
    return {
        **told,
        "count": found.people.count,
        "people": found.people.people,
        "at": clock(moment_of(found.people.now), workspace.zone),
        "change": None if found.before is None else _change(found.before, found.people),
    }


@dataclass(frozen=True)
class _Found:
    """What one pass over the people says. `before`: of the segment as it is saved, if there is one that can be read."""

    people: Audience
    everybody: Audience
    parts: dict[Key, Audience]
    before: Audience | None


def _found(workspace: Workspace, wanted: RuleWithPins, parts: Mapping[Key, Rule]) -> _Found:
    asked = [wanted, RuleWithPins(All()), *map(RuleWithPins, parts.values())]
    saved = [] if wanted.segment is None else [RuleWithPins(wanted.segment.tree, wanted.segment)]
    try:
        answers = iter(audience.several(workspace, [*asked, *saved]))
    except Invalid:
        if not saved:
            raise
        answers = iter(audience.several(workspace, asked))  # as it was saved nobody can read it any more
    return _Found(next(answers), next(answers), {key: next(answers) for key in parts}, next(answers, None))


def _told(rule: Checked, name_of: NameOf, people: Audience, lines: Sequence[Line]) -> dict[str, Any]:
    # Of an empty workspace everything is so.
    proved = constant_groups.proofs(rule, lines, people.people, name_of) if people.people else []
    return {
        "sentence": sentence(rule, name_of),
        "lines": [asdict(line) for line in lines],
        "proofs": [asdict(each) for each in proved],
    }


def _change(before: Audience, after: Audience) -> dict[str, int]:
    return {"before": before.count, "added": (after - before).count, "removed": (before - after).count}


@require_POST
@answering
def show_people(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """A few of those who are in, with what they have for the properties of the rule."""
    body, wanted = _asked(request, workspace)
    found = audience.several(workspace, [wanted])[0]
    names = dict.fromkeys(each.property for each in tree.conditions(wanted.rule)) if wanted.rule else {}
    types = [type_ for name in names if (type_ := found.schema.get(name)) and name not in _NAMED][:COLUMNS]
    sample = found.sample(SAMPLE, body["seed"] if isinstance(body.get("seed"), int) and body["seed"] >= 0 else 0)
    texts = [extract.texts(workspace.pk, type_, [each.pk for each in sample]) for type_ in types]
    return {
        "columns": [type_.label for type_ in types],
        "people": [
            {
                "id": each.pk,
                "name": str(each),
                "values": [
                    _shown(type_, held.get(each.pk), found.schema) for type_, held in zip(types, texts, strict=True)
                ],
            }
            for each in sample
        ],
    }


_NAMED = ("fullName", "firstName", "lastName")  # said by the name already


def _shown(type_: PropertyType, text: str | None, schema: Schema) -> str:
    if not text:
        return ""
    with suppress(ValueError):
        if type_.kind is Kind.DATE and not is_day(text):
            return minute_in_words(span(text, schema.zone)[0], schema.zone)
        return stored(type_.kind, text, True, schema.zone).shown
    return text  # a stored value that does not fit its type counts as missing, and is shown as it is


@require_POST
@answering
def show_facets(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """How those who are in differ in one property."""
    body, wanted = _asked(request, workspace)
    type_ = find_property(properties.schema(workspace), str(body.get("property")))
    found = audience.several(workspace, [wanted], also=[type_.reference])[0]
    if type_.kind in (Kind.NUMBER, Kind.DATE):
        histogram = found.histogram(type_.reference, BINS)
        bars = [
            {
                "label": _interval(type_, each, workspace),
                "count": each.count,
                "rule": _those_within(type_, each, each is histogram.bins[-1], workspace.zone),
            }
            for each in histogram.bins
        ]
        return {"bars": bars, "known": histogram.known, "missing": histogram.missing, "other": 0}
    values = found.facets(type_.reference, FACETS)
    single = type_.kind is not Kind.LIST
    bars = [
        {
            "label": str(each.value),
            "count": each.count,
            "rule": write_node(Condition(type_.reference, "is" if single else "includes", each.value)),
        }
        for each in values.values
    ]
    other = values.known - sum(each.count for each in values.values) if single else 0
    return {"bars": bars, "known": values.known, "missing": values.missing, "other": other}


def _interval(type_: PropertyType, bin_: Bin, workspace: Workspace) -> str:
    if type_.kind is Kind.NUMBER:
        return f"from {bin_.start:,.10g}"
    return f"from {day_in_words(moment_of(int(bin_.start)).astimezone(workspace.zone))}"


def _those_within(type_: PropertyType, bin_: Bin, is_last: bool, zone: tzinfo) -> dict[str, Any]:
    """The rule of a histogram's bar. Behind the last one of numbers there is nobody."""
    if type_.kind is Kind.DATE:
        days = [local_day(int(end), zone).isoformat() for end in (bin_.start, bin_.end - 1)]
        return write_node(Condition(type_.reference, "between", tuple(days)))
    from_here = Condition(type_.reference, "at_least", bin_.start)
    return write_node(from_here if is_last else All((from_here, Condition(type_.reference, "less_than", bin_.end))))


@require_POST
@answering
def explain(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """Why somebody, named by e-mail address, phone number or id, is in or not. Raises Invalid where nobody is."""
    body, wanted = _asked(request, workspace)
    term = str(body.get("who") or "").strip()
    matches = workspace.contacts.alias(lowered=Lower("email")).filter(meant(term)).exclude(lifecycle=Status.TRASHED)
    contact = matches.order_by("id").first() if term else None
    if contact is None:
        raise Invalid(
            [Problem("who", f"nobody is found by {term}; enter an e-mail address, phone number or external id")]
        )
    explained = explanations.explain(workspace, wanted, contact.pk)
    return {"name": str(contact), "in": explained.is_in, "why": explained.why, "rule": explained.as_json()["rule"]}


@require_GET
@answering
def offer_choices(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    return builder_options.of(workspace, _segment(workspace, request.GET.get("segment")))


@require_GET
@answering
def offer_values(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    return builder_options.values(workspace, request.GET.get("property", ""), request.GET.get("text", ""))


@require_GET
@answering
def describe_segments(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    return {"told": builder_options.told(workspace, request.GET.getlist("id"))}


@require_GET
@answering
def copy_rule(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """The rule of a segment, for another one that starts from it. Raises Invalid where it has none."""
    segment = _segment(workspace, request.GET.get("segment"))
    if segment is None or segment.tree is None:
        raise Invalid([Problem("segment", "this segment has no rule, only people who are pinned")])
    return {"rule": write_node(segment.tree)}


@require_GET
@answering
def suggest(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    return {"found": builder_options.suggested(workspace, request.GET.get("text", ""))}


def start(segment: Segment | None) -> dict[str, Any]:
    """What the rule builder begins with, on the page of a segment or, for None, of a new one."""
    choices_now = None
    if segment:
        with suppress(SnapshotBusy):  # then the builder asks for them itself
            choices_now = builder_options.of(segment.workspace, segment)
    return {
        "modules": _modules(),
        "choices": choices_now,
        "live": f"{reverse('admin:segments_segment_changelist')}live/",
        "contacts": reverse("admin:contacts_contact_changelist"),
        "importing": reverse("admin:contacts_importjob_add"),
        "segment": segment and segment.pk,
        "workspace": segment and segment.workspace_id,
    }


@cache
def _modules() -> list[str]:
    """Its scripts, to be fetched together: the browser would come to know of one after the other."""
    folder = finders.find("segments/builder")
    return sorted(f"segments/builder/{script.name}" for script in Path(str(folder)).glob("*.js"))


VIEWS = {
    "choose": offer_choices,
    "values": offer_values,
    "suggest": suggest,
    "told": describe_segments,
    "copy": copy_rule,
    "count": count_people,
    "people": show_people,
    "facets": show_facets,
    "why": explain,
}


def urls(role: Role) -> list[URLPattern]:
    """`role`: that somebody needs in the workspace of whose segments they ask."""
    return [
        path(f"live/<str:workspace_id>/{name}/", view, {"role": role}, name=f"segments_live_{name}")
        for name, view in VIEWS.items()
    ]
