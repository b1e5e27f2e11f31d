"""How Tiledesk's lists are asked for by pages and in order: those of segments and those of leads."""

from collections.abc import Mapping

from segments.dialects.dialect import Listing
from workspaces.limits import number
from workspaces.problems import Invalid, Problem, listed

USUAL_LIMIT, HIGHEST_LIMIT = 40, 1_000
_DIRECTIONS = {"1": False, "asc": False, "-1": True, "desc": True}


def read(
    query: Mapping[str, str],
    sorts: Mapping[str, str],
    usual: int = USUAL_LIMIT,
    highest: int = HIGHEST_LIMIT,
) -> Listing:
    """page (from 0), limit, sort or sortField, direction; the newest first if nothing is said. Raises Invalid."""
    problems: list[Problem] = []
    limit = _number(query, "limit", usual, problems)
    page = _number(query, "page", 0, problems)
    sort, direction = query.get("sort") or query.get("sortField") or "createdAt", query.get("direction") or "-1"
    if sort not in sorts:
        problems.append(Problem("sort", f"is {sort!r}; use {listed(sorts)}", tuple(sorts)))
    if direction not in _DIRECTIONS:
        problems.append(Problem("direction", f"is {direction!r}; use {listed(_DIRECTIONS)}", tuple(_DIRECTIONS)))
    if problems:
        raise Invalid(problems)
    limit = min(limit or highest, highest)
    return Listing(sorts[sort], _DIRECTIONS[direction], page * limit, limit)


def _number(query: Mapping[str, str], name: str, usual: int, problems: list[Problem]) -> int:
    text = query.get(name) or str(usual)
    if (found := number(text)) is not None:
        return found
    problems.append(Problem(name, f"is {text!r}; use a whole number, 0 or more"))
    return usual
