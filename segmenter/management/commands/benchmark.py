"""manage.py benchmark: how fast the engine is, beside SQL and bare Polars over the same contacts."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segmenter.benchmark import admin, against, imports, report
from segmenter.benchmark.against import NoSuchBuild
from segmenter.benchmark.database import scratch_database
from segmenter.benchmark.measure import Disagreement
from segmenter.benchmark.run import run
from segmenter.benchmark.server import ServerProblem

_PARTS: dict[str, Any] = {"imports": imports, "admin": admin}


class Command(BaseCommand):
    help = (
        "Make contacts in a scratch database, count rules over them by SQL, bare Polars, the engine and HTTP in turn,"
        " and print times, ratios and goals. Everything is removed in the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contacts", type=_at_least(1_000), default=1_000_000)
        parser.add_argument("--segments", type=_at_least(1), default=500, help="evaluated in one pass")
        parser.add_argument("--rounds", type=_at_least(1), default=9, help="how often each work is timed")
        parser.add_argument("--only", choices=[*_PARTS], help="this part, nothing else; imports are exports too")
        parser.add_argument("--against", metavar="REV", help="run this build and that commit in turn, and compare")
        parser.add_argument("--runs", type=_at_least(1), default=3, help="of each build, with --against")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            printed = self.compare(options) if options["against"] else self.run(options)
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing is left behind.", returncode=130) from None
        except (Disagreement, ServerProblem, NoSuchBuild) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(printed)

    def run(self, options: dict[str, Any]) -> str:
        with scratch_database():
            if part := _PARTS.get(options["only"]):
                measured = part.run(options["contacts"], options["rounds"], self._say)
                return str(part.as_json(measured) if options["json"] else part.as_text(measured))
            result = run(options["contacts"], options["segments"], options["rounds"], self._say)
            return report.as_json(result) if options["json"] else report.as_text(result)

    def compare(self, options: dict[str, Any]) -> str:
        words = [f"--{name}={options[name]}" for name in ("contacts", "segments", "rounds", "only") if options[name]]
        result = against.run(options["against"], words, options["runs"], self._say)
        return against.as_json(result) if options["json"] else against.as_text(result)

    def _say(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()


class _at_least:
    def __init__(self, least: int) -> None:
        self._least = least

    def __call__(self, text: str) -> int:
        if text.isdecimal() and int(text) >= self._least:
            return int(text)
        raise ArgumentTypeError(f"{text!r} is not a whole number, {self._least:,} or more")
