"""What is wrong with something that was sent: every problem, where it stands and what is allowed there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """`path` leads to the place in the document that was sent, like criteria.predicates[0].operator."""

    path: str
    message: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def below(self, path: str) -> "Problem":
        """The same of a part of a document, which stands at this path in the whole."""
        return Problem(f"{path}.{self.path}" if self.path else path, self.message, self.allowed)

    def as_json(self) -> dict[str, object]:
        allowed = {"allowed": list(self.allowed)} if self.allowed else {}
        return {"path": self.path, "message": self.message, **allowed}


MOST_TOLD = 1_000


def shortened(problems: list[Problem]) -> list[Problem]:
    """The first thousand, and how many more there are: an answer is to be read, and not to be larger than a request."""
    more = len(problems) - MOST_TOLD
    return problems if more <= 0 else [*problems[:MOST_TOLD], Problem("", f"and {more:,} more problems")]


class Invalid(ValueError):
    """Something that cannot be taken as it was sent; nothing of it has been kept."""

    def __init__(self, problems: Iterable[Problem], message: str = "Invalid input") -> None:
        self.problems = list(problems)
        self.message = message  # over HTTP, where it is documented word for word
        super().__init__("; ".join(map(str, self.problems)))


class Conflict(ValueError):
    """What the state of things does not allow. `details`: who is in the way, for programs."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = details or {}


def listed(words: Iterable[str], joiner: str = "or") -> str:
    """a, b or c"""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} {joiner} {last}" if first else last
