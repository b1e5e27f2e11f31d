"""Evaluate rules over the people of a workspace: for each rule a mask, all of them at one moment and in one pass."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from pyroaring import BitMap64

from contacts.columnar import columns, snapshot
from contacts.columnar.extract import Ids
from contacts.columnar.snapshot import Layer, Reading
from contacts.schema import Schema
from contacts.values import Kind, moment_of
from segments import references
from segments.models import Pin, PinKind, Segment
from segments.references import RuleWithPins
from segments.rules.check import Checked, Test, check, tests
from segments.rules.expression import condition, joined
from segments.rules.tree import InSegment, Rule, conditions
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

MASK_BYTES = 2**26  # for who meets each of the conditions that are looked at together; a mask is one bit a row

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
    wanted: Sequence[RuleWithPins],
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
    pins = pinned([*needed, *(each.segment for each in wanted if each.segment)], moment)
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


def pinned(segments: Iterable[Segment], moment: int) -> dict[str, tuple[Ids, Ids]]:
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
                mask = mask.clone().scatter(places, is_in)  # in place, and a condition's mask may serve others too
        return mask


def _masks(layer: Layer, helpers: Mapping[str, _Members], wanted: Sequence[_Members], now: int) -> list[pl.Series]:
    """A mask for each of `wanted`, in their order: true for those who are in, one value a row of the layer.

    `helpers`: by their ids the segments that rules refer to, each behind those that it refers to itself. The order is
    what makes this right: masks are made one after the other, helpers first, so that the mask of a segment is there
    when a rule asks for it.
    """
    places = {segment: place for place, segment in enumerate(helpers)}
    masks: list[pl.Series] = []
    answers: dict[Test, pl.Series] = {}

    def nobody() -> pl.Series:
        return pl.repeat(False, len(layer.frame), eager=True)

    def met(part: Test | InSegment) -> pl.Series:
        return masks[places[part.segment]] if isinstance(part, InSegment) else answers[part]

    most_tests = 8 * MASK_BYTES // max(1, len(layer.frame))  # as many masks as there is room for, eight rows a byte
    for batch in _batches([*helpers.values(), *wanted], most_tests):
        answers.clear()
        answers.update(_answers(layer, _tests(batch), now))
        for each in batch:
            mask = nobody() if each.rule is None else joined(each.rule, met, nobody)
            masks.append(each.pinned(layer, mask))
    return masks[len(helpers) :]


_WORTH_PICKING = 5  # to pick one person in so few takes longer than to look at everybody


def met_among(layer: Layer, mask: pl.Series, rule: Checked, now: int) -> pl.Series:
    """The mask of those of its people who meet a rule too: only they are looked at, unless they are many."""
    members = [_Members(rule, *_NO_PINS)]
    places = mask.arg_true()
    if len(places) * _WORTH_PICKING > len(mask):
        return mask & _masks(layer, {}, members, now)[0]
    picked = Layer(layer.frame.select(pl.all().gather(places)), layer.ids[places.to_numpy()], layer.hidden[:0])
    (met,) = _masks(picked, {}, members, now)
    return pl.repeat(False, len(mask), eager=True).scatter(places.filter(met), True)


def _batches(members: Sequence[_Members], most_tests: int) -> Iterator[list[_Members]]:
    """In order, as many at a time as have so many conditions together, or one that has more."""
    batch: list[_Members] = []
    held: set[Test] = set()
    for each in members:
        more = set(_tests([each]))
        if batch and len(held | more) > most_tests:
            yield batch
            batch, held = [], set()
        batch.append(each)
        held |= more
    yield batch


def _tests(members: Iterable[_Members]) -> dict[Test, None]:
    """The conditions, each once however many rules have it."""
    return {test: None for each in members if each.rule is not None for test in tests(each.rule)}


def _answers(layer: Layer, tests: Iterable[Test], now: int) -> dict[Test, pl.Series]:
    """Who meets each condition."""
    answers: dict[Test, pl.Series] = {}
    expressions: dict[Test, nw.Expr] = {}
    spelled: dict[str, list[Test]] = {}
    for test in tests:
        texts = layer.texts(test.property.reference) if test.property.kind is Kind.TEXT else None
        # A text among many is looked up; a scan takes 1 to 20 ms a million rows.
        answer = texts.found(test.operator.name, test.values) if texts else None
        if answer is not None:
            answers[test] = answer
        elif test.operator.name not in ("is", "is_known") and isinstance(
            layer.frame[test.property.reference].dtype, pl.Enum
        ):
            spelled.setdefault(test.property.reference, []).append(test)
        else:
            expressions[test] = condition(test, now)
    for reference, some in spelled.items():
        expressions |= _of_few(layer.frame[reference], some, now)
    return answers | _met(layer.frame, expressions)


def _of_few(column: pl.Series, tests: Sequence[Test], now: int) -> dict[Test, nw.Expr]:
    """For a column held as codes: its few distinct values are searched, 1 ms rather than 50 over a million people."""
    reference, codes = column.name, column.dtype.categories  # type: ignore[attr-defined]
    values = columns.values(codes, tests[0].property.kind).alias(reference)
    met = _met(values.to_frame(), {test: condition(test, now) for test in tests})
    return {test: nw.col(reference).is_in(codes.filter(met[test]).implode()) for test in tests}


def _met(frame: pl.DataFrame, expressions: Mapping[Test, nw.Expr]) -> dict[Test, pl.Series]:
    if not expressions:
        return {}
    named = {str(place): expression for place, expression in enumerate(expressions.values())}
    met = nw.from_native(frame).select(**named).to_native()
    if any(each.null_count() for each in met):
        met = met.fill_null(False)
    return dict(zip(expressions, met, strict=True))
