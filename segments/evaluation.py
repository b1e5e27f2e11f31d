"""Evaluate rules over the people of a workspace: for each rule a mask, all of them at one moment and in one pass."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from pyroaring import BitMap64

from contacts import columns, snapshot
from contacts.refresh import Ids
from contacts.schema import PropertyType, Schema
from contacts.snapshot import Layer, Reading
from contacts.values import Kind, moment_of
from segments import references
from segments.models import Pin, PinKind, Segment
from segments.references import Wanted
from segments.rules.check import Checked, Test, check
from segments.rules.expression import Shortcuts, expression, member_column
from segments.rules.tree import Rule, conditions
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

Read = Callable[[Workspace, Collection[str]], Reading]


@dataclass(frozen=True)
class Evaluation:
    """Who is in, for each of several rules. `masks[i][k]` belongs to the i-th rule and the k-th layer.

    A mask is true for those who are in; of a layer's hidden rows it says nothing.
    """

    reading: Reading
    now: int  # the moment, in milliseconds UTC
    masks: list[list[pl.Series]]


def evaluate(
    workspace: Workspace,
    wanted: Sequence[Wanted],
    now: int | None = None,
    also: Collection[str] = (),
    read: Read = snapshot.read,
) -> Evaluation:
    """`also`: references of further properties that the layers are to hold; `read`: where the people come from.

    Raises Invalid if a rule does not fit the workspace, SnapshotBusy.
    """
    needed = references.in_order(workspace, wanted)
    trees = {each.pk: each.tree for each in needed}
    rules = [*trees.values(), *(each.rule for each in wanted)]
    named = {condition.property for rule in rules if rule for condition in conditions(rule)}
    reading = read(workspace, named | set(also))
    moment = reading.now if now is None else now
    pins = _pins([*needed, *(each.segment for each in wanted if each.segment)], moment)
    helpers = {pk: _Members(_checked(tree, reading.schema, pk), *pins[pk]) for pk, tree in trees.items()}
    people = [
        _Members(_checked(each.rule, reading.schema), *(pins[each.segment.pk] if each.segment else _NO_PINS))
        for each in wanted
    ]
    by_layer = [_masks(layer, helpers, people, moment) for layer in reading.layers]
    return Evaluation(reading, moment, [[masks[place] for masks in by_layer] for place in range(len(wanted))])


def _checked(rule: Rule | None, schema: Schema, segment: str = "") -> Checked | None:
    """Raises Invalid; for a rule inside another the problems name the segment that has it."""
    try:
        return None if rule is None else check(rule, schema)
    except Invalid as error:
        if not segment:
            raise
        raise Invalid(Problem(f"segment {segment}: {each.path}", each.message) for each in error.problems) from None


_NOBODY: Ids = np.empty(0, dtype=np.int64)
_NO_PINS = _NOBODY, _NOBODY


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

    def pinned(self, layer: Layer, mask: pl.Series) -> pl.Series:
        """The rule's mask with those who are pinned."""
        for ids, is_in in ((self.included, True), (self.excluded, False)):
            if len(places := snapshot.positions(layer.ids, ids)):
                mask = mask.scatter(places, is_in)
        return mask


def _masks(layer: Layer, helpers: Mapping[str, _Members], wanted: Sequence[_Members], now: int) -> list[pl.Series]:
    frame = layer.frame
    for segment, members in helpers.items():  # each once, behind those that it refers to
        (mask,) = _met(layer, frame, [members], now)
        frame = frame.with_columns(mask.alias(member_column(segment)))
    return _met(layer, frame, wanted, now)


def _met(layer: Layer, frame: pl.DataFrame, wanted: Sequence[_Members], now: int) -> list[pl.Series]:
    shortcuts = _Shortcuts(layer)
    rules = {
        str(place): expression(members.rule, now, shortcuts)
        for place, members in enumerate(wanted)
        if members.rule is not None
    }
    met = _columns(frame.with_columns(shortcuts.answers), rules)
    masks = (met[str(place)] if str(place) in rules else _nobody(frame) for place in range(len(wanted)))
    return [members.pinned(layer, mask) for members, mask in zip(wanted, masks, strict=True)]


_WORTH_PICKING = 5  # to pick one person in so few takes longer than to look at everybody


def met_among(layer: Layer, mask: pl.Series, rule: Checked, now: int) -> pl.Series:
    """The mask of those of its people who meet a rule too: only they are looked at, unless they are many."""
    places = mask.arg_true()
    if len(places) * _WORTH_PICKING > len(mask):
        return mask & _met(layer, layer.frame, [_Members(rule, *_NO_PINS)], now)[0]
    frame = layer.frame.select(pl.all().gather(places))
    met = _columns(frame, {"met": expression(rule, now, _Vocabularies(layer))})["met"]
    return _nobody(layer.frame).scatter(places.filter(met), True)


def _columns(frame: pl.DataFrame, rules: Mapping[str, nw.Expr]) -> pl.DataFrame:
    """A column for each rule."""
    if len(rules) == 1:
        return nw.from_native(frame).select(**rules).to_native()
    # Lazily, so that a condition which several rules share is evaluated once.
    return nw.from_native(frame.lazy()).select(**rules).collect().to_native() if rules else pl.DataFrame()


def _nobody(frame: pl.DataFrame) -> pl.Series:
    return pl.repeat(False, len(frame), eager=True)


class _Vocabularies(Shortcuts):
    """Those that the columns of a layer allow, also for some of its rows."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self._vocabularies: dict[str, tuple[nw.Series, nw.Series] | None] = {}

    def vocabulary(self, property: PropertyType) -> tuple[nw.Series, nw.Series] | None:
        reference = property.reference
        if reference not in self._vocabularies:
            dtype = self.layer.frame[reference].dtype
            self._vocabularies[reference] = _vocabulary(dtype, property) if isinstance(dtype, pl.Enum) else None
        return self._vocabularies[reference]


class _Shortcuts(_Vocabularies):
    """All that a layer allows. `answers`: columns that its frame needs beside its own, once rules are expressed."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        self.answers: list[pl.Series] = []

    def found(self, test: Test) -> nw.Expr | None:
        """A text among many is looked up; a scan takes 1 to 20 ms a million rows."""
        texts = self.layer.texts(test.property.reference) if test.property.kind is Kind.TEXT else None
        answer = texts.found(test.operator.name, test.values) if texts else None
        if answer is None:
            return None
        name = f"answer:{len(self.answers)}"
        self.answers.append(answer.alias(name))
        return nw.col(name)


def _vocabulary(dtype: pl.Enum, property: PropertyType) -> tuple[nw.Series, nw.Series]:
    spelled = dtype.categories
    values, codes = (
        nw.from_native(each, series_only=True)
        for each in (columns.values(spelled, property.kind).alias(property.reference), spelled)
    )
    return values, codes
