"""manage.py import_contacts: bring people from a CSV file into a workspace."""

import csv
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, OutputWrapper

from contacts import catalogue
from contacts.csvfile import Skipped
from contacts.imports import Outcome, Survey, Watcher, import_contacts
from contacts.mapping import KEYS, Column, Plan
from contacts.schema import CUSTOM
from workspaces.commands import find_workspace, refuse, refuse_problems, rejects_file
from workspaces.problems import Invalid, listed

MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Add the people of a CSV file to a workspace and bring those who are there up to date. Blank cells say "
        "nothing. Safe to run again: what is there already is left as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its id or its exact name")
        parser.add_argument("file", metavar="FILE.csv")
        parser.add_argument("--key", required=True, metavar="COLUMN", help=f"says who is who: {listed(KEYS)}")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=PROPERTY",
            help="a built-in, customProperties.x, substitutionTags.x or the name of a custom property; - leaves it out",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--rejects", metavar="FILE", help="write the rows that were not taken, and why, as CSV")
        parser.add_argument("--encoding", metavar="E", help="UTF-8 or UTF-16 if left out, as the file begins")
        parser.add_argument("--delimiter", metavar="D", help="found in the header if left out; tab may be written out")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = find_workspace(options["workspace"])
        started = time.monotonic()
        try:
            with opened(options["file"]) as file, rejects_file(apart(options["rejects"], options["file"])) as rejects:
                reporter = Reporter(self.stdout, self.stderr, rejects, options["verbosity"])
                outcome = import_contacts(
                    workspace,
                    file,
                    options["key"],
                    mapping(options["map"]),
                    encoding=options["encoding"],
                    delimiter={"tab": "\t", "\\t": "\t"}.get(options["delimiter"], options["delimiter"]),
                    dry_run=options["dry_run"],
                    watcher=reporter,
                )
        except Invalid as error:
            refuse_problems(error)
        reporter.finish()
        if options["dry_run"]:
            self.stdout.write("Nothing was written: this was a dry run.")
        else:
            catalogue.keep(workspace)
        self.stdout.write(summary(outcome, time.monotonic() - started))
        if outcome.rows and outcome.rejected == outcome.rows:
            refuse("Every row was rejected.", status=1)


def mapping(pairs: list[str]) -> dict[str, str]:
    """COLUMN=PROPERTY, cut at the last equals sign."""
    targets: dict[str, str] = {}
    for pair in pairs:
        column, equals, target = pair.rpartition("=")
        if not equals or not target:
            refuse(f"--map {pair}: write COLUMN=PROPERTY, or COLUMN=- to leave the column out.")
        if column in targets:
            refuse(f"--map {pair}: {column} is mapped twice.")
        targets[column] = target
    return targets


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    try:
        file = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        refuse(f"{path} cannot be read: {error.strerror}.")
    with file:
        yield file


def apart(path: str | None, source: str) -> str | None:
    """The path of the rejects, which must not be written over the file that is read."""
    if path is not None and Path(path).exists() and os.path.samefile(path, source):
        refuse(f"--rejects {path} is the file to be imported; name another.")
    return path


def summary(outcome: Outcome, seconds: float) -> str:
    return (
        f"{outcome.rows:,} rows: {outcome.created:,} created, {outcome.updated:,} updated, "
        f"{outcome.unchanged:,} unchanged, {outcome.duplicates:,} duplicates, {outcome.rejected:,} rejected "
        f"in {seconds:.1f} s"
    )


def described(plan: Plan) -> Iterator[str]:
    """Where the columns go, in at most five lines."""
    key, columns = plan.key_column, [column for column in plan.columns if column != plan.key_column]
    yield f"Key: {key.header}, as {key.reference}"
    named = {
        "Known": [arrow(column) for column in columns if column.reference and not column.is_new],
        "New": [f"{arrow(column)} ({column.kind})" for column in columns if column.is_new],
        "Left out": [column.header for column in columns if not column.reference],
    }
    yield from (f"{title}: {', '.join(words)}" for title, words in named.items() if words)


def arrow(column: Column) -> str:
    name = column.reference.removeprefix(CUSTOM)
    return name if name == column.header else f"{column.header} → {name}"


class Reporter(Watcher):
    """Says what happens as it happens on a terminal; keeps the first rows that were not taken for the end."""

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper, rejects: TextIO | None, verbosity: int) -> None:
        self.stdout, self.stderr, self.verbosity = stdout, stderr, verbosity
        self.rejects = csv.writer(rejects) if rejects else None
        self.shown: dict[bool, list[Skipped]] = {False: [], True: []}
        self.counts = {False: 0, True: 0}
        self.total, self.began = 0, 0.0
        if self.rejects:
            self.rejects.writerow(["line", "column", "value", "reason"])

    def checked(self, rows: int) -> None:
        self.progress(f"{rows:,} rows checked")

    def surveyed(self, survey: Survey) -> None:
        self.progress("")
        self.total, self.began = survey.rows, time.monotonic()
        for line in described(survey.plan) if self.verbosity > 0 else ():
            self.stdout.write(line)
        for doubt in survey.doubts if self.verbosity > 1 else ():
            self.stdout.write(str(doubt))

    def skipped(self, row: Skipped) -> None:
        self.counts[row.replaced] += 1
        if self.counts[row.replaced] <= MOST_SHOWN:
            self.shown[row.replaced].append(row)
        if self.rejects:
            self.rejects.writerow([row.line, row.column, row.value, row.reason])

    def written(self, outcome: Outcome) -> None:
        rate = outcome.rows / max(time.monotonic() - self.began, 0.001)
        self.progress(f"{outcome.rows:,} of {self.total:,} rows, {rate:,.0f} a second")

    def progress(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{text:<60}\r", ending="")
            self.stderr.flush()

    def finish(self) -> None:
        self.progress("")
        for replaced, rows in self.shown.items():
            for row in rows:
                self.stderr.write(str(row))
            if more := self.counts[replaced] - len(rows):
                self.stderr.write(f"and {more:,} more{'' if self.rejects else '; --rejects FILE writes them all'}")
