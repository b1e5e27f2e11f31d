"""The example at the top of each dialect's file is read as it says."""

import json

import pytest

from contacts.schema import Schema
from segments.dialects import segmenter, swipeone, tiledesk
from segments.rules.tree import All, Condition, Not


@pytest.mark.parametrize("dialect", [swipeone, tiledesk, segmenter])
def test_the_example_of_a_dialect_becomes_the_tree_that_it_names(dialect):
    _, request, becomes = dialect.__doc__.split("\n\n")
    tree = eval(
        becomes.split("\n")[0].removeprefix("becomes ").rstrip("."), {"All": All, "Not": Not, "Condition": Condition}
    )
    draft = dialect.read_segment(json.loads(request), Schema({}))
    assert (draft.rule, draft.problems) == (tree, [])
