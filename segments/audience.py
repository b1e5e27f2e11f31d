"""The one door from a rule to people: how many, who, page by page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from pyroaring import BitMap64

from contacts import columns, snapshot
from contacts.models import Contact, Status
from contacts.refresh import Ids
from contacts.schema import Schema
from contacts.snapshot import Layer
from contacts.values import Kind, moment_of
from segments import references
from segments.models import Pin, PinKind, Segment
from segments.rules.check import Checked, check
from segments.rules.expression import expression, member_column
from segments.rules.tree import Rule, conditions
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem


@dataclass(frozen=True)
class Audience:
    """Who is in, at one moment. A layer's mask is true for those who are in; of its hidden rows it says nothing."""

    workspace: Workspace
    layers: list[tuple[Layer, pl.Series]]
    now: int  # the moment, in milliseconds UTC; give it back to see the same people on the next page
    people: int  # everybody in the workspace

    @property
    def count(self) -> int:
        return sum(int(mask.sum()) - int(mask.gather(layer.hidden).sum()) for layer, mask in self.layers)

    def ids(self) -> BitMap64:
        found = BitMap64()
        for layer, mask in self.layers:
            found |= BitMap64(_part(layer, mask, 0, len(mask)).tolist())
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
        found = [_first(layer, mask, contact_id, limit) for layer, mask in self.layers]
        return sorted(id_ for ids in found for id_ in ids)[:limit]

    def before(self, contact_id: int, limit: int) -> list[int]:
        """The ids of the last members in front of this one, at most `limit`, ascending."""
        found = [_last(layer, mask, contact_id, limit) for layer, mask in self.layers]
        return sorted(id_ for ids in found for id_ in ids)[-limit:]


_STRIDE = 65_536


def _part(layer: Layer, mask: pl.Series, start: int, end: int) -> Ids:
    """The ids of the members among these rows."""
    members = mask[start:end].to_numpy(writable=True)
    first, last = np.searchsorted(layer.hidden, (start, end))
    members[layer.hidden[first:last] - start] = False
    found: Ids = layer.ids[start:end][members]
    return found


def _first(layer: Layer, mask: pl.Series, contact_id: int, limit: int) -> list[int]:
    found: list[int] = []
    for place in range(int(np.searchsorted(layer.ids, contact_id, side="right")), len(mask), _STRIDE):
        found += _part(layer, mask, place, place + _STRIDE)[: limit - len(found)].tolist()
        if len(found) == limit:
            break
    return found


def _last(layer: Layer, mask: pl.Series, contact_id: int, limit: int) -> list[int]:
    found: list[int] = []
    for place in range(int(np.searchsorted(layer.ids, contact_id, side="left")), 0, -_STRIDE):
        found = _part(layer, mask, max(place - _STRIDE, 0), place)[len(found) - limit :].tolist() + found
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

    def mask(self, layer: Layer, frame: pl.DataFrame, now: int) -> pl.Series:
        """True in the rows of members."""
        if self.rule is None:
            mask = pl.repeat(False, len(frame), eager=True)
        else:
            met = expression(self.rule, now, lambda held: _vocabulary(frame[held.reference], held.kind))
            mask = nw.from_native(frame).select(met.alias("met")).to_native()["met"]
        for pinned, is_in in ((self.included, True), (self.excluded, False)):
            if len(places := snapshot.positions(layer.ids, pinned)):
                mask = mask.scatter(places, is_in)
        return mask


def _mask(layer: Layer, helpers: Mapping[str, _Members], wanted: _Members, now: int) -> pl.Series:
    frame = layer.frame
    for segment, members in helpers.items():
        frame = frame.with_columns(members.mask(layer, frame, now).alias(member_column(segment)))
    return wanted.mask(layer, frame, now)


def _vocabulary(column: pl.Series, kind: Kind) -> tuple[nw.Series, list[str]] | None:
    if not isinstance(column.dtype, pl.Enum):
        return None
    categories = column.dtype.categories
    held = columns.values(categories, kind).alias(column.name)
    return nw.from_native(held, series_only=True), categories.to_list()
