"""The one door from a rule to people: how many, who, page by page, what they have in common, what sets them apart."""

import functools
import itertools
import operator
from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import polars as pl
from pyroaring import BitMap64

from contacts.columnar import facets, snapshot
from contacts.columnar.columns import ID
from contacts.columnar.extract import Ids
from contacts.columnar.facets import Facets, Histogram
from contacts.columnar.snapshot import Layer
from contacts.models import Contact, Status
from contacts.schema import Schema
from segments.engine import offset_pages, word_search
from segments.engine.evaluation import Read, evaluate, met_among
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.check import check, find_property
from segments.rules.tree import All, Any, Rule, referred
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

Place = TypeVar("Place")


@dataclass(frozen=True)
class Audience:
    """Who is in, at one moment. A layer's mask is true for those who are in; of its hidden rows it says nothing."""

    workspace: Workspace
    layers: list[tuple[Layer, pl.Series]]
    now: int  # the moment, in milliseconds UTC; give it back to see the same people on the next page
    people: int  # everybody in the workspace
    schema: Schema

    @property
    def count(self) -> int:
        return sum(_size(layer, mask) for layer, mask in self.layers)

    def ids(self) -> BitMap64:
        found = BitMap64()
        for layer, mask in self.layers:
            for start in range(0, len(mask), _STRIDE):  # an array of them all would be far larger than the set
                found |= BitMap64(array("Q", _part(layer, mask, start, start + _STRIDE).tobytes()))
        return found

    def page(self, limit: int, after: int = 0, before: int | None = None) -> list[Contact]:
        """The next members behind `after`, or with `before` the last in front of it; ascending, at most `limit`."""
        if before is None:
            return [contact for _, contact in self.present(limit, after, self.after, int)]
        return [contact for _, contact in self.present(limit, before, self.before, int, backwards=True)]

    def present(
        self,
        limit: int,
        start: Place,
        beyond: Callable[[Place, int], list[Place]],
        id_at: Callable[[Place], int],
        *,
        backwards: bool = False,
    ) -> list[tuple[Place, Contact]]:
        """The members whom `beyond` finds behind a place, or backwards in front of it, and where each stands.

        Somebody deleted since the audience was read is left out and the next one taken: fewer than `limit` are all.
        """
        found: list[tuple[Place, Contact]] = []
        while len(found) < limit and (places := beyond(start, limit - len(found))):
            held = self._held([id_at(place) for place in places])
            still_there = [(place, held[id_at(place)]) for place in places if id_at(place) in held]
            found = still_there + found if backwards else found + still_there
            start = places[0] if backwards else places[-1]
        return found

    def _held(self, ids: Collection[int]) -> dict[int, Contact]:
        return self.workspace.contacts.exclude(lifecycle=Status.TRASHED).in_bulk(ids)

    def after(self, contact_id: int, limit: int) -> list[int]:
        """The ids of the first members behind this one, at most `limit`, ascending."""
        found = [_first(layer, mask, contact_id, limit) for layer, mask in self.layers]
        return sorted(id_ for ids in found for id_ in ids)[:limit]

    def before(self, contact_id: int, limit: int) -> list[int]:
        """The ids of the last members in front of this one, at most `limit`, ascending."""
        found = [_last(layer, mask, contact_id, limit) for layer, mask in self.layers]
        return sorted(id_ for ids in found for id_ in ids)[-limit:]

    def count_behind(self, contact_id: int) -> int:
        """How many members have a higher id than this one."""
        return sum(_count_behind(layer, mask, contact_id) for layer, mask in self.layers)

    def sample(self, size: int = 10, seed: int = 0) -> list[Contact]:
        """Members picked at random, in order of id: the same ones for the same seed and people."""
        ids = self.some(size, seed).tolist()
        held = self._held(ids)
        return [held[id_] for id_ in ids if id_ in held]

    def some(self, size: int, seed: int = 0) -> Ids:
        """The ids of members picked at random, ascending."""
        members = np.concatenate([_NOBODY, *(_part(layer, mask, 0, len(mask)) for layer, mask in self.layers)])
        return np.sort(np.random.default_rng(seed).choice(members, min(size, len(members)), replace=False))

    def known(self, reference: str) -> int:
        """How many members have a value of a property. It must be one of those read with the audience."""
        return facets.known(self.layers, find_property(self.schema, reference))

    def facets(self, reference: str, limit: int = 20, containing: str = "") -> Facets:
        """The most frequent values of a property among the members. It must be one of those read with the audience."""
        type_ = find_property(self.schema, reference)
        return facets.facets(self.workspace.pk, self.layers, type_, self.schema.zone, limit, containing)

    def histogram(self, reference: str, most_bins: int = 20) -> Histogram:
        """How a number or date is spread among the members. It must be one of those read with the audience."""
        return facets.histogram(self.layers, find_property(self.schema, reference), self.schema.zone, most_bins)

    def ordered(
        self, reference: str = "", start: int = 0, limit: int | None = None, *, descending: bool = False
    ) -> Ids:
        """Ids of the members in order of a property that was read with the audience; if none is named, of id.

        Those without a value come as if it were the lowest; those with equal ones by id.
        """
        columns = [ID, *filter(None, [reference])]
        parts = [layer.frame.select(columns).filter(mask) for layer, mask in facets.visible(self.layers)]
        return offset_pages.ids(parts, start, limit, descending=descending)

    def with_words(self, words: Sequence[str], references: Sequence[str]) -> "Audience":
        """Those in whose texts all of these words occur. The properties must be ones that were read with it."""
        return self._with(word_search.found(layer, mask, words, references) for layer, mask in self.layers)

    def where(self, rule: Rule) -> "Audience":
        """Those who meet a rule too, sought among the members alone. Its properties must have been read with them.

        Raises Invalid, also where it names a segment.
        """
        checked = check(rule, self.schema)
        if named := next(referred(rule), None):
            raise Invalid([Problem(named.at, "a segment cannot be sought among the members alone")])
        return self._with(met_among(layer, mask, checked, self.now) for layer, mask in self.layers)

    def __and__(self, other: "Audience") -> "Audience":
        """Those who are in both. The two must come from one call of `several`, and so from one moment."""
        return self._with(left & right for left, right in self._pairs(other))

    def __or__(self, other: "Audience") -> "Audience":
        return self._with(left | right for left, right in self._pairs(other))

    def __sub__(self, other: "Audience") -> "Audience":
        return self._with(left & ~right for left, right in self._pairs(other))

    def _pairs(self, other: "Audience") -> Iterable[tuple[pl.Series, pl.Series]]:
        pairs = zip(self.layers, other.layers, strict=True)
        return ((mine, theirs) for (_, mine), (_, theirs) in pairs)

    def _with(self, masks: Iterable[pl.Series]) -> "Audience":
        layers = [(layer, mask) for (layer, _), mask in zip(self.layers, masks, strict=True)]
        return replace(self, layers=layers)


