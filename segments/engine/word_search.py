"""Find people by whole words in their texts, which no operator of a rule does."""

from collections.abc import Sequence

import polars as pl

from contacts.columnar.snapshot import Layer
from contacts.values import fold

_WORD = r"[\p{L}\p{M}\p{N}]+"  # all that is between is a gap: ana@shop.example has three


def words(text: str) -> list[str]:
    """The different words of a text, in the form in which columns hold texts."""
    return _words(pl.Series([fold(text)])).explode().drop_nulls().unique(maintain_order=True).to_list()


def _words(texts: pl.Series) -> pl.Series:
    return texts.str.extract_all(_WORD)


def found(layer: Layer, mask: pl.Series, words: Sequence[str], references: Sequence[str]) -> pl.Series:
    """The mask of those of its people in whose texts, taken together, all of these words occur."""
    places = mask.arg_true()
    texts = layer.frame.select(pl.col(references).gather(places).cast(pl.String))
    held = _words(texts.select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True).alias("text"))["text"])
    has = pl.select(pl.all_horizontal(held.list.contains(word) for word in words)).to_series()
    return pl.repeat(False, len(mask), eager=True).scatter(places.filter(has), True)
