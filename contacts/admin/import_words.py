"""What the pages of imports say: states, counts, how far one has come, and how a file is read."""

from collections.abc import Mapping
from typing import Any

from contacts.importing import import_jobs
from contacts.importing.import_jobs import FORMATS
from contacts.importing.imports import Head
from contacts.models import ImportJob, ImportState

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western Europe)",
    "iso8859-1": "Latin-1 (Western Europe)",
    "iso8859-15": "Latin-9 (Western Europe, with €)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
}
DELIMITERS = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Bar |"}
FORMAT_WORDS = dict(zip(FORMATS, ("CSV", "NDJSON"), strict=True))

STATES = {
    ImportState.UPLOADING: "The file is coming in",
    ImportState.UPLOADED: "Waits for its columns to be matched",
    ImportState.WAITING: "Waits for its turn",
    ImportState.CHECKING: "Reading the file",
    ImportState.WRITING: "Importing",
    ImportState.CHECKED: "Checked, waits to be imported",
    ImportState.DONE: "Done",
    ImportState.FAILED: "Failed",
    ImportState.CANCELLED: "Cancelled",
    ImportState.STOPPED: "Stopped",
}
COUNT_WORDS = {
    "created": "new",
    "updated": "changed",
    "unchanged": "unchanged",
    "duplicates": "replaced by a later row",
    "rejected": "rejected",
}


def state_words(job: ImportJob) -> str:
    return "Checking" if job.dry_run and job.state in import_jobs.RUNNING else STATES[ImportState(job.state)]


def counts(job: ImportJob) -> list[tuple[str, int]]:
    """What became of the rows; they add up. Replaced ones are named where there are some."""
    found = [(words, getattr(job, name)) for name, words in COUNT_WORDS.items()]
    return [(words, number) for words, number in found if number or words != COUNT_WORDS["duplicates"]]


def progress(job: ImportJob) -> dict[str, Any]:
    """How far it has come, in numbers and words; without numbers where the end is not known."""
    trying = job.dry_run and job.state == ImportState.CHECKING and job.position
    if not job.rows or not (trying or job.state == ImportState.WRITING):
        return {"words": _before_writing(job), "value": None, "rows": None, "percent": 0}
    done = f"{job.position:,} of {job.rows:,} rows"
    words = [f"Tried out {done}" if trying else done, *(_speed(job) if not trying else ())]
    return {
        "words": ", ".join(words),
        "value": job.position,
        "rows": job.rows,
        "percent": 100 * job.position // job.rows,
    }


def _before_writing(job: ImportJob) -> str:
    if job.state == ImportState.CHECKING:
        return f"Reading the file: {job.checked:,} rows so far" if job.checked else "Reading the file"
    return state_words(job)


def _speed(job: ImportJob) -> list[str]:
    rate, left = import_jobs.rate_of(job), import_jobs.seconds_left(job)
    words = [f"{_about_so_many(rate * 60):,} rows a minute"] if rate else []
    return words if left is None else [*words, f"about {_time(left)} left"]


def _about_so_many(number: int) -> int:
    return round(number, 2 - len(str(number)))


def _time(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} s"
    return f"{round(seconds / 60):,} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


def with_held(known: Mapping[str, str], held: str | None) -> dict[str, str]:
    return dict(known) if held is None or held in known else {**known, held: held}


def reading(head: Head | None) -> str:
    """How a file is read, in words."""
    if head is None:
        return ""
    if not head.delimiter:
        return "NDJSON"
    encoding = ENCODINGS.get(head.encoding, head.encoding).partition(" (")[0]
    return f"CSV in {encoding}, cells separated by {_DELIMITER_WORDS.get(head.delimiter, head.delimiter)}"


_DELIMITER_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def is_going(job: ImportJob) -> bool:
    return job.state in import_jobs.GOING or job.state == ImportState.UPLOADING
