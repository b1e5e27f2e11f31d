"""The admin of segments."""

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminErrorList
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from contacts.admin.json_field import JsonField
from contacts.columnar.busy import BUSY, SnapshotBusy
from contacts.models import Contact
from contacts.values import moment_of
from segments import usage
from segments.admin import builder_views, contact_pages
from segments.admin import messages as message_pages
from segments.admin import versions as version_pages
from segments.admin.links import link, links
from segments.admin.pins import PinInline
from segments.admin.staff import by_staff
from segments.answers import choices
from segments.answers.preview import in_words
from segments.engine import audience, listing, search
from segments.engine.audience import Audience
from segments.engine.cursors import Cursor
from segments.engine.listing import Told
from segments.growth import growth
from segments.models import PinKind, Segment, SegmentDay, SegmentPeople, SegmentVersion, rewrite_pins
from segments.references import Wanted
from segments.rules import tree
from segments.rules.tree import Rule
from segments.saving import drafts, questions, versions
from segments.saving.drafts import Draft
from segments.saving.questions import Question
from workspaces.admin.scope import ScopedAdmin, WorkspaceFilter
from workspaces.admin.times import clock
from workspaces.locks import lock
from workspaces.models import Role
from workspaces.problems import Invalid, Problem

SAMPLE = 10  # people
WEEK = 7  # days
PAGE = 50  # people
MOST_COUNTED = 100  # conditions of a rule whose people are counted before the page is shown
COPY = "_saveasnew"  # Django's name for the button


