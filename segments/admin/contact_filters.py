"""What the admin's list of contacts can be narrowed by, and what each filter means as a rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django_filters import CharFilter, ChoiceFilter, DateFilter, Filter, FilterSet

from contacts.models import Contact, Status
from segments.models import Segment
from segments.rules.tree import Condition, InSegment, Not, Rule
from segments.rules.words import day_in_words
from workspaces.identifiers import is_id
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

BESIDE = ("workspace", "older", "newer", "q", "format")  # what else may stand in the address of a list
MOST_OFFERED = 500  # names of segments

_HAS = [("yes", "has one"), ("no", "has none")]


class SegmentField(forms.CharField):
    """A segment of the workspace, by its name or its id."""

    def __init__(self, *, workspace: Workspace | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workspace = workspace
        self.widget.attrs |= {"list": "segments-offered", "autocomplete": "off"}

    def prepare_value(self, value: Any) -> Any:
        """The name where an address holds the id."""
        there = self._live().filter(pk=value).first() if isinstance(value, str) and is_id(value) else value
        return there.name if isinstance(there, Segment) and self._alone(there.name) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        found = self._live().filter(pk=text).first()
        named = [found] if found else list(self._live().filter(name=text)[:MOST_ALIKE])
        if not named:
            raise ValidationError(f"There is no segment {text}.")
        if len(named) > 1:
            ids = listed([segment.pk for segment in named])
            raise ValidationError(f"More than one segment is called {text}. Give the id of the one you mean: {ids}.")
        segment = named[0]
        segment.workspace = cast(Workspace, self.workspace)
        return segment

    def _live(self) -> Any:
        return Segment.objects.live().filter(workspace=self.workspace).defer("included", "excluded", "document")

    def _alone(self, name: str) -> bool:
        return len(self._live().filter(name=name)[:2]) == 1


MOST_ALIKE = 10


class SegmentFilter(Filter):
    field_class = SegmentField


class ContactFilters(FilterSet):
    state = ChoiceFilter(label="State", choices=Status.choices, empty_label="All but trashed")
    tag = CharFilter(label="Tag")
    segment = SegmentFilter(label="In segment")
    since = DateFilter(label="Created from", widget=forms.DateInput(attrs={"type": "date"}))
    until = DateFilter(label="Created until", widget=forms.DateInput(attrs={"type": "date"}))
    email = ChoiceFilter(label="E-mail", choices=_HAS, empty_label="any")
    phone = ChoiceFilter(label="Phone", choices=_HAS, empty_label="any")

    def __init__(self, query: Mapping[str, Any], workspace: Workspace) -> None:
        super().__init__(query, Contact.objects.none())
        self.filters["segment"].extra["workspace"] = workspace
        self.form.label_suffix = ""

    @property
    def chosen(self) -> dict[str, Any]:
        """What is asked for, by the names of filters. Raises Invalid for what cannot be, and for what is no filter."""
        unknown = [name for name in self.data if name not in self.filters and name not in BESIDE]
        problems = [
            Problem(name[:40], f"is no filter; use {listed(self.filters)}", tuple(self.filters)) for name in unknown
        ]
        for name, messages in self.form.errors.items():
            problems += (Problem(str(self.filters[name].label), str(message)) for message in messages)
        if problems:
            raise Invalid(problems)
        return {name: value for name, value in self.form.cleaned_data.items() if value}

    def rules(self) -> list[Rule]:
        """All of which are to be met. Raises Invalid."""
        return [_RULES[name](value) for name, value in self.chosen.items()]


def _has(reference: str) -> Callable[[str], Rule]:
    known = Condition(reference, "is_known")
    return lambda answer: known if answer == "yes" else Not(known)


_TEMPORARY = Condition("isTemporary", "is", True)

# A trashed contact is in no audience, so that its state is none of these: see segments/admin/contact_list.py.
_RULES: dict[str, Callable[[Any], Rule]] = {
    "state": lambda state: _TEMPORARY if state == Status.TEMPORARY else Not(_TEMPORARY),
    "tag": lambda tag: Condition("tags", "includes", tag),
    "segment": lambda segment: InSegment(segment.pk),
    "since": lambda day: Condition("createdAt", "at_or_after", str(day)),
    "until": lambda day: Condition("createdAt", "at_or_before", str(day)),
    "email": _has("email"),
    "phone": _has("phone"),
}


@dataclass(frozen=True)
class Word:
    """A filter that is on, in words, and the query of the same list without it."""

    label: str
    value: str
    without: str


def words(filters: ContactFilters, query: QueryDict) -> list[Word]:
    """Raises Invalid."""
    return [
        Word(str(filters.filters[name].label), _said(filters, name, value), without(query, name))
        for name, value in filters.chosen.items()
    ]


def without(query: QueryDict, *names: str) -> str:
    """The query of a list without some of its filters, from its first page on."""
    left = query.copy()
    for name in (*names, "older", "newer", "format"):
        left.pop(name, None)
    return left.urlencode()


def _said(filters: ContactFilters, name: str, value: Any) -> str:
    choices = dict(filters.filters[name].extra.get("choices", ()))
    return day_in_words(value) if isinstance(value, date) else str(choices.get(value, value))
