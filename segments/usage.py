"""Say which live segments a change would break, and which would break with them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from segments.models import Segment
from segments.rules.tree import Rule, referred
from workspaces.locks import lock
from workspaces.problems import Invalid, Problem


@dataclass(frozen=True)
class Broken:
    """A segment that a change would break, and how. One whose rule nobody can read might break, for all we know."""

    id: str
    name: str
    problems: tuple[Problem, ...]
    readable: bool = True

    def as_json(self) -> dict[str, Any]:
        return {"_id": self.id, "name": self.name, "problems": [each.as_json() for each in self.problems]}

    def __str__(self) -> str:
        return f"segment {self.name} ({self.id}): {'; '.join(map(str, self.problems))}"


def broken(workspace_id: str, problems_of: Callable[[Segment, Rule], Iterable[Problem]]) -> list[Broken]:
    """The live segments for which there are problems, those that name one of them as a segment, and so on.

    Takes the lock of drafts: until the transaction ends, no other segment comes to be concerned.
    """
    lock("segments", workspace_id)
    found: dict[str, Broken] = {}
    rules: list[tuple[Segment, Rule]] = []
    for segment in Segment.objects.live().filter(workspace=workspace_id, rule__isnull=False):
        try:
            rule = segment.tree
        except Invalid as error:
            found[segment.pk] = _unreadable(segment, error)
            continue
        if rule is not None:
            rules.append((segment, rule))
            if problems := tuple(problems_of(segment, rule)):
                found[segment.pk] = Broken(segment.pk, segment.name, problems)
    return _with_dependants(found, rules)


def users(segment: Segment) -> list[Broken]:
    """The live segments whose rule needs this one, directly or not, or might need it: nobody can read it."""

    def problems_of(other: Segment, rule: Rule) -> list[Problem]:
        return [Problem(each.at, f"uses {segment.name}") for each in referred(rule) if each.segment == segment.pk]

    return [each for each in broken(segment.workspace_id, problems_of) if each.id != segment.pk]


def named_by(segment: Segment) -> list[Segment]:
    """The live segments whose rule names this one itself, by name. For looking at: it takes no lock."""
    named = _named(segment)
    return [other for other, names in named.items() if segment.pk in names]


def circles(segment: Segment) -> dict[str, str]:
    """The live segments that need this one, directly or not, by id, and the circle that naming each would make.

    Like "VIP → Active → VIP". For looking at: it takes no lock.
    """
    chains, named = {segment.pk: segment.name}, _named(segment)
    while more := {
        other.pk: f"{other.name} → {chains[needed]}"
        for other, names in named.items()
        if other.pk not in chains and (needed := next(iter(names & chains.keys()), None))
    }:
        chains |= more
    return {pk: f"{segment.name} → {chain}" for pk, chain in chains.items() if pk != segment.pk}


def _named(segment: Segment) -> dict[Segment, set[str]]:
    """The live segments of its workspace, by name, and the ids that each one's rule names.

    Kept with the segment: its page asks three times.
    """
    kept = vars(segment)
    if "named" not in kept:
        kept["named"] = dict(_read_names(segment))
    return cast(dict[Segment, set[str]], kept["named"])


def _read_names(segment: Segment) -> Iterator[tuple[Segment, set[str]]]:
    live = segment.workspace.segments.live().defer("document", "included", "excluded")
    for other in live.filter(rule__isnull=False).order_by("name", "id"):
        with suppress(Invalid):  # one that nobody can read says so itself
            yield other, {each.segment for each in referred(other.tree)}


def _unreadable(segment: Segment, error: Invalid) -> Broken:
    why = (
        Problem(each.path, f"nobody can read its rule, change or delete it first: {each}") for each in error.problems
    )
    return Broken(segment.pk, segment.name, tuple(why), readable=False)


def _with_dependants(found: dict[str, Broken], rules: list[tuple[Segment, Rule]]) -> list[Broken]:
    while more := {
        segment.pk: Broken(segment.pk, segment.name, problems)
        for segment, rule in rules
        if segment.pk not in found and (problems := tuple(_lost(rule, found)))
    }:
        found |= more
    return list(found.values())


def _lost(rule: Rule, found: dict[str, Broken]) -> Iterable[Problem]:
    for reference in referred(rule):
        lost = found.get(reference.segment)
        if lost and lost.readable:
            yield Problem(reference.at, f"is being in segment {lost.name}, which would break")
