"""Columns of cells are read many at once as one by one: whatever is surely so is what the slow way gives."""

import io
import unicodedata
import zoneinfo
from collections import Counter

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.importing import cells, csvfile
from contacts.importing.cells import PLAIN_LETTERS, cells_of
from contacts.importing.guesses import Guess, looks_like
from contacts.importing.mapping import Column
from contacts.values import Kind, Refused

ZONE = zoneinfo.ZoneInfo("Europe/Madrid")

NASTY = [
    "0", "-0", "00", "1", "-1", "1.0", "1.50", "1.5", ".5", "-.5", "5.", "1e5", "1E5", "+1", "123456789012345",
    "1234567890123456", "9007199254740993", "0.1", "0.30000000000000004", "40.416775400000001", "0.00001",
    "0.000008650855852554429", "1.7976931348623157e309", "0.1234567890123456789", "123456789.123456789", "NaN", "inf",
    "true", "false", "True", "FALSE", "yes", "2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "0001-01-01",
    "2024-06-01T10:00:00.000Z", "2024-06-01T10:00:00Z", "2024-06-01T24:00:00.000Z", "2024-06-01T10:00:60.000Z",
    "2024-02-30T10:00:00.000Z", "0000-01-01T10:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
    "2024-03-31T02:30", "2024-03-31T02:30:00+02:00", "2024-06-01 5", "2024-06-01\n", "２０２４-06-01", "٣",
    "a", "ä", "a\u0308", "ﬁ", "Ω", "\u2126", "각", "\u1100\u1161\u11a8", "가\u11a8", "日本", "a\tb", "a\x1fb", "a b", "a\u00a0b",
    'a"b', "a\\b", "a'b", "'a", "=1", "a,b;c", "x" * 10_000, "x" * 10_001, "ä" * 5_001, "a\0b", "\x7f", "é" * 600,
    "ada@example.com", "Ada@example.com", "ada@EXAMPLE.com", "a..b@example.com", ".a@example.com", "ada@exa_mple.com",
    "ada@example", "ada@-x.com", "ada@xn--mnchen-3ya.de", "ada@münchen.de", "a" * 65 + "@example.com", "ada@example.com.",
    "ada.k_1+x@example.com", "ada@" + "x" * 64 + ".com", "ada@" + "x." * 120 + "com", "ada@x.test", "ada@localhost",
    "+34600111222", "+34 600 111 222", "+4402079460958", "+442079460958", "+490301234567", "+390612345678", "+1234567",
    "+5491123456789", "+541123456789", "+16502530000", "+116502530000", "+9999999999", "+999", "+78001234567", "+88001234",
    "+0123456789", "+3580482317", "+9809381098035", "+62081234567", "+6281234567", "+551512345678", "+5215512345678",
]  # fmt: skip

COLUMNS = [
    *(Column("c", f"customProperties.{kind}", kind) for kind in Kind if kind is not Kind.OPAQUE),
    *(Column("c", name, Kind.TEXT) for name in ("email", "phone", "externalId", "firstName", "city")),
    Column("c", "tags", Kind.LIST),
    Column("c", 'customProperties.a"b%', Kind.TEXT),
    Column("c", "customProperties.day", Kind.DATE, pattern="dd/MM/yyyy"),
]


def one_by_one(column, cell):
    """What the slow way alone makes of a cell: what is said, and what is wrong."""
    try:
        value = cells._value(column, cell, ZONE)
    except Refused as error:
        return None, str(error)
    if value is None:
        return None, ""
    name = cells._json_name(column)
    return (orjson.loads("{" + name + orjson.dumps(value).decode() + "}") if name else cells._in_column(value)), ""


def check(column, texts):
    raw = pl.Series([text.strip() or None for text in texts], dtype=pl.String)
    read = cells_of(column, raw, ZONE)
    name = cells._json_name(column)
    for cell, said in zip(raw, read.said, strict=True):
        expected, wrong = (None, "") if cell is None else one_by_one(column, cell)
        found = orjson.loads("{" + said + "}") if name and said is not None else said
        assert (found, read.refused.get(cell, "")) == (expected, wrong), (column, cell)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.reference)
def test_a_column_says_what_its_cells_say_one_by_one(column):
    check(column, [*NASTY, "", *reversed(NASTY)])
    for cell in NASTY:
        check(column, [cell])


LETTERS = st.sampled_from("0123456789-+.:TZ@aé\u0308Ω가\u11a8\"\\' eE,;/\x1f\u00a0")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=12), max_size=8), st.sampled_from(COLUMNS))
def test_random_cells_too(texts, column):
    check(column, texts)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(NASTY), st.text(LETTERS, max_size=8)), max_size=20))
def test_the_kind_of_many_cells_is_that_of_each(texts):
    known = [text.strip() for text in texts if text.strip()]
    guess = Guess()
    for start in (0, 7):
        raw = [text.strip() or None for text in (texts[:7] if start == 0 else texts[7:])]
        guess.take(np.arange(start, start + len(raw)), pl.Series(raw, dtype=pl.String), ZONE)
    assert guess.counts == Counter(looks_like(text, ZONE) for text in known)


def test_letters_that_are_taken_as_they_are_are_in_nfc_whatever_stands_beside_them():
    for first, last in zip(PLAIN_LETTERS[::3], PLAIN_LETTERS[2::3], strict=True):
        for letter in map(chr, range(ord(first), ord(last) + 1)):
            assert unicodedata.is_normalized("NFC", letter)
            assert not unicodedata.combining(letter)
            assert not letter.isspace()


# --- blanks ----------------------------------------------------------------------------------------------------------

BLANKS = csvfile._BLANKS.translate({10: None, 13: None})
# By few letters each, as one that is not ASCII makes the whole file be looked at more closely.
LETTERS = st.lists(st.sampled_from([*BLANKS, "a", "1", "é", "à", "中", "‰", "\x01"]), min_size=1, max_size=3)
CELLS = LETTERS.flatmap(lambda letters: st.text(st.sampled_from(letters), max_size=3))
TABLES = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=3)


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(table=TABLES)
def test_every_blank_around_a_cell_is_taken_off_and_none_inside(delimiter, end, table):
    rows = [[cell.replace(delimiter, "") for cell in row] for row in table]
    data = "".join(delimiter.join(row) + end for row in rows).encode()
    read = csvfile._Block(data, 2, csvfile.CsvSource(io.BytesIO(data), "utf-8", delimiter), last=True).table(3)
    assert read is not None
    assert [list(row) for row in read.iter_rows()] == [[cell.strip() or None for cell in row] for row in rows]
