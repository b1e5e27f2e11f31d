"""The admin's pages about many contacts: the list, its export, and pinning those chosen in it into a segment."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson
from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from pyroaring import BitMap64

from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.export_formats import FORMATS
from contacts.models import Contact, Status
from contacts.search_terms import identified
from contacts.values import Refused, clean
from segments.admin import contact_filters, contact_list
from segments.admin.contact_filters import SegmentField
from segments.admin.contact_list import Asked
from segments.admin.pins import PinAdmin
from segments.engine import audience, exports
from segments.models import PinKind, Segment
from segments.references import RuleWithPins
from segments.rules import tree
from segments.saving import pins
from segments.saving.pins import Wish
from segments.saving.questions import counted
from workspaces.admin.scope import ScopedAdmin, chosen, may, offered, wants_fragment
from workspaces.downloads import download
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MOST_PINNED = 10_000  # people at once; for more a rule says better who they are

View = Callable[[ScopedAdmin, HttpRequest], HttpResponseBase]


def urls(owner: ScopedAdmin) -> list[URLPattern]:
    views: dict[str, View] = {"export": export, "pin": pin}
    return [
        path(f"{name}/", owner.admin_site.admin_view(partial(view, owner)), name=f"contacts_contact_{name}")
        for name, view in views.items()
    ]


def _asked(request: HttpRequest, role: int) -> Asked | None:
    """What the address asks for, of the workspace that it names or else of the first that the person belongs to."""
    query = {name: request.GET[name] for name in request.GET}
    wanted = query.pop("workspace__id__exact", "") or query.get("workspace", "")
    workspace = chosen(request, role, wanted)
    if wanted and workspace is None:
        raise Http404("There is no such workspace.")
    return None if workspace is None else Asked(workspace, query)


def _asked_or_404(request: HttpRequest, role: int) -> Asked:
    asked = _asked(request, role)
    if asked is None:
        raise PermissionDenied
    return asked


def told(problems: Invalid | SnapshotBusy) -> list[str]:
    return [f"{each}." for each in problems.problems] if isinstance(problems, Invalid) else [BUSY]


# --- the list ------------------------------------------------------------------------------------------------------


def show(owner: ScopedAdmin, request: HttpRequest) -> HttpResponse:
    """With `Accept: text/vnd.fragment` only what changes while somebody types."""
    if not owner.has_view_permission(request):
        raise PermissionDenied
    asked = _asked(request, owner.role_to_look)
    fragment = wants_fragment(request)
    listed = _listed(owner, request, asked) if asked else {}
    around = {} if fragment or asked is None else _around(owner, request, asked)
    template = f"admin/contacts/contact/{'list_shown' if fragment else 'change_list'}.html"
    return owner.page(request, template, {"title": "Contacts", **listed, **around})


def _listed(owner: ScopedAdmin, request: HttpRequest, asked: Asked) -> dict[str, Any]:
    workspace = asked.workspace
    said: dict[str, Any] = {
        "workspace": workspace,
        "text": asked.text,
        "query": contact_filters.without(request.GET),
        "unsearched": contact_filters.without(request.GET, "q"),
        "unfiltered": f"workspace={workspace.pk}",
        "may_change": may(request, owner.role_to_change, workspace.pk),
        "formats": list(FORMATS),
        "most_pinned": MOST_PINNED,
    }
    try:
        page = contact_list.page(asked)
        said |= {"page": page, "words": contact_filters.words(asked.filters, request.GET), "trash": asked.is_trash}
        said["rule"] = (
            orjson.dumps(tree.write_node(asked.rule())).decode() if _can_be_a_rule(asked) and not page.by_id else ""
        )
        said["nobody_yet"] = not page.count and not asked.is_narrowed
    except (Invalid, SnapshotBusy) as error:
        said["problems"] = told(error)
    return said


def _can_be_a_rule(asked: Asked) -> bool:
    return asked.is_narrowed and not asked.is_trash


def _around(owner: ScopedAdmin, request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """What stays while somebody types."""
    return {
        "form": asked.filters.form,
        "workspaces": list(offered(request, owner.role_to_look)),
        "segments_offered": _offered(asked.workspace),
        "upsert": _upsert(request, asked.workspace),
    }


def _offered(workspace: Workspace) -> QuerySet[Segment, str]:
    live = workspace.segments.live().order_by("-updated_at", "-id")
    return live.values_list("name", flat=True)[: contact_filters.MOST_OFFERED]


def _upsert(request: HttpRequest, workspace: Workspace) -> str:
    address = request.build_absolute_uri(f"/api/workspaces/{workspace.pk}/contacts")
    body = '{"email": "ana@example.com", "firstName": "Ana"}'
    return f"""curl -X POST -H "x-api-key: YOUR_API_KEY" -H "Content-Type: application/json" -d '{body}' "{address}\""""


