"""Ten people, Ana who writes segments of them, and one of those."""

import pytest

from segments.rules import tree
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.callers import join
from tests.people import add, declare
from tests.segments.admin.builder import PRO
from workspaces.models import Role


@pytest.fixture
def people(shop):
    """Ten: 4 on pro (one with no order, one whose order is old), 2 on team, 3 on free, 1 with no plan."""
    declare(shop, plan="text", last="date", orders="number", vip="boolean", likes="list")
    recent = "2999-01-01"
    for name, plan, last in [
        ("Ana", "pro", recent),
        ("Ben", "PRO", recent),
        ("Cleo", "pro", "2001-01-01"),
        ("Dora", "pro", None),
        ("Emil", "team", recent),
        ("Finn", "team", "2001-01-01"),
        ("Gil", "free", recent),
        ("Hana", "free", recent),
        ("Ida", "free", "2001-01-01"),
        ("Jan", None, None),
    ]:
        add(shop, name, email=f"{name.lower()}@example.org", **{"plan": plan, "last": last, "orders": len(name)})
    return shop


@pytest.fixture
def ana(shop):
    return join(shop, "ana", Role.AGENT)


@pytest.fixture
def segment(people):
    return drafts.create(people, Draft("Paying", tree.read_node(PRO, ""), rule_given=True))
