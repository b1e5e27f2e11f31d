#!/usr/bin/env python3
"""Install what Segmenter needs into .venv beside this file: python3 install.py, with --dev the developers' tools too.

It needs Python with pip (or uv) and the network, and neither root nor the module ensurepip, which Debian and Ubuntu
leave out of their Python. uv does the work, with the versions of uv.lock; where it is not installed pip puts it into
.uv. Run again, it brings .venv up to date.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
UV = "uv>=0.9,<1"
OLDEST = (3, 11)  # of the Pythons that Segmenter runs on


def main() -> None:
    if sys.argv[1:] not in ([], ["--dev"]):
        sys.exit(__doc__)
    started = time.monotonic()
    say("Installing Segmenter into .venv: about 145 MB to fetch, most often less than a minute.")
    try:
        sync(find_uv(), tools=sys.argv[1:])
        compile_ours()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{Path(error.cmd[0]).name} failed; what it says is above. Correct that and run this again.")
    except OSError as error:
        sys.exit(f"The installation cannot go on: {error}")
    say(f"Installed in {time.monotonic() - started:.0f} s. Next: .venv/bin/python manage.py quickstart")


def find_uv() -> str | Path:
    """The uv of this machine, else ours, which pip fetches if need be."""
    ours = HERE / ".uv" / "bin" / "uv"
    if installed := shutil.which("uv"):
        return installed
    if not ours.exists():
        say("Fetching uv into .uv")
        # pip's own words for a Python that belongs to the system: --target leaves that Python as it is.
        run(*find_pip(), "install", "--quiet", "--disable-pip-version-check", "--target", HERE / ".uv", UV)
    return ours


def find_pip() -> list[str | Path]:
    """The command of this Python's pip, which Debian and Ubuntu pack apart from it."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    sys.exit("This Python has no pip, and uv is not installed. Install either: sudo apt install python3-pip")


def sync(uv: str | Path, tools: list[str]) -> None:
    """Also without tools those that are there stay. Bytecode too: whoever runs Segmenter may not be let write any."""
    # On this Python, unless .venv is there already; where it is too old uv looks for another, or fetches one.
    is_ours = sys.version_info >= OLDEST and not (HERE / ".venv").exists()
    python = ["--python", sys.executable] if is_ours else []
    groups = [] if tools else ["--no-dev", "--inexact"]
    run(uv, "sync", "--compile-bytecode", *groups, *python, "--project", HERE)


def compile_ours() -> None:
    packages = [each.parent for each in HERE.glob("*/__init__.py") if each.parent.name != "tests"]
    run(HERE / ".venv" / "bin" / "python", "-m", "compileall", "-q", *packages)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)  # noqa: S603 (uv, pip and Python)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
