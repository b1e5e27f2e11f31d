"""What the management commands of segments share: finding a segment, saying its rule, and writing people to a file."""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand

from contacts import properties
from contacts.columnar import memory, snapshot
from contacts.export_formats import FORMATS
from segments.engine import exports
from segments.engine.exports import Stream
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.check import check
from segments.rules.words import sentence
from workspaces.commands import refuse, refuse_problems
from workspaces.models import Workspace
from workspaces.problems import Invalid


def find_segment(text: str) -> Segment:
    """A segment by its id, or by its name where only one has it."""
    live = Segment.objects.live().select_related("workspace")
    found = list(live.filter(pk=text)) or list(live.filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    several = f"There are several segments called {text}; use an id."
    return refuse(several if found else f"There is no segment {text}.")


def said(segment: Segment) -> str:
    """The segment's rule as a sentence."""
    if segment.tree is None:
        return "The people added by hand."
    names = dict(segment.workspace.segments.live().values_list("pk", "name"))
    checked = check(segment.tree, properties.schema(segment.workspace))
    return sentence(checked, lambda pk: names.get(pk, pk))


# --- writing people to a file ----------------------------------------------------------------------------------------


def add_export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--columns", metavar="A,B", help="id, built-ins, custom properties; all that anybody has")
    add_output_argument(parser)


def add_output_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--output", default="-", metavar="FILE", help="standard output if left out")


def write_export(
    command: BaseCommand, workspace: Workspace, wanted: Callable[[], RuleWithPins], options: dict[str, Any]
) -> None:
    memory.give_back()
    try:
        stream = exports.export(workspace, wanted(), options["columns"], options["format"])
    except Invalid as error:
        refuse_problems(error)
    snapshot.cache.clear()  # nobody asks this process again
    write_stream(command, stream, options["output"])


def write_stream(command: BaseCommand, stream: Stream, path: str) -> None:
    """To a file that is complete or not there, or to standard output; the numbers where the people are not."""
    started, size = time.monotonic(), 0
    try:
        with _opened(path) as file:
            for block in stream:
                size += file.write(block)
                _progress(command, f"{stream.written:,} of {stream.people:,} people")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains of it once more
        refuse(f"Stopped after {stream.written:,} of {stream.people:,} people: nobody reads on.", status=1)
    finally:
        stream.close()
    _progress(command, "")
    seconds = time.monotonic() - started
    numbers = f"{stream.people:,} people, {size:,} bytes in {seconds:.1f} s"
    (command.stderr if path == "-" else command.stdout).write(numbers)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    part = Path(f"{path}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        refuse(f"--output {path} cannot be written: {error.strerror}.")
    try:
        with file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _progress(command: BaseCommand, text: str) -> None:
    if command.stderr.isatty():
        command.stderr.write(f"\r{text:<60}\r", ending="")
        command.stderr.flush()
