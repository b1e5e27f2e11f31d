"""The one door from a rule to people: how many, who, page by page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyroaring import BitMap64

from contacts import snapshot
from contacts.models import Contact, Status
from contacts.refresh import Ids
from contacts.schema import Schema
from contacts.snapshot import Layer
from contacts.values import moment_of
from segments import references
from segments.models import Pin, PinKind, Segment
from segments.rules.check import Checked, check
from segments.rules.expression import expression, member_column
from segments.rules.tree import Rule, conditions
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Audience:
    """Who is in, at one moment. Each layer's mask is true for the people in it who are in the audience."""

    workspace: Workspace
    layers: list[tuple[Layer, Mask]]
    now: int  # the moment, in milliseconds UTC; give it back to see the same people on the next page
    people: int  # everybody in the workspace

    @property
    def count(self) -> int:
        return sum(int(np.count_nonzero(mask)) for _, mask in self.layers)

    def ids(self) -> BitMap64:
        found = BitMap64()
        for layer, mask in self.layers:
            found |= BitMap64(layer.ids[mask].tolist())
        return found

    def page(self, limit: int, after: int = 0, before: int | None = None) -> list[Contact]:
        """The next members behind `after`, or with `before` the last ones in front of it; ascending, at most `limit`.

        Somebody deleted since the audience was read is left out and the next one taken: a short page is the last.
        """
        found: list[Contact] = []
        while len(found) < limit:
            missing = limit - len(found)
            ids = self.after(after, missing) if before is None else self.before(before, missing)
            if not ids:
                break
            held = self.workspace.contacts.exclude(lifecycle=Status.TRASHED).in_bulk(ids)
            still_there = [held[id_] for id_ in ids if id_ in held]
            if before is None:
                found, after = found + still_there, ids[-1]
            else:
                found, before = still_there + found, ids[0]
        return found

    def after(self, contact_id: int, limit: int) -> list[int]:
        """The ids of the first members behind this one, at most `limit`, ascending."""
        found = [
            _first(layer.ids, mask, int(np.searchsorted(layer.ids, contact_id, side="right")), limit)
            for layer, mask in self.layers
        ]
        return sorted(id_ for ids in found for id_ in ids)[:limit]

    def before(self, contact_id: int, limit: int) -> list[int]:
        """The ids of the last members in front of this one, at most `limit`, ascending."""
        found = [
            _last(layer.ids, mask, int(np.searchsorted(layer.ids, contact_id, side="left")), limit)
            for layer, mask in self.layers
        ]
        return sorted(id_ for ids in found for id_ in ids)[-limit:]


_STRIDE = 65_536


def _first(ids: Ids, mask: Mask, start: int, limit: int) -> list[int]:
    found: list[int] = []
    for place in range(start, len(ids), _STRIDE):
        found += ids[place : place + _STRIDE][mask[place : place + _STRIDE]][: limit - len(found)].tolist()
        if len(found) == limit:
            break
    return found


def _last(ids: Ids, mask: Mask, end: int, limit: int) -> list[int]:
    found: list[int] = []
    for place in range(end, 0, -_STRIDE):
        part = slice(max(place - _STRIDE, 0), place)
        found = ids[part][mask[part]][len(found) - limit :].tolist() + found
        if len(found) == limit:
            break
    return found


def of(segment: Segment, now: int | None = None) -> Audience:
    """Who is in a segment. Raises Invalid if its rule no longer fits the workspace, SnapshotBusy."""
    return _evaluate(segment.workspace, segment.tree, segment, now)


def matching(workspace: Workspace, rule: Rule, now: int | None = None) -> Audience:
    """Who a rule finds, without any pins. Raises Invalid, SnapshotBusy."""
    return _evaluate(workspace, rule, None, now)


def _evaluate(workspace: Workspace, rule: Rule | None, segment: Segment | None, now: int | None) -> Audience:
    needed = references.in_order(workspace, rule, segment)
    trees = {each.pk: each.tree for each in needed}
    named = {condition.property for tree in [rule, *trees.values()] if tree for condition in conditions(tree)}
    reading = snapshot.read(workspace, named)
    moment = reading.now if now is None else now
    pins = _pins([*needed, segment] if segment else needed, moment)
    helpers = {pk: _Members(_checked(tree, reading.schema, pk), *pins[pk]) for pk, tree in trees.items()}
    wanted = _Members(_checked(rule, reading.schema), *(pins[segment.pk] if segment else (_NOBODY, _NOBODY)))
    layers = [(layer, _mask(layer, helpers, wanted, moment)) for layer in reading.layers]
    return Audience(workspace, layers, moment, reading.people)


def _checked(rule: Rule | None, schema: Schema, segment: str = "") -> Checked | None:
    """Raises Invalid; for a rule inside another the problems name the segment that has it."""
    try:
        return None if rule is None else check(rule, schema)
    except Invalid as error:
        if not segment:
            raise
        raise Invalid(Problem(f"segment {segment}: {each.path}", each.message) for each in error.problems) from None


_NOBODY: Ids = np.empty(0, dtype=np.int64)


def _pins(segments: Iterable[Segment], moment: int) -> dict[str, tuple[Ids, Ids]]:
    """Who is pinned in and who out of each segment at a moment, ascending."""
    held = {each.pk: (_bitmap(each.included), _bitmap(each.excluded)) for each in segments}
    if not held:
        return {}
    expiring = Pin.objects.order_by().filter(segment__in=held, expires_at__gt=moment_of(moment))
    for segment, contact, kind in expiring.values_list("segment_id", "contact_id", "kind"):
        held[segment][kind == PinKind.EXCLUDED].add(contact)
    return {pk: (_ascending(included), _ascending(excluded)) for pk, (included, excluded) in held.items()}


def _bitmap(data: bytes | memoryview) -> BitMap64:
    return BitMap64.deserialize(bytes(data)) if data else BitMap64()


def _ascending(ids: BitMap64) -> Ids:
    return np.array(ids, dtype=np.int64) if ids else _NOBODY


@dataclass(frozen=True)
class _Members:
    """What decides who is in a segment: people = (rule or included) minus excluded."""

    rule: Checked | None
    included: Ids
    excluded: Ids

    def mask(self, layer: Layer, frame: pl.DataFrame, now: int) -> Mask:
        """True in the rows of members; hidden rows are not taken away yet."""
        mask = np.zeros(len(frame), dtype=np.bool_)
        if self.rule is not None:
            met = expression(self.rule, now, lambda name: _vocabulary(frame[name]))
            mask = nw.from_native(frame).select(met.alias("met")).to_native()["met"].to_numpy(writable=True)
        mask[snapshot.positions(layer.ids, self.included)] = True
        mask[snapshot.positions(layer.ids, self.excluded)] = False
        return mask


def _mask(layer: Layer, helpers: Mapping[str, _Members], wanted: _Members, now: int) -> Mask:
    frame = layer.frame
    for segment, members in helpers.items():
        frame = frame.with_columns(pl.Series(member_column(segment), members.mask(layer, frame, now)))
    mask = wanted.mask(layer, frame, now)
    mask[layer.hidden] = False
    return mask


def _vocabulary(column: pl.Series) -> nw.Series | None:
    if not isinstance(column.dtype, pl.Enum):
        return None
    return nw.from_native(column.dtype.categories.alias(column.name), series_only=True)