class RuleField(JsonField):
    """A rule, stored form or bare node, read as far as no property or segment is needed for it. Empty: none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dict, **kwargs)

    def to_python(self, value: str | None) -> Any:
        return super().to_python(value) if (value or "").strip() else None


class SegmentForm(forms.ModelForm):
    rule = RuleField(
        help_text='Like {"all": [{"property": "country", "operator": "is", "value": ["ES", "PT"]}]}; groups are all, '
        'any and not, and {"segment": "its id"} is being in another segment. Empty: only the people pinned.'
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)  # when it was last saved, as far as they know
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)  # the question that they said yes to

    class Meta:
        model = Segment
        fields = ("workspace", "name", "description", "rule")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.problems: list[Problem] = []
        self.question: Question | None = None
        self.saved: Segment | None = None
        if not self.instance._state.adding:
            self.version = versions.latest([self.instance]).get(self.instance.pk)
            self.initial["seen"] = versions.state(self.instance, self.version)

    def clean(self) -> dict[str, Any]:
        """Save once on trial, so that whatever saving would refuse is an error here.

        The lock is the one of drafts, taken outside of the trial: it is held until the true saving is done.
        """
        segment = copy.copy(self.instance)
        segment.workspace_id = segment.workspace_id or getattr(self.cleaned_data.get("workspace"), "pk", None)
        segment.name = segment.name or segment.pk  # stands in for a name that is missing, which is an error already
        if segment.workspace_id:
            lock("segments", segment.workspace_id)
            self.draft = self.drafted()
            try:
                with transaction.atomic():
                    drafts.update(segment, self.draft)
                    transaction.set_rollback(True)
            except Invalid as error:
                self.refuse(error)
        self.wait(segment)
        return self.cleaned_data  # without Django's check of the name's constraint: the draft says it better

    @cached_property
    def changed_data(self) -> list[str]:
        """Of the segment; what goes along with a save is no change of it."""
        return [name for name in super().changed_data if name not in ("seen", "confirmed")]

    def wait(self, segment: Segment) -> None:
        """Do not save yet where there is something to ask, or where nobody wanted to save."""
        if not self.errors and "_keep" not in self.data and "_check" not in self.data:
            self.question = self.asked(segment)
        if not self.errors and (self.question or "_keep" in self.data or "_check" in self.data):
            self.add_error(None, ValidationError("Not saved yet.", code=NOT_YET))

    def asked(self, segment: Segment) -> Question | None:
        """`segment` as it would be saved."""
        saved = self.saved = Segment.objects.select_related("workspace").filter(pk=segment.pk).first()
        seen = self.cleaned_data.get("seen")
        if saved and seen and seen != versions.state(saved, versions.latest([saved]).get(saved.pk)):
            return questions.about_another(segment, saved)
        if not self.draft.rule_given:
            return None
        question = questions.about_people(segment, self.draft.rule, saved)
        return None if question and question.kind == self.cleaned_data.get("confirmed") else question

    def drafted(self) -> Draft:
        """What was typed; the rule only if it was changed, for what a client sent is echoed until then."""
        draft = Draft(self.cleaned_data.get("name"), fields={"description": self.cleaned_data.get("description", "")})
        if "rule" in self.changed_data and "rule" in self.cleaned_data:
            try:
                draft.rule = read_rule(self.cleaned_data["rule"])
                draft.rule_given = True
            except Invalid as error:
                draft.problems = error.problems
        return draft

    def refuse(self, error: Invalid) -> None:
        self.problems = error.problems
        for problem in error.problems:
            if problem.path == "name":
                self.add_error("name", f"{problem.message[:1].upper()}{problem.message[1:]}.")
            else:
                self.add_error("rule", str(problem))


NOT_YET = "not yet"


def read_rule(document: Any) -> Rule | None:
    """Raises Invalid."""
    if document is None:
        return None
    return tree.read(document) if "version" in document else tree.read_node(document, "rule")


# Fetched together, where the browser would come to know of one after the other.
_MODULES = sorted(
    f"segments/builder/{each.name}" for each in Path(__file__).parent.parent.glob("static/segments/builder/*.js")
)


class SegmentList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """With what each of them says and finds, where all are of one workspace: each workspace is a pass."""
        super().get_results(request)
        of_one = len({segment.workspace_id for segment in self.result_list}) == 1
        told = listing.told(self.result_list) if of_one else {}
        changes = growth.changes(self.result_list, told, timezone.now(), WEEK) if of_one else {}
        for segment in self.result_list:
            segment.told, segment.change = told.get(segment.pk), changes.get(segment.pk, "")


@admin.register(Segment)
class SegmentAdmin(ScopedAdmin):
    role_to_look, role_to_change = Role.GUEST, Role.AGENT
    form = SegmentForm
    only = Q(deleted_at=None)
    inlines = (PinInline,)
    save_as = True
    readonly_fields = (
        "says",
        "people_now",
        "growth",
        "everybody_in_it",
        "pinned",
        "used_in",
        "over_http",
        "created_by",
        "created_at",
        "updated_at",
    )
    list_display = ("name", "in_words", "people", "change", "workspace", "created_by", "updated_at")
    list_filter = (("workspace", WorkspaceFilter),)
    list_select_related = ("workspace", "created_by")
    list_per_page = 50
    search_fields = ("name",)
    ordering = ("name", "id")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = [(None, {"fields": SegmentForm.Meta.fields})]
        return asked if obj is None else [*asked, ("As it is saved", {"fields": self.readonly_fields})]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.everybody)
        people = path("<str:segment_id>/people/", view, name="segments_segment_people")
        file = path("<str:segment_id>/export/", self.admin_site.admin_view(self.export), name="segments_segment_export")
        return [
            *builder_views.urls(self.role_to_look),
            *message_pages.urls(self),
            *version_pages.urls(self),
            people,
            file,
            *super().get_urls(),
        ]

    def export(self, request: HttpRequest, segment_id: str) -> HttpResponseBase:
        """Who is in, as a file."""
        segment: Segment = self.found(request, segment_id)
        try:
            return contact_pages.exported(request, segment.workspace, Wanted(segment.tree, segment), segment.name)
        except (Invalid, SnapshotBusy) as error:
            for problem in contact_pages.told(error):
                self.message_user(request, problem, messages.ERROR)
            return redirect("admin:segments_segment_people", segment.pk)

    def everybody(self, request: HttpRequest, segment_id: str) -> HttpResponse:
        """Who is in, a page at a time, as it was when the first page was opened."""
        segment: Segment = self.found(request, segment_id)
        text = request.GET.get("q", "").strip()
        said = {"segment": segment, "title": f"People in {segment}", "text": text}
        try:
            told = _page_of_people(segment, request.GET)
        except Invalid as error:
            told = {"problems": [str(problem) for problem in error.problems]}
        except SnapshotBusy:
            told = {"problems": [BUSY]}
        return self.page(request, "admin/segments/segment/people.html", {**said, **told})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    @admin.display(description="Who is in")
    def in_words(self, segment: Any) -> str:
        told: Told | None = segment.told
        if told is None:
            return "Choose a workspace to see who is in."
        shown = f"Nobody can say who is in: {told.problem}" if told.problem else told.sentence
        return format_html('<span class="{}" dir="auto">{}</span>', "broken" if told.problem else "sentence", shown)

    @admin.display(description="People")
    def people(self, segment: Any) -> str:
        told: Told | None = segment.told
        return "–" if told is None or told.count is None else f"{told.count:,}"

    @admin.display(description=f"Change over {WEEK} days")
    def change(self, segment: Any) -> str:
        return segment.change or mark_safe('–<span class="visually-hidden">not known</span>')

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" and object_id and COPY in request.POST:
            request.POST = self.of_a_copy(request, object_id)  # type: ignore[assignment]
        extra = {**(extra_context or {}), "is_nav_sidebar_enabled": False}
        response = super().changeform_view(request, object_id, form_url, extra)
        wants_json = request.method == "POST" and request.headers.get("Accept") == "application/json"
        return _as_json(response) if wants_json else response

    def of_a_copy(self, request: HttpRequest, object_id: str) -> QueryDict:
        """What was sent, for a new segment beside the one of the page: its rule, and a name that is free."""
        segment: Segment = self.found(request, object_id)
        posted = request.POST.copy()
        posted["workspace"] = segment.workspace_id
        if posted.get("name") == segment.name:
            posted["name"] = drafts.name_of_a_copy(segment)
        return posted

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form, formsets = context["adminform"].form, [each.formset for each in context["inline_admin_formsets"]]
        if form.is_bound and form.has_error(NON_FIELD_ERRORS, NOT_YET):
            del form.errors[NON_FIELD_ERRORS]
            context["errors"] = AdminErrorList(form, formsets)
            if form.question and not context["errors"]:
                asked = {"question": form.question, "posted": _posted(request), "seen": form["seen"].value()}
                return TemplateResponse(request, "admin/segments/segment/question.html", {**context, **asked})
            if "_check" in form.data:
                context["checked"] = self.checked(form)
        if form.instance.pk and not form.instance._state.adding:
            context["version"] = version_pages.line(form.instance, form.version)
        context["builder"] = self.builder(request, kwargs.get("obj"))
        return super().render_change_form(request, context, *args, **kwargs)

    def checked(self, form: Any) -> str:
        """The sentence and the number of a rule that is not saved."""
        workspace = form.instance.workspace
        rule = form.draft.rule if form.draft.rule_given else form.instance.tree
        saved = None if form.instance._state.adding else form.instance
        (found,) = audience.several(workspace, [Wanted(rule, saved)])
        says = in_words(workspace, rule)
        return f"{says} {found.count:,} of {found.people:,} in {workspace}. Nothing is saved yet."

    def builder(self, request: HttpRequest, obj: Segment | None) -> dict[str, Any] | None:
        """What the rule builder starts from; None for somebody who may only look."""
        if not (self.has_change_permission(request, obj) if obj else self.has_add_permission(request)):
            return None
        choices_now = None
        if obj:
            with suppress(SnapshotBusy):  # then the builder asks for them itself
                choices_now = choices.of(obj.workspace, obj)
        return {
            "modules": _MODULES,
            "choices": choices_now,
            "live": f"{reverse('admin:segments_segment_changelist')}live/",
            "contacts": reverse("admin:contacts_contact_changelist"),
            "importing": reverse("admin:contacts_importjob_add"),
            "segment": obj and obj.pk,
            "workspace": obj and obj.workspace_id,
        }

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        drafts.update(obj, form.draft, by_staff(request))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What was changed, in words; the versions hold the rule itself."""
        message = super().construct_change_message(request, form, formsets, add)
        if add or form.saved is None:
            return message
        called = versions.names(form.saved.workspace, [form.saved, form.instance])
        if changes := versions.changes(form.saved, form.instance, called):
            of_pins = [each for each in message if "name" in each.get("changed", {"name": ""})]
            message = [versions.log_message(changes), *of_pins]
        return message

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            for pin_form in formset.extra_forms:
                pin_form.instance.author_id = request.user.pk
        super().save_related(request, form, formsets, change)
        rewrite_pins(form.instance)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        dying = {segment.pk: segment for segment in objs}

        def problems_of(segment: Segment, rule: Rule) -> list[Problem]:
            return [Problem(each.at, "is deleted") for each in tree.referred(rule) if each.segment in dying]

        listed, counts, lacking, protected = super().get_deleted_objects(objs, request)
        places = sorted({segment.workspace_id for segment in dying.values()})
        users = [each for place in places for each in usage.broken(place, problems_of) if each.id not in dying]
        return _without_the_many(listed), counts, lacking, [*protected, *map(link, users)]

    @admin.display(description="In words")
    def says(self, segment: Segment) -> str:
        return _explained(segment, _sentence)

    @admin.display(description="People now")
    def people_now(self, segment: Segment) -> str:
        return _explained(segment, _people)

    @admin.display(description="Growth")
    def growth(self, segment: Segment) -> str:
        saved, found = _as_saved(segment), None
        with suppress(Invalid, SnapshotBusy):
            found = _found(saved)
        told = growth.of(saved, timezone.now(), found)
        return render_to_string("admin/segments/segment/growth.html", told)

    @admin.display(description="Everybody")
    def everybody_in_it(self, segment: Segment) -> SafeString:
        return format_html(
            '<a href="{}">All who are in it</a>', reverse("admin:segments_segment_people", args=[segment.pk])
        )

    @admin.display(description="Used in")
    def used_in(self, segment: Segment) -> str:
        return links(usage.named_by(segment)) or "No other segment names it."

    @admin.display(description="Over HTTP")
    def over_http(self, segment: Segment) -> SafeString:
        """What programs send, in each of the dialects."""
        return render_to_string("admin/segments/segment/curls.html", {"segment": segment})

    @admin.display(description="Pinned")
    def pinned(self, segment: Segment) -> SafeString:
        pins = segment.pins.aggregate(**{kind: Count("pk", filter=Q(kind=kind)) for kind in PinKind.values})
        return format_html(
            '<a href="{}?segment__id__exact={}">{}, {}</a>',
            reverse("admin:segments_pin_changelist"),
            segment.pk,
            *(f"{number:,} {kind}" for kind, number in pins.items()),
        )