def export(owner: ScopedAdmin, request: HttpRequest) -> HttpResponseBase:
    """Everybody who is listed, as a file."""
    asked = _asked_or_404(request, owner.role_to_look)
    try:
        return exported(request, asked.workspace, RuleWithPins(asked.rule()), f"{asked.workspace.name} contacts")
    except (Invalid, SnapshotBusy) as error:
        return _refused(owner, request, error)


def exported(request: HttpRequest, workspace: Workspace, wanted: RuleWithPins, name: str) -> HttpResponseBase:
    """Raises Invalid, SnapshotBusy."""
    form = request.GET.get("format", "csv")
    stream = exports.export(workspace, wanted, form=form)
    return download(stream, f"{name}.{form}", stream.form.media_type)


def _refused(owner: ScopedAdmin, request: HttpRequest, error: Invalid | SnapshotBusy) -> HttpResponse:
    for problem in told(error):
        messages.error(request, problem)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """To the list as it was."""
    address = reverse("admin:contacts_contact_changelist")
    return redirect(f"{address}?{contact_filters.without(request.GET)}")


# --- pinning -------------------------------------------------------------------------------------------------------


class PinningForm(forms.Form):
    segment = SegmentField(max_length=500)
    reason = forms.CharField(required=False, help_text="Such as: beta tester. Whoever asks why they are in reads it.")
    until = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The last day on which they are kept in. Empty: for good.",
    )

    def __init__(self, data: Any, workspace: Workspace) -> None:
        super().__init__(data, label_suffix="")
        self.workspace = workspace
        cast(SegmentField, self.fields["segment"]).workspace = workspace

    def clean_reason(self) -> str:
        try:
            return clean(self.cleaned_data["reason"])
        except Refused as error:
            raise ValidationError(f"This {error}.") from None

    def clean_until(self) -> Any:
        day = self.cleaned_data["until"]
        try:
            return pins.end(str(day) if day else "", self.workspace.zone, timezone.now())
        except Refused as error:
            raise ValidationError(f"This {error}.") from None

    @property
    def wish(self) -> Wish:
        return Wish(PinKind.INCLUDED, self.cleaned_data["reason"], self.cleaned_data["until"])


def pin(owner: ScopedAdmin, request: HttpRequest) -> HttpResponse:
    """The page between, which says what pinning would do, and with `confirmed` the doing.

    It holds the ids of those whom it speaks of, so that nobody else is pinned than was shown.
    """
    asked = _asked_or_404(request, PinAdmin.role_to_change)
    try:
        ids, gone = _chosen(request, asked)
    except (Invalid, SnapshotBusy) as error:
        return _refused(owner, request, error)
    typed = request.POST if "segment" in request.POST else None
    form = PinningForm(typed, asked.workspace)
    segment = form.cleaned_data["segment"] if typed and form.is_valid() else None
    if segment and ids and request.POST.get("confirmed") == segment.pk:
        return _pinned(owner, request, segment, ids, form.wish)
    said = {
        "title": f"Add {counted(len(ids))} to a segment",
        "form": form,
        "workspace": asked.workspace,
        "query": contact_filters.without(request.GET),
        "ids": ",".join(map(str, ids)),
        "count": len(ids),
        "gone": gone,
        "segment": segment,
        "does": _does(segment, ids) if segment and ids else None,
        "segments_offered": _offered(asked.workspace),
    }
    return owner.page(request, "admin/contacts/contact/pin.html", said)


