"""What somebody wants a segment to be, in whatever dialect they said it."""

from dataclasses import dataclass, field
from typing import Any as Json

from contacts.values import Kind
from segments.rules.tree import Rule
from workspaces.problems import Problem


@dataclass
class Draft:
    """What somebody wants a segment to be. None leaves a part as it is, and `rule_given` tells "no rule" from that.

    Where there are problems the rule has gaps and must not be used.
    """

    name: str | None = None
    rule: Rule | None = None
    rule_given: bool = False
    declares: dict[str, Kind] = field(default_factory=dict)  # custom properties that the rule is the first to name
    dialect: str = ""
    document: Json = None  # the rule as it was sent, to be echoed in this dialect
    fields: dict[str, str] = field(default_factory=dict)  # what else a segment keeps, by the model's names
    persons: list[Json] | None = None  # contacts sent with it, to be those pinned in; None in it: unreadable
    like_builtins: bool = False  # what it declares may be called as built-in properties are
    problems: list[Problem] = field(default_factory=list)  # found while reading; reported with all others

    @property
    def says_something(self) -> bool:
        parts = self.name is not None, self.rule_given, self.fields, self.persons is not None, self.problems
        return any(map(bool, parts))
