"""Hand on people as a stream of bytes: an audience, and what is stored of its people, all of one moment."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from pyroaring import BitMap64

from contacts import export_formats
from contacts.columnar import snapshot
from contacts.export_formats import FORMATS, Format
from segments.engine import audience
from segments.engine.audience import Audience
from segments.references import RuleWithPins
from workspaces.consistent_reads import beside, one_moment
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

CONNECTIONS = 2  # of an export
Connections = Sequence[psycopg.Connection[Any]]
Blocks = Iterator[tuple[int, bytes]]  # each with how many people there have been up to its end


class Stream:
    """Bytes about some people. Whoever does not read it to its end closes it, which frees the database connection."""

    def __init__(self, held: Connections, blocks: Blocks, people: int, form: Format) -> None:
        self.people, self.form = people, form
        self.written = 0  # people so far
        self._held, self._blocks = held, blocks

    def __iter__(self) -> Iterator[bytes]:
        try:
            for people, block in self._blocks:
                self.written = people
                yield block
        except Exception:
            # The server may end its answer as if it were whole, with nothing that tells the client of the error.
            yield self.form.broken
            raise
        finally:
            self.close()

    def close(self) -> None:
        self._blocks.close()  # type: ignore[attr-defined]  # they are a generator
        for held in self._held:
            held.close()


def export(workspace: Workspace, wanted: RuleWithPins, names: str | None = None, form: str = "csv") -> Stream:
    """Whom a rule or a segment finds. `names` of columns as contacts.export_formats.columns takes them.

    Raises Invalid, SnapshotBusy. Not to be called in a transaction, of which the stream would not see the writes.
    """
    problems = [] if form in FORMATS else [_no_format(form)]
    with settled(workspace, durable=True):
        try:
            chosen = export_formats.columns(workspace, names)
        except Invalid as error:
            problems += error.problems
        if problems:
            raise Invalid(problems)
        people = audience.several(workspace, [wanted])[0]
        return stream(
            people,
            FORMATS[form],
            lambda held, ids: export_formats.written(held, workspace.pk, chosen, FORMATS[form], ids),
        )


@contextmanager
def settled(workspace: Workspace, *, durable: bool = False) -> Iterator[None]:
    """One moment, in front of which many writes are taken in: inside nobody does that (rule 7 of the snapshot)."""
    snapshot.read(workspace, ())
    with one_moment(durable=durable):
        yield


def stream(people: Audience, form: Format, blocks: Callable[[Connections, BitMap64], Blocks]) -> Stream:
    """For use in the moment of the audience; what the stream reads later is still of that moment."""
    ids = people.ids()
    held = _beside()
    return Stream(held, blocks(held, ids), len(ids), form)


def _beside() -> Connections:
    held = list[psycopg.Connection[Any]]()
    try:
        for _ in range(CONNECTIONS):
            held.append(beside())
    except BaseException:
        for each in held:
            each.close()
        raise
    return held


def _no_format(form: str) -> Problem:
    return Problem("format", f"is {form!r}; use {listed(FORMATS)}", tuple(FORMATS))