def _without_the_many(listed: list[Any]) -> list[Any]:
    """What is deleted along, as Django lists it; of what may be a lot for a segment, its number is enough."""
    heads = tuple(f"{capfirst(each._meta.verbose_name)}: " for each in (SegmentVersion, SegmentDay, SegmentPeople))
    nested = [_without_the_many(each) if isinstance(each, list) else each for each in listed]
    return [each for each in nested if each and not (isinstance(each, str) and each.startswith(heads))]


def _page_of_people(segment: Segment, asked: Mapping[str, str]) -> dict[str, Any]:
    """`q`: whom to look for; `after` or `before`: cursors of pages beside this one. Raises Invalid, SnapshotBusy."""
    after, before = (Cursor.read(asked[name], name) if asked.get(name) else None for name in ("after", "before"))
    held = after or before
    text = asked.get("q", "")
    found = search.found(segment.workspace, text, Wanted(segment.tree, segment), held.now if held else None, "Search")
    page = found.page(PAGE, after.contact_id if after else 0, before.contact_id if before and not after else None)
    if not page:
        return {"people": page, "count": found.count, "at": clock(moment_of(found.now), segment.workspace.zone)}
    first, behind = page[0].pk, found.count_behind(page[-1].pk)
    return {
        "people": page,
        "count": found.count,
        "place": found.count - found.count_behind(first - 1) + 1,
        "last_place": found.count - behind,
        "at": clock(moment_of(found.now), segment.workspace.zone),
        "next": Cursor(page[-1].pk, found.now).write() if behind else "",
        "previous": Cursor(first, found.now).write() if found.before(first, 1) else "",
    }


