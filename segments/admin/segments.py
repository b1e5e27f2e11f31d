"""The admin of segments."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.text import capfirst

from segments import usage
from segments.admin import builder_views, messages, segment_people, versions
from segments.admin.links import link
from segments.admin.pins import PinInline
from segments.admin.segment_facts import FACTS, AsSaved
from segments.admin.segment_form import Next, SegmentForm
from segments.admin.segment_list import COLUMNS, SegmentList
from segments.admin.staff import by_staff
from segments.answers.preview import in_words
from segments.engine import audience
from segments.models import Segment, SegmentDay, SegmentPeople, SegmentVersion, rewrite_pins
from segments.references import RuleWithPins
from segments.rules import tree
from segments.rules.tree import Rule
from segments.saving import drafts
from segments.saving import versions as saved_versions
from workspaces.admin.scope import ScopedAdmin, WorkspaceFilter
from workspaces.models import Role
from workspaces.problems import Problem

COPY = "_saveasnew"  # Django's name for the button


@admin.register(Segment)
class SegmentAdmin(ScopedAdmin):
    role_to_look, role_to_change = Role.GUEST, Role.AGENT
    form = SegmentForm
    only = Q(deleted_at=None)
    inlines = (PinInline,)
    save_as = True
    readonly_fields = (*FACTS, "created_by", "created_at", "updated_at")  # type: ignore[assignment]  # functions too
    list_display = ("name", *COLUMNS, "workspace", "created_by", "updated_at")
    list_filter = (("workspace", WorkspaceFilter),)
    list_select_related = ("workspace", "created_by")
    list_per_page = 50
    search_fields = ("name",)
    ordering = ("name", "id")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = [(None, {"fields": SegmentForm.Meta.fields})]
        return asked if obj is None else [*asked, ("As it is saved", {"fields": self.readonly_fields})]

    def get_urls(self) -> list[URLPattern]:
        pages = [each for module in (messages, segment_people, versions) for each in module.urls(self)]
        return [*builder_views.urls(self.role_to_look), *pages, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        segment: Any = super().get_object(request, object_id, from_field)
        if segment:
            segment.as_saved = AsSaved(segment.pk)
        return segment

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
        form: SegmentForm = context["adminform"].form
        if form.next is Next.ASK and not context["errors"]:  # of which pins may have some
            asked = {"question": form.question, "posted": _posted(request), "seen": form["seen"].value()}
            return TemplateResponse(request, "admin/segments/segment/question.html", {**context, **asked})
        if form.next is Next.CHECK:
            context["checked"] = _checked(form)
        if form.instance.pk and not form.instance._state.adding:
            context["version"] = versions.line(form.instance, form.version)
        obj: Segment | None = kwargs.get("obj")
        if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
            context["builder"] = builder_views.start(obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        drafts.update(obj, form.draft, by_staff(request))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What was changed, in words; the versions hold the rule itself."""
        message = super().construct_change_message(request, form, formsets, add)
        if add or form.saved is None:
            return message
        called = saved_versions.names(form.saved.workspace, [form.saved, form.instance])
        if changes := saved_versions.changes(form.saved, form.instance, called):
            of_pins = [each for each in message if "name" in each.get("changed", {"name": ""})]
            message = [saved_versions.log_message(changes), *of_pins]
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


def _without_the_many(listed: list[Any]) -> list[Any]:
    """What is deleted along, as Django lists it; of what may be a lot for a segment, its number is enough."""
    heads = tuple(f"{capfirst(each._meta.verbose_name)}: " for each in (SegmentVersion, SegmentDay, SegmentPeople))
    nested = [_without_the_many(each) if isinstance(each, list) else each for each in listed]
    return [each for each in nested if each and not (isinstance(each, str) and each.startswith(heads))]


def _checked(form: SegmentForm) -> str:
    """The sentence and the number of a rule that is not saved."""
    segment, workspace = form.instance, form.instance.workspace
    rule = form.draft.rule if form.draft.rule_given else segment.tree
    (found,) = audience.several(workspace, [RuleWithPins(rule, None if segment._state.adding else segment)])
    return f"{in_words(workspace, rule)} {found.count:,} of {found.people:,} in {workspace}. Nothing is saved yet."


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