_STRIDE = 65_536
_NOBODY: Ids = np.empty(0, dtype=np.int64)


def _size(layer: Layer, mask: pl.Series) -> int:
    """How many members a layer has. `mask`: one boolean a row, here and below."""
    hidden = int(mask.gather(layer.hidden).sum()) if len(layer.hidden) else 0
    return int(mask.sum()) - hidden


def _part(layer: Layer, mask: pl.Series, start: int, end: int) -> Ids:
    """The ids of the members among these rows."""
    members = mask[start:end].to_numpy(writable=True)
    first, last = np.searchsorted(layer.hidden, (start, end))
    members[layer.hidden[first:last] - start] = False
    found: Ids = layer.ids[start:end][members]
    return found


def _first(layer: Layer, mask: pl.Series, contact_id: int, limit: int) -> list[int]:
    """The ids of the first members behind a contact, ascending."""
    found: list[int] = []
    for place in range(int(np.searchsorted(layer.ids, contact_id, side="right")), len(mask), _STRIDE):
        found += _part(layer, mask, place, place + _STRIDE)[: limit - len(found)].tolist()
        if len(found) == limit:
            break
    return found


def _last(layer: Layer, mask: pl.Series, contact_id: int, limit: int) -> list[int]:
    """The ids of the last members in front of a contact, ascending."""
    found: list[int] = []
    for place in range(int(np.searchsorted(layer.ids, contact_id, side="left")), 0, -_STRIDE):
        found = _part(layer, mask, max(place - _STRIDE, 0), place)[len(found) - limit :].tolist() + found
        if len(found) == limit:
            break
    return found


