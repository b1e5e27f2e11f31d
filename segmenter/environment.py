"""Read typed settings from environment variables, failing loudly on a value that does not fit."""

import os
import secrets
from pathlib import Path


class EnvironmentProblem(Exception):
    """A variable holds something it may not hold; the message names it and what is allowed."""


def text(name: str, default: str) -> str:
    return os.environ.get(name, default).strip()


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if value == "" else value in ("1", "true", "yes", "on")
    raise EnvironmentProblem(f"{name} is {value!r}; use true or false")


def number(name: str, default: int, least: int = 0) -> int:
    value = os.environ.get(name, "").strip() or str(default)
    if value.isdecimal() and int(value) >= least:
        return int(value)
    raise EnvironmentProblem(f"{name} is {value!r}; use a whole number, {least} or more")


def words(name: str, default: str) -> list[str]:
    """A comma-separated list, without its empty items."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def secret(name: str, kept_in: Path) -> str:
    """The variable, else a secret made once and kept in a file that only its owner reads."""
    if value := os.environ.get(name, "").strip():
        return value
    try:
        return kept_in.read_text().strip()
    except FileNotFoundError:
        pass
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    draft = kept_in.with_name(f"{kept_in.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        # link(2) fails where rename(2) would overwrite: of two processes starting at once, one wins.
        os.link(draft, kept_in)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return kept_in.read_text().strip()
