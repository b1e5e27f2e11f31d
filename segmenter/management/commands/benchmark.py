"""manage.py benchmark: how fast the engine counts, beside SQL over the same contacts."""

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segmenter import benchmark


class Command(BaseCommand):
    help = "Make contacts in a scratch database, count rules over them by SQL and by the engine, and print the ratios."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contacts", type=int, default=1_000_000)
        parser.add_argument("--rounds", type=int, default=9)
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        with benchmark.scratch_database():
            result = benchmark.run(options["contacts"], options["rounds"], lambda text: self.stderr.write(text))
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(result), indent=2))
            return
        self.stdout.write(
            f"{result.contacts:,} contacts inserted in {result.insert_seconds:.1f} s; snapshot built in"
            f" {result.build_seconds:.1f} s, {result.snapshot_megabytes:.0f} MB; first count of a rule"
            f" {result.first_count_milliseconds:.0f} ms; peak memory {result.peak_megabytes:,} MB\n"
        )
        self.stdout.write(f"{'rule':<38} {'people':>9} {'SQL ms':>9} {'slowest':>8} {'engine ms':>10} {'slowest':>8}")
        for rule in result.rules:
            self.stdout.write(
                f"{rule.name:<38} {rule.people:>9,} {rule.sql:>9.1f} {rule.sql_slowest:>8.1f}"
                f" {rule.engine:>10.2f} {rule.engine_slowest:>8.2f}  {rule.ratio:>6.0f} x"
            )
