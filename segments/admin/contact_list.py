"""One page of a workspace's contacts, the newest first: what the admin lists, and who that is all in all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from contacts.columnar.busy import SnapshotBusy
from contacts.models import Contact, Status
from contacts.search_terms import id_of, meant
from contacts.values import milliseconds
from segments.admin.contact_filters import ContactFilters
from segments.engine import contact_search
from segments.engine.audience import Audience
from segments.engine.cursors import Cursor
from segments.references import RuleWithPins
from segments.rules.tree import All, Rule
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

PAGE = 50  # contacts
MOST_COUNTED = 10_000  # where PostgreSQL has to count
_END = 2**63 - 1  # behind every contact


@dataclass(frozen=True)
class Page:
    """`count`: of all that are listed, or MOST_COUNTED and `more`; `place`: of the first one here, where it is known.

    `older` and `newer` are cursors, "" where there is nobody.
    """

    contacts: list[Contact]
    count: int
    more: bool = False
    place: int | None = None
    older: str = ""
    newer: str = ""
    by_id: bool = False  # somebody found by their own id, whom no rule of these words finds

    @property
    def last_place(self) -> int | None:
        return self.place and self.place + len(self.contacts) - 1


@dataclass(frozen=True)
class Asked:
    """Which contacts somebody wants to see, as the address says it."""

    workspace: Workspace
    query: Mapping[str, str]

    @cached_property
    def filters(self) -> ContactFilters:
        return ContactFilters(self.query, self.workspace)

    @property
    def text(self) -> str:
        return self.query.get("q", "").strip()

    @property
    def is_narrowed(self) -> bool:
        """Raises Invalid."""
        return bool(self.text or self.filters.chosen)

    @property
    def is_trash(self) -> bool:
        """Trashed contacts are in no audience, so the engine does not know them. Raises Invalid."""
        return self.filters.chosen.get("state") == Status.TRASHED

    def rule(self) -> Rule:
        """Raises Invalid."""
        if self.is_trash:
            raise Invalid([Problem("State", "trashed people are in no segment and in no export")])
        words = contact_search.containing(self.text, "Search")
        return All((*self.filters.rules(), *words.rules))

    def people(self) -> Audience:
        """Raises Invalid, SnapshotBusy."""
        if self.is_trash:
            raise Invalid([Problem("State", "trashed people are in no segment and in no export")])
        cursor = self.older or self.newer
        wanted = RuleWithPins(All(tuple(self.filters.rules())))
        return contact_search.found(self.workspace, self.text, wanted, cursor.now if cursor else None, "Search")

    @cached_property
    def older(self) -> Cursor | None:
        return self._cursor("older")

    @cached_property
    def newer(self) -> Cursor | None:
        return None if self.older else self._cursor("newer")

    def _cursor(self, name: str) -> Cursor | None:
        return Cursor.read(self.query[name], name) if self.query.get(name) else None


def page(asked: Asked) -> Page:
    """Raises Invalid, SnapshotBusy."""
    contacts = asked.workspace.contacts.all()
    if asked.is_trash:
        return _of_table(_trashed(contacts, asked), asked)
    try:
        people = asked.people()
    except SnapshotBusy:
        if asked.is_narrowed:
            raise
        return _of_table(contacts.exclude(lifecycle=Status.TRASHED), asked)
    if not people.count and (pk := id_of(asked.text)) and not asked.filters.chosen:
        return replace(_of_table(contacts.filter(pk=pk), asked), by_id=True)
    return _of_audience(people, asked)


def _trashed(contacts: QuerySet[Contact], asked: Asked) -> QuerySet[Contact]:
    """Raises Invalid."""
    if others := asked.filters.chosen.keys() - {"state"}:
        labels = [str(asked.filters.filters[name].label) for name in asked.filters.filters if name in others]
        raise Invalid([Problem(label, "is not known of people who are trashed; remove it") for label in labels])
    found = meant(asked.text) if asked.text else Q()
    return contacts.alias(lowered=Lower("email")).filter(found, lifecycle=Status.TRASHED)


# --- paging --------------------------------------------------------------------------------------------------------

Turn = Callable[[int], list[Contact]]  # the contacts of the page on one side of an id, the newest first


def _turned(asked: Asked, in_front: Turn, behind: Turn) -> list[Contact]:
    """The page that is asked for; the first one instead of one that is not full at the top, or has nobody left."""
    found: list[Contact] = []
    if asked.older:
        found = in_front(asked.older.contact_id)
    elif asked.newer:
        found = behind(asked.newer.contact_id)
        found = found if len(found) == PAGE else []
    return found or in_front(_END)


def _of_audience(people: Audience, asked: Asked) -> Page:
    contacts = _turned(
        asked, lambda pk: people.page(PAGE, before=pk)[::-1], lambda pk: people.page(PAGE, after=pk)[::-1]
    )
    if not contacts:
        return Page([], people.count)
    first, last = contacts[0].pk, contacts[-1].pk
    before = people.count_behind(first)
    return Page(
        contacts,
        people.count,
        place=before + 1,
        older=Cursor(last, people.now).write() if people.before(last, 1) else "",
        newer=Cursor(first, people.now).write() if before else "",
    )


def _of_table(found: QuerySet[Contact], asked: Asked) -> Page:
    contacts = _turned(
        asked,
        lambda pk: list(found.filter(pk__lt=pk).order_by("-pk")[:PAGE]),
        lambda pk: list(found.filter(pk__gt=pk).order_by("pk")[:PAGE])[::-1],
    )
    if not contacts:
        return Page([], 0)
    count = found.order_by()[: MOST_COUNTED + 1].count()
    first, last, now = contacts[0].pk, contacts[-1].pk, milliseconds(timezone.now())
    return Page(
        contacts,
        min(count, MOST_COUNTED),
        more=count > MOST_COUNTED,
        older=Cursor(last, now).write() if found.filter(pk__lt=last).exists() else "",
        newer=Cursor(first, now).write() if found.filter(pk__gt=first).exists() else "",
    )


# --- suggesting ----------------------------------------------------------------------------------------------------

MOST_SUGGESTED = 20
MOST_SEARCHED = 20  # workspaces


def suggested(held: QuerySet[Workspace], text: str) -> list[int]:
    """The ids of a few contacts of these workspaces whom somebody may mean: no count, and no scan of the table.

    In more workspaces than a few only whole external ids and the beginnings of e-mail addresses are sought.
    """
    found: list[int] = []
    for workspace in held[:MOST_SEARCHED]:
        try:
            found += contact_search.found(workspace, text, RuleWithPins(All())).after(0, MOST_SUGGESTED - len(found))
        except (Invalid, SnapshotBusy):
            continue  # an index still finds them
        if len(found) == MOST_SUGGESTED:
            break
    return found
