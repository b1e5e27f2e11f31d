"""Read how many a client wants on a page of a list."""

from typing import Any

from workspaces.problems import Problem

HIGHEST = 100


def read(sent: Any, usual: int, problems: list[Problem]) -> int:
    """From 1 to HIGHEST, as a number or in digits; of more than that HIGHEST. What is wrong joins the problems."""
    if sent is None or sent == "":
        return usual
    if isinstance(sent, str) and sent.isascii() and sent.isdigit() and len(sent) < 10:
        sent = int(sent)
    if type(sent) is int and sent > 0:
        return min(sent, HIGHEST)
    problems.append(Problem("limit", f"is {sent!r}; use a whole number from 1 to {HIGHEST}"))
    return usual