def _chosen(request: HttpRequest, asked: Asked) -> tuple[list[int], int]:
    """Whom to pin, and how many of those named are no longer there. Raises Invalid, SnapshotBusy."""
    if "across" in request.POST:
        people = asked.people()
        if people.count > MOST_PINNED:
            raise Invalid([Problem("", _too_many(people.count))])
        return list(people.ids()), 0
    listed = request.POST.get("people", "")
    named = listed.split(",") if listed else request.POST.getlist(ACTION_CHECKBOX_NAME)
    ids = {int(each) for each in named if each.isascii() and each.isdigit() and len(each) < 19}
    if len(ids) > MOST_PINNED:
        raise Invalid([Problem("", _too_many(len(ids)))])
    there = asked.workspace.contacts.exclude(lifecycle=Status.TRASHED)
    found = sorted(there.filter(pk__in=ids).values_list("pk", flat=True))
    return found, len(ids) - len(found)


def _too_many(count: int) -> str:
    most = f"{MOST_PINNED:,} can be pinned at once"
    return f"{count:,} people match and {most}; narrow the list, or build a segment of these"


@dataclass(frozen=True)
class Does:
    """What pinning some people in would do. `before` and `after`: how many are in, None where nobody can say."""

    already: int
    pinned: int
    kept_out: int
    before: int | None
    after: int | None
    problem: str = ""

    @property
    def by_rule(self) -> int:
        return self.already - self.pinned

    @property
    def joining(self) -> int | None:
        return None if self.before is None or self.after is None else self.after - self.before


def _does(segment: Segment, ids: Collection[int]) -> Does:
    now = timezone.now()
    in_force = [pin for pin in segment.pins.filter(contact__in=ids) if pin.expires_at is None or pin.expires_at > now]
    kept_out = sum(pin.kind == PinKind.EXCLUDED for pin in in_force)
    pinned = len(in_force) - kept_out
    try:
        members = audience.of(segment).ids()
    except (Invalid, SnapshotBusy) as error:
        return Does(pinned, pinned, kept_out, None, None, " ".join(told(error)))
    these = BitMap64(ids)
    return Does(len(members & these), pinned, kept_out, len(members), len(members | these))


def _pinned(
    owner: ScopedAdmin, request: HttpRequest, segment: Segment, ids: Collection[int], wish: Wish
) -> HttpResponse:
    try:
        done = pins.pin(segment, list(ids), wish, cast(User, request.user))
    except Invalid as error:  # somebody was deleted in this very moment
        return _refused(owner, request, error)
    people = counted(len(ids))
    owner.log_change(request, cast(Any, segment), f"Pinned in {people}{f': {wish.reason}' if wish.reason else ''}.")
    counts = f"{done.added:,} new, {done.changed:,} changed, {done.unchanged:,} as before"
    messages.success(request, f"{people} pinned into {segment}: {counts}.")
    return _back(request)


# --- suggesting ----------------------------------------------------------------------------------------------------


def suggested(contacts: QuerySet[Contact], held: QuerySet[Workspace], term: str) -> QuerySet[Contact]:
    """Of these contacts of these workspaces those whom a field should suggest: a few, whatever is typed."""
    most = contact_list.MOST_SUGGESTED
    if not term:
        return contacts.filter(pk__in=list(contacts.order_by("-pk").values_list("pk", flat=True)[:most]))
    seen = list(held.values_list("pk", flat=True))  # the indexes begin with the workspace
    by_index = contacts.alias(lowered=Lower("email")).filter(identified(term), workspace__in=seen)
    ids = [*by_index.values_list("pk", flat=True)[:most], *contact_list.suggested(held, term)]
    return contacts.filter(pk__in=ids)
