"""manage.py import_contacts: bring people from a CSV file into a workspace."""

import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, OutputWrapper

from contacts.importing import import_jobs, imports, uploads
from contacts.importing.csvfile import Skipped
from contacts.importing.guesses import Undated
from contacts.importing.import_jobs import FORMATS, Options, Outcome, format_of
from contacts.importing.imports import Survey, Watcher
from contacts.importing.mapping import KEYS, TYPES, Column, Plan, Policy
from contacts.models import ImportJob
from contacts.schema import CUSTOM
from workspaces.commands import find_workspace, refuse, refuse_problems, rejects_file
from workspaces.problems import Conflict, Invalid, listed

BY = "manage.py"
MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Add the people of a CSV or NDJSON file to a workspace and bring those who are there up to date. Blank cells "
        "say nothing. Safe to run again: what is there already is left as it is. Safe to interrupt: --resume goes on."
    )

    requires_system_checks = []  # they load all views: a second and 20 MB

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", nargs="?", help="its id or its exact name")
        parser.add_argument("file", nargs="?", metavar="FILE")
        parser.add_argument("--key", metavar="COLUMN", help=f"says who is who: {listed(KEYS)}")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=PROPERTY",
            help="a built-in, customProperties.x, substitutionTags.x or the name of a custom property; - leaves it out",
        )
        parser.add_argument(
            "--policy",
            action="append",
            default=[],
            metavar="COLUMN=POLICY",
            help=f"what becomes of what somebody has already: {listed(Policy)} (to a list)",
        )
        parser.add_argument(
            "--date", action="append", default=[], metavar="COLUMN=PATTERN", help="how its dates look, like dd/MM/yyyy"
        )
        parser.add_argument(
            "--type", action="append", default=[], metavar="COLUMN=TYPE", help=f"of its new property: {listed(TYPES)}"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--resume", metavar="IMPORT", help="go on with an import that was interrupted or tried out")
        parser.add_argument("--rejects", metavar="FILE", help="write the rows that were not taken, and why, as CSV")
        parser.add_argument("--format", choices=FORMATS, help="as the file's name ends, if left out")
        parser.add_argument("--encoding", metavar="E", help="UTF-8 or UTF-16 if left out, as the file begins")
        parser.add_argument("--delimiter", metavar="D", help="found in the header if left out; tab may be written out")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            with _job(options) as (job, file):
                self.run(job, file, options, started)
        except Invalid as error:
            refuse_problems(error)
        except Conflict as error:
            refuse(str(error), status=1)

    def run(self, job: ImportJob, file: BinaryIO, options: dict[str, Any], started: float) -> None:
        with rejects_file(apart(options["rejects"], job.path)) as rejects:
            reporter = Reporter(self.stdout, self.stderr, options["verbosity"], listed_all=rejects is not None)
            try:
                outcome = imports.run(job, file, reporter)
            except imports.Cancelled:
                refuse(f"Import {job.pk} was cancelled; what it has written stays.", status=1)
            except (*import_jobs.LOST, KeyboardInterrupt) as error:
                advice = f"What was written is counted; go on with: manage.py import_contacts --resume {job.pk}"
                refuse(f"The import was interrupted{f' ({error})'.rstrip() if str(error) else ''}. {advice}", status=1)
            reporter.finish()
            for text in import_jobs.rejects(job) if rejects else ():
                rejects.write(text)  # type: ignore[union-attr]
        if job.dry_run:
            self.stdout.write("Nothing was written: this was a dry run.")
            self.stdout.write(f"To do it: manage.py import_contacts --resume {job.pk}")
        self.stdout.write(summary(outcome, time.monotonic() - started))
        if outcome.rows and outcome.rejected == outcome.rows:
            refuse("Every row was rejected.", status=1)


@contextmanager
def _job(options: dict[str, Any]) -> Iterator[tuple[ImportJob, BinaryIO]]:
    """The import that is asked for, and its file."""
    if options["resume"]:
        with _resumed(options["resume"], options["file"] or options["workspace"]) as found:
            yield found
        return
    if not options["workspace"] or not options["file"]:
        refuse("Name the workspace and the file, or --resume IMPORT.")
    workspace = find_workspace(options["workspace"])
    how = Options(
        key=options["key"] or "",
        mapping=pairs("--map", options["map"]),
        policies=pairs("--policy", options["policy"]),
        dates=pairs("--date", options["date"]),
        types=pairs("--type", options["type"]),
        encoding=options["encoding"],
        delimiter={"tab": "\t", "\\t": "\t"}.get(options["delimiter"], options["delimiter"]),
        format=options["format"] or format_of(options["file"]),
    )
    if not how.key:
        refuse(f"Say with --key which column tells people apart: {listed(KEYS)}.")
    path = str(Path(options["file"]).absolute())
    with opened(options["file"]) as file:
        yield import_jobs.create(workspace, file, how, path=path, started_by=BY, dry_run=options["dry_run"]), file


@contextmanager
def _resumed(pk: str, path: str | None) -> Iterator[tuple[ImportJob, BinaryIO]]:
    job = ImportJob.objects.select_related("workspace").filter(pk=pk).first()
    if job is None:
        refuse(f"There is no import {pk}.")
    with opened(path or job.path) if path or job.path else uploads.opened(job) as file:
        import_jobs.check_same(job, file)
        import_jobs.restart(job)
        yield job, file


def pairs(option: str, words: list[str]) -> dict[str, str]:
    """COLUMN=SOMETHING, cut at the last equals sign."""
    found: dict[str, str] = {}
    for word in words:
        column, equals, what = word.rpartition("=")
        if not equals or not what:
            refuse(f"{option} {word}: write {EXAMPLES[option]}.")
        if column in found:
            refuse(f"{option} {word}: {column} is mapped twice.")
        found[column] = what
    return found


EXAMPLES = {
    "--map": "COLUMN=PROPERTY, or COLUMN=- to leave the column out",
    "--policy": f"COLUMN=POLICY, with {listed(Policy)}",
    "--date": "COLUMN=PATTERN, like Since=dd/MM/yyyy",
    "--type": "COLUMN=TYPE, like Postcode=text",
}


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

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper, verbosity: int, *, listed_all: bool) -> None:
        self.stdout, self.stderr, self.verbosity, self.listed_all = stdout, stderr, verbosity, listed_all
        self.shown: dict[bool, list[Skipped]] = {False: [], True: []}
        self.counts = {False: 0, True: 0}
        self.total, self.before, self.began = 0, 0, 0.0

    def checked(self, rows: int) -> None:
        self.progress(f"{rows:,} rows checked")

    def surveyed(self, survey: Survey, position: int) -> None:
        self.progress("")
        self.total, self.before, self.began = survey.rows, position, time.monotonic()
        for line in described(survey.plan) if self.verbosity > 0 else ():
            self.stdout.write(line)
        for doubt in survey.doubts:
            if self.verbosity > 1 or isinstance(doubt, Undated):
                self.stdout.write(str(doubt))
        if position:
            self.stdout.write(f"Going on after {position:,} rows.")

    def skipped(self, row: Skipped) -> None:
        self.counts[row.replaced] += 1
        if self.counts[row.replaced] <= MOST_SHOWN:
            self.shown[row.replaced].append(row)

    def written(self, outcome: Outcome) -> None:
        rate = (outcome.rows - self.before) / max(time.monotonic() - self.began, 0.001)
        left = (self.total - outcome.rows) / max(rate, 1)
        self.progress(f"{outcome.rows:,} of {self.total:,} rows, {rate:,.0f} a second, {clock(left)} left")

    def progress(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{text:<70}\r", ending="")
            self.stderr.flush()

    def finish(self) -> None:
        self.progress("")
        for replaced, rows in self.shown.items():
            for row in rows:
                self.stderr.write(str(row))
            if more := self.counts[replaced] - len(rows):
                advice = "" if self.listed_all else "; --rejects FILE writes them all"
                self.stderr.write(f"and {more:,} more{advice}")


def clock(seconds: float) -> str:
    """1:05"""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
