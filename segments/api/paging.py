"""Read which page of a list of people a client asks for, and write that page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contacts import properties
from contacts.schema import Schema
from contacts.writing import documents
from segments.engine import keyset_pages
from segments.engine.audience import Audience
from segments.engine.cursors import Cursor
from segments.engine.keyset_pages import START, Key, Place
from workspaces import limits
from workspaces.problems import Invalid, Problem

MOST_KEYS = 5

Parameters = Mapping[str, Any]  # of a query, all of them texts, or of a body


@dataclass(frozen=True)
class Paging:
    """One page: in what order, and from where on."""

    limit: int
    order: Sequence[Key]
    after: Cursor | None
    before: Cursor | None

    @property
    def now(self) -> int | None:
        """The moment at which the walk began, in milliseconds UTC; none on its first page."""
        cursor = self.after or self.before
        return cursor.now if cursor else None

    @property
    def references(self) -> Collection[str]:
        """What has to be read with the people."""
        return {key.reference for key in self.order}

    def _check(self, schema: Schema) -> None:
        """Raises Invalid for an order or a cursor that the properties of the workspace do not bear."""
        keyset_pages.check(self.order, schema)
        for parameter, cursor in (("searchAfter", self.after), ("searchBefore", self.before)):
            if cursor:
                keyset_pages.check_place(_place(cursor), self.order, schema, parameter)

    def write(self, people: Audience) -> dict[str, Any]:
        """The page, the exact number of all, and the cursors to what comes next and came before. Raises Invalid."""
        known = all(people.schema.get(reference) for reference in self.references)
        self._check(people.schema if known else properties.schema(people.workspace))  # which knows more to suggest
        after = _place(self.after) if self.after else START
        before = _place(self.before) if self.before else None
        page = keyset_pages.page(people, self.order, self.limit, after, before)
        cursors = [
            Cursor(place.contact_id, people.now, _spelled(self.order), place.values).write() for place, _ in page
        ]
        return {
            "contacts": [documents.write(contact) for _, contact in page],
            "count": people.count,
            "searchAfter": cursors[-1] if cursors else None,
            "searchBefore": cursors[0] if cursors else None,
        }


def _place(cursor: Cursor) -> Place:
    return Place(cursor.contact_id, cursor.values)


def _spelled(order: Sequence[Key]) -> str:
    """What binds a cursor to its order."""
    return ",".join(f"{'-' if key.descending else ''}{key.reference}" for key in order)


def read_query(query: Parameters, usual_limit: int) -> Paging:
    """sort, order, limit and cursors. Raises Invalid."""
    problems: list[Problem] = []
    return read(query, usual_limit, _query_order(query, problems), problems)


def read(sent: Parameters, usual_limit: int, order: Sequence[Key] = (), problems: Sequence[Problem] = ()) -> Paging:
    """limit, searchAfter and searchBefore. Raises Invalid, with the `problems` that were found before."""
    problems = list(problems)
    limit = limits.read(sent.get("limit"), usual_limit, problems)
    after, before = (_cursor(sent, name, order, problems) for name in ("searchAfter", "searchBefore"))
    if after and before:
        problems.append(Problem("searchBefore", "use searchAfter or searchBefore, not both"))
    if problems:
        raise Invalid(problems)
    return Paging(limit, order, after, before)


def _cursor(sent: Parameters, name: str, order: Sequence[Key], problems: list[Problem]) -> Cursor | None:
    text = sent.get(name)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        problems.append(Problem(name, "is not a text"))
        return None
    try:
        return Cursor.read(text, name, _spelled(order))
    except Invalid as error:
        problems += error.problems
        return None


# --- sorting -------------------------------------------------------------------------------------------------------

_DIRECTIONS = {"asc": False, "desc": True, "dsc": True, "1": False, "-1": True}


def _query_order(query: Parameters, problems: list[Problem]) -> Sequence[Key]:
    """sort=createdAt and order=1 or -1; by time of creation where only the direction is given."""
    reference, direction = query.get("sort") or "", query.get("order") or ""
    if not (reference or direction):
        return ()
    descending = _descending(direction or "1", "order", problems)
    return (Key(reference or "createdAt", descending),)


def body_order(sent: Any, problems: list[Problem]) -> Sequence[Key]:
    """[{"property": "createdAt", "order": "asc"|"desc"|"dsc"}, ...], the first one first."""
    if sent is None:
        return ()
    if not isinstance(sent, list) or len(sent) > MOST_KEYS:
        problems.append(Problem("sort", f"give a list of up to {MOST_KEYS} objects with property and order"))
        return ()
    keys = (_key(each, f"sort[{place}]", problems) for place, each in enumerate(sent))
    return tuple(key for key in keys if key)


def _key(sent: Any, path: str, problems: list[Problem]) -> Key | None:
    if not isinstance(sent, dict) or not isinstance(sent.get("property"), str):
        problems.append(Problem(path, "is not an object with property and order"))
        return None
    direction = sent.get("order")
    descending = False if direction is None else _descending(direction, f"{path}.order", problems)
    return Key(sent["property"], descending, f"{path}.property")


def _descending(sent: Any, path: str, problems: list[Problem]) -> bool:
    direction = str(sent) if isinstance(sent, str | int) else ""
    if direction not in _DIRECTIONS:
        problems.append(Problem(path, f"is {sent!r}; use asc or desc, 1 or -1", tuple(_DIRECTIONS)))
    return _DIRECTIONS.get(direction, False)
