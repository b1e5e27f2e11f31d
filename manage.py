#!/usr/bin/env python
"""Run Segmenter's commands."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["quickstart"]:
        print("Loading Segmenter ...", flush=True)  # some seconds, in which nobody shall wonder
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenter.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
