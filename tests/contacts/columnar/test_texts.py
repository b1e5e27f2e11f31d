"""Searching a column of many texts by keys finds what comparing every text would."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.columnar import texts
from contacts.columnar.cache import ColumnCache
from contacts.columnar.texts import Texts

MEANINGS = {
    "is": lambda text, sought: text == sought,
    "starts_with": lambda text, sought: text.startswith(sought),
    "ends_with": lambda text, sought: text.endswith(sought),
    "contains": lambda text, sought: sought in text,
    "greater_than": lambda text, sought: text > sought,
    "at_least": lambda text, sought: text >= sought,
    "less_than": lambda text, sought: text < sought,
    "at_most": lambda text, sought: text <= sought,
}
ONE_VALUE = {"greater_than", "at_least", "less_than", "at_most"}
# Few letters, so that beginnings and ends are shared over several keys; of one to four bytes, the highest among them.
TEXT = st.text("ab\u00e9\ud7ff\uffff\U0010ffff\x01", min_size=1, max_size=45)


@pytest.mark.parametrize(
    ("name", "scanning"), [*((name, 5) for name in MEANINGS), ("contains", 0), ("contains", 10**9)]
)
@given(column=st.lists(st.none() | TEXT, min_size=1), sought=st.lists(TEXT, min_size=1, max_size=3), data=st.data())
def test_everybody_is_found_whom_a_comparison_finds(name, scanning, column, sought, data):
    held = [text for text in column if text]
    if held:  # beginnings, ends and middles of what is there are found more often than something made up
        text = data.draw(st.sampled_from(held))
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        sought.append(text[start:end] or text)
    if name in ONE_VALUE:
        sought = sought[-1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_WORTH_SCANNING", scanning)  # from which on a substring is sought in every text
        found = Texts(pl.Series("x", column, dtype=pl.String), "key", ColumnCache(10**6)).found(name, sought)
    assert found.to_list() == [
        text is not None and any(MEANINGS[name](text, each) for each in sought) for text in column
    ]


@given(rows=st.lists(st.tuples(st.none() | st.sampled_from("ab\U0001f600") | TEXT, st.booleans())))
def test_texts_are_counted_in_their_order(rows):
    column, among = pl.Series("x", [text for text, _ in rows], dtype=pl.String), pl.Series([is_in for _, is_in in rows])
    found = Texts(column, "key", ColumnCache(10**6)).counted(among.cast(pl.Boolean))
    expected = Counter(text for text, is_in in rows if text is not None and is_in)
    assert found.rows() == sorted(expected.items())
    assert found["value"].flags["SORTED_ASC"]


def test_texts_are_found_across_the_bounds_of_what_is_worked_out_at_once(monkeypatch):
    monkeypatch.setattr(texts, "_STRIDE", 2)
    column = ["one", None, "", "tone", "on", "e", "stone"]
    found = Texts(pl.Series("x", column), "key", ColumnCache(10**6)).found("contains", ["one"])
    assert found.to_list() == [True, False, False, True, False, False, True]


def test_keys_are_made_once(monkeypatch):
    made = []
    monkeypatch.setitem(texts._KEYS, "heads", lambda column, place: made.append(place) or texts._heads(column, place))
    column = Texts(pl.Series(["a long beginning", "another"]), "key", ColumnCache(10**6))
    for _ in range(2):
        assert column.found("starts_with", ["a long begin"]).to_list() == [True, False]
    assert made == [0, 8]