def _count_behind(layer: Layer, mask: pl.Series, contact_id: int) -> int:
    place = int(np.searchsorted(layer.ids, contact_id, side="right"))
    hidden = layer.hidden[np.searchsorted(layer.hidden, place) :]
    return int(mask[place:].sum()) - int(mask.gather(hidden).sum())


def of(segment: Segment, now: int | None = None, also: Collection[str] = ()) -> Audience:
    """Who is in a segment. `also`: properties to be read with it, for facets and histograms.

    Raises Invalid if its rule no longer fits the workspace, SnapshotBusy.
    """
    return several(segment.workspace, [RuleWithPins(segment.tree, segment)], now, also)[0]


def matching(workspace: Workspace, rule: Rule, now: int | None = None, also: Collection[str] = ()) -> Audience:
    """Who a rule finds, without any pins. Raises Invalid, SnapshotBusy."""
    return several(workspace, [RuleWithPins(rule)], now, also)[0]


def several(
    workspace: Workspace,
    wanted: Sequence[RuleWithPins],
    now: int | None = None,
    also: Collection[str] = (),
    read: Read = snapshot.read,
) -> list[Audience]:
    """Who each of these rules finds, all at one moment and in one pass. Raises Invalid, SnapshotBusy."""
    done = evaluate(workspace, wanted, now, also, read)
    reading = done.reading
    return [
        Audience(workspace, list(zip(reading.layers, masks, strict=True)), done.now, reading.people, reading.schema)
        for masks in done.masks
    ]


# --- comparing -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A condition of a rule: how many meet it alone, and how many it and those before it leave (all) or find (any)."""

    rule: Rule
    alone: int
    together: int


def steps(rule: Rule) -> tuple[Rule, ...]:
    """The conditions and groups that a rule joins with all or any; a rule that joins nothing is the only one."""
    return rule.rules if isinstance(rule, All | Any) and rule.rules else (rule,)


def funnel(rule: Rule, parts: Sequence[Audience]) -> list[Step]:
    """What each of a rule's `steps` does, in their order. `parts` are their audiences, from one call of `several`."""
    join = operator.or_ if isinstance(rule, Any) else operator.and_
    together = itertools.accumulate(parts, join)
    return [Step(step, alone.count, both.count) for step, alone, both in zip(steps(rule), parts, together, strict=True)]


@dataclass(frozen=True)
class Overlap:
    """Of several segments: `both[i][k]` people are in the i-th and the k-th (i = k: in that one), `union` in any."""

    both: list[list[int]]
    union: int


def overlap(audiences: Sequence[Audience]) -> Overlap:
    """`audiences` come from one call of `several`. In the i-th but not the k-th are both[i][i] - both[i][k]."""
    both = [[0] * len(audiences) for _ in audiences]
    for (i, one), (k, other) in itertools.combinations_with_replacement(enumerate(audiences), 2):
        both[i][k] = both[k][i] = one.count if i == k else (one & other).count
    return Overlap(both, functools.reduce(operator.or_, audiences).count if audiences else 0)


@dataclass(frozen=True)
class AudienceChange:
    """What replacing one rule by another does to an audience."""

    before: Audience
    after: Audience

    @property
    def added(self) -> Audience:
        return self.after - self.before

    @property
    def removed(self) -> Audience:
        return self.before - self.after


def change(segment: Segment, rule: Rule | None, now: int | None = None) -> AudienceChange:
    """What giving a segment another rule would do, its pins staying as they are. Raises Invalid, SnapshotBusy."""
    wanted = [RuleWithPins(segment.tree, segment), RuleWithPins(rule, segment)]
    return AudienceChange(*several(segment.workspace, wanted, now))
