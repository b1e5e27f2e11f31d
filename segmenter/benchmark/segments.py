"""Make up segments of one to four conditions over all properties, the same ones each time."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from contacts.values import Kind
from segmenter.benchmark.data import PROPERTIES
from segments.models import Segment
from segments.rules import tree
from segments.rules.operators import OPERATORS, Takes, operators_for
from segments.rules.tree import All, Condition, Not, Rule
from segments.rules.tree import Any as AnyOf
from workspaces.models import Workspace

Dice = random.Random

# What somebody may look for in each property.
_VALUES: dict[str, Callable[[Dice], Any]] = {
    "plan": lambda dice: dice.choice(["free", "starter", "pro", "team", "enterprise"]),
    "town": lambda dice: f"town {dice.randrange(5000)}",
    "source": lambda dice: f"campaign {dice.randrange(30)}",
    "code": lambda dice: f"{dice.randrange(16**4):04x}",
    "language": lambda dice: dice.choice(["en", "es", "de", "fr"]),
    "device": lambda dice: dice.choice(["ios", "android", "web"]),
    "country": lambda dice: dice.choice(["ES", "DE", "GB", "FR", "PT", "SE", "PL", "IT", "NL", "US"]),
    "monthlyFee": lambda dice: dice.randrange(300),
    "orders": lambda dice: dice.randrange(60),
    "score": lambda dice: round(dice.random(), 3),
    "seats": lambda dice: dice.randrange(100),
    "age": lambda dice: 18 + dice.randrange(60),
    "vip": lambda dice: dice.random() < 0.5,
    "newsletter": lambda dice: dice.random() < 0.5,
    "lastOrder": lambda dice: _day(-dice.randrange(700)),
    "contractEnds": lambda dice: _day(dice.randrange(700) - 350),
    "interests": lambda dice: dice.choice(["sport", "music", "travel", "küche"]),
}
KINDS = {**PROPERTIES, "country": Kind.TEXT}


def _day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).isoformat()


def create(workspace: Workspace, count: int) -> list[Segment]:
    dice = Dice(2)
    rules = [(f"Random {number}", _rule(dice)) for number in range(count)]
    return save(workspace, rules)


def save(workspace: Workspace, rules: Sequence[tuple[str, Rule]]) -> list[Segment]:
    made = [Segment(workspace=workspace, name=name, rule=tree.write(rule)) for name, rule in rules]
    return Segment.objects.bulk_create(made)


def _rule(dice: Dice) -> Rule:
    parts = tuple(_perhaps_not(dice) for _ in range(dice.randint(1, 4)))
    return All(parts) if dice.random() < 0.5 else AnyOf(parts)


def _perhaps_not(dice: Dice) -> Rule:
    return Not(_condition(dice)) if dice.random() < 0.2 else _condition(dice)


def _condition(dice: Dice) -> Condition:
    """Any property, and any operator that it takes."""
    name = dice.choice(list(KINDS))
    operator = OPERATORS[dice.choice(operators_for(KINDS[name]))]
    reference = f"customProperties.{name}" if name in PROPERTIES else name
    return Condition(reference, operator.name, _TAKEN[operator.takes](dice, _VALUES[name]))


_TAKEN: dict[Takes, Callable[[Dice, Callable[[Dice], Any]], Any]] = {
    Takes.NOTHING: lambda dice, value: None,
    Takes.ONE: lambda dice, value: value(dice),
    Takes.TWO: lambda dice, value: tuple(sorted([value(dice), value(dice)])),
    Takes.SOME: lambda dice, value: tuple(value(dice) for _ in range(dice.randint(1, 3))),
    Takes.PERIOD: lambda dice, value: dice.randint(1, 365),
}
