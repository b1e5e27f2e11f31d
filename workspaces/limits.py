"""Read the whole numbers of an address, and how many a client wants on a page of a list."""

from typing import Any

from workspaces.problems import Problem

HIGHEST = 100


def number(text: str) -> int | None:
    """In up to nine digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def read(sent: Any, usual: int, problems: list[Problem]) -> int:
    """From 1 to HIGHEST, as a number or in digits; of more than that HIGHEST. What is wrong joins the problems."""
    if sent is None or sent == "":
        return usual
    count = number(sent) if isinstance(sent, str) else sent
    if type(count) is int and count > 0:
        return min(count, HIGHEST)
    problems.append(Problem("limit", f"is {sent!r}; use a whole number from 1 to {HIGHEST}"))
    return usual
