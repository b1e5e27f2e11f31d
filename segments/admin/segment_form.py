"""The form in which somebody writes a segment: tried out before it is saved, and asked about where that is wise."""

import copy
from enum import Enum, auto
from typing import Any

from django import forms
from django.db import transaction
from django.utils.functional import cached_property

from contacts.admin.json_field import JsonField
from segments.dialects.draft import Draft
from segments.models import Segment
from segments.rules import tree
from segments.rules.tree import Rule
from segments.saving import drafts, questions, versions
from segments.saving.questions import Question
from workspaces.locks import lock
from workspaces.problems import Invalid, Problem


class RuleField(JsonField):
    """A rule, stored form or bare node, read as far as no property or segment is needed for it. Empty: none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dict, **kwargs)

    def to_python(self, value: str | None) -> Any:
        return super().to_python(value) if (value or "").strip() else None


class Next(Enum):
    """What is to be done with a form that was sent."""

    EDIT = auto()  # show it once more: there are errors, or they want to go on editing
    CHECK = auto()  # show it once more, with whom its rule finds
    ASK = auto()  # ask the question that it has
    SAVE = auto()


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
        self.next = Next.EDIT
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
        if not self.errors:
            self.next = self.decided(segment)
        return self.cleaned_data  # without Django's check of the name's constraint: the draft says it better

    @cached_property
    def changed_data(self) -> list[str]:
        """Of the segment; what goes along with a save is no change of it."""
        return [name for name in super().changed_data if name not in ("seen", "confirmed")]

    def decided(self, segment: Segment) -> "Next":
        """`segment` as it would be saved, which nothing speaks against."""
        for button, next_ in {"_keep": Next.EDIT, "_check": Next.CHECK}.items():
            if button in self.data:
                return next_
        self.question = self.asked(segment)
        return Next.ASK if self.question else Next.SAVE

    def is_valid(self) -> bool:
        """Whether Django is to save it: without errors, and where there is nothing else to do first."""
        return super().is_valid() and self.next is Next.SAVE

    def asked(self, segment: Segment) -> Question | None:
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


def read_rule(document: Any) -> Rule | None:
    """Raises Invalid."""
    if document is None:
        return None
    return tree.read(document) if "version" in document else tree.read_node(document, "rule")
