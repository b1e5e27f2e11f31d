"""The groups of a rule that everybody meets by their logic alone, or nobody can, while somebody edits it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segments.answers.line_counts import Line
from segments.rules import satisfiability
from segments.rules.check import Checked
from segments.rules.tree import ROOT, All, Any, Leaf, Not
from segments.rules.words import NameOf


@dataclass(frozen=True)
class Proved:
    """`other`: joining the lines of the group the other way, all for any, would make a difference."""

    at: str  # like rule.all[0]
    everyone: bool
    words: str
    other: bool


def proofs(rule: Checked, lines: Iterable[Line], everybody: int, name_of: NameOf) -> list[Proved]:
    """The outermost ones. Only where a count is nobody or everybody is there anything to prove."""
    sure = {line.at for line in lines if line.alone in (0, everybody)}
    return [
        Proved(at, found.everyone, satisfiability.in_words(found, name_of), _differs(_otherwise(group)))
        for at, group, found in _proved(rule, ROOT, sure)
    ]


def _proved(rule: Checked, at: str, sure: set[str]) -> Iterator[tuple[str, Checked, satisfiability.Proof]]:
    found = satisfiability.proof(rule) if at in sure else None
    if found:
        yield at, rule, found
        return
    for place, part in _parts(rule).items():
        yield from _proved(part, f"{at}.{place}", sure)


def _parts(rule: Checked) -> dict[str, Checked]:
    if isinstance(rule, Leaf):
        return {}
    if isinstance(rule, Not) and isinstance(rule.rule, All | Any):  # which has been looked at as what it denies
        return {f"not.{place}": part for place, part in rule.rule.parts.items()}
    return rule.parts


def _otherwise(rule: Checked) -> Checked | None:
    match rule:
        case Not(part):
            other = _otherwise(part)
            return other and Not(other)
        case All(rules) | Any(rules):
            return rule.opposite(rules)
    return None


def _differs(other: Checked | None) -> bool:
    return other is not None and satisfiability.proof(other) is None