def _posted(request: HttpRequest) -> list[tuple[str, str]]:
    """What a page in between has to send again, all but the answer."""
    left_out = ("csrfmiddlewaretoken", "confirmed", "seen")
    return [(name, value) for name, values in request.POST.lists() if name not in left_out for value in values]


def _as_json(response: HttpResponse) -> HttpResponse:
    """What became of a save, for the rule builder."""
    if response.status_code == 302:
        return JsonResponse({"location": response["Location"]})
    if not isinstance(response, TemplateResponse):
        return response
    context = response.context_data or {}
    if question := context.get("question"):
        return JsonResponse({"question": question.as_json()}, status=409)
    form = context["adminform"].form
    elsewhere = any(not each.formset.is_valid() for each in context["inline_admin_formsets"])
    errors = {field: list(messages) for field, messages in form.errors.items()}
    problems = [problem.as_json() for problem in form.problems]
    return JsonResponse({"errors": errors, "problems": problems, "elsewhere": elsewhere}, status=400)


def _as_saved(segment: Segment) -> Segment:
    """Not as it stands in a form that is yet to be put right. Kept with the segment: its page asks three times."""
    kept = vars(segment)
    if "as_saved" not in kept:
        kept["as_saved"] = Segment.objects.select_related("workspace").get(pk=segment.pk)
    return cast(Segment, kept["as_saved"])


def _explained(segment: Segment, say: Callable[[Segment], str]) -> str:
    try:
        return say(_as_saved(segment))
    except Invalid as error:
        return format_html("Nobody can say who is in: {}", "; ".join(map(str, error.problems)))
    except SnapshotBusy:
        return BUSY


def _sentence(segment: Segment) -> str:
    return in_words(segment.workspace, segment.tree)


def _found(saved: Segment) -> Audience | None:
    """Who is in, read once a page; None where that would take too long. Raises Invalid, SnapshotBusy."""
    kept = vars(saved)
    if "found" not in kept:
        is_large = saved.tree and sum(1 for _ in tree.conditions(saved.tree)) > MOST_COUNTED
        kept["found"] = None if is_large else audience.of(saved)
    return cast(Audience | None, kept["found"])


def _people(segment: Segment) -> str:
    found = _found(segment)
    if found is None:
        return f"Its rule has more than {MOST_COUNTED} conditions: the page of all who are in it counts them."
    at = moment_of(found.now).astimezone(segment.workspace.zone)
    return format_html(
        "{} of {} in {}, at {} ({}).<ul>{}</ul>",
        f"{found.count:,}",
        f"{found.people:,}",
        segment.workspace,
        f"{at.day} {at:%b %Y, %H:%M:%S}",
        segment.workspace.timezone,
        format_html_join("", "<li>{}</li>", ((_person(contact),) for contact in found.page(SAMPLE))),
    )


def _person(contact: Contact) -> str:
    known = (contact.full_name, contact.email or contact.phone or contact.external_id)
    return ", ".join(filter(None, known)) or str(contact)
