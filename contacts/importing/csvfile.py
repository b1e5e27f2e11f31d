"""Read a CSV file block by block, whatever its encoding and delimiter, and refuse a broken one."""

import codecs
import csv
import io
import itertools
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contacts.values import Kind
from workspaces.problems import Invalid, Problem

DELIMITERS = (",", ";", "\t", "|")
MOST_COLUMNS = 5_000
BLOCK = 3 * 2**19  # bytes read at once; a batch comes out of one
LONGEST_RECORD = 32 * 2**20  # bytes; past it a quote is taken to be left open
_WITH_ASCII, _BETWEEN_LETTERS = {"utf-8", "iso8859-1", "cp1252"}, (b"", 0)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLANKS = "".join(letter for letter in map(chr, range(0x3001)) if letter.isspace())  # there are none behind
_BLANK_LEADS = {letter.encode()[:1] for letter in _BLANKS if not letter.isascii()}  # a few letters begin so, too

csv.field_size_limit(LONGEST_RECORD)  # a long cell is one bad cell, not a broken file


@dataclass(frozen=True)
class Skipped:
    """A row that was not taken, and why. A row with several bad cells is told once for each."""

    line: int
    column: str
    value: str
    reason: str
    replaced: bool = False  # by a later row with the same key; otherwise it was rejected

    @classmethod
    def by_later(cls, line: int, column: str, value: str, by: int) -> "Skipped":
        return cls(line, column, value, f"is replaced by line {by}", replaced=True)

    def __str__(self) -> str:
        value = self.value if len(self.value) <= 40 else f"{self.value[:39]}…"
        place = f"line {self.line}, {self.column}, {value!r}" if self.column else f"line {self.line}"
        return f"{place}: {self.reason}"


@dataclass
class Batch:
    """Some records: those that are rows, each with the number of its first line, and those that are none."""

    lines: NDArray[np.int64]
    cells: pl.DataFrame  # columns "0", "1" and so on: stripped texts, null where blank
    misshapen: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines) + len(self.misshapen)

    def after(self, records: int) -> "Batch":
        """Without the first so many records."""
        if not records:
            return self
        shapeless = np.array([row.line for row in self.misshapen], dtype=np.int64)
        first = np.sort(np.append(self.lines, shapeless))[records:][:1]
        rows = len(self.lines) if not len(first) else int(np.searchsorted(self.lines, first[0]))
        kept = [row for row in self.misshapen if len(first) and row.line >= first[0]]
        return Batch(self.lines[rows:], self.cells[rows:], kept)

    def among(self, chosen: NDArray[np.bool_]) -> "Batch":
        """Those of its rows alone."""
        return Batch(self.lines[chosen], self.cells.filter(pl.Series(chosen)))


def batch_of(rows: Sequence[Sequence[str | None]], lines: Sequence[int], misshapen: list[Skipped], width: int) -> Batch:
    """From cells as they stand in the file."""
    columns: Sequence[Sequence[str | None]] = list(zip(*rows, strict=True)) or [()] * width
    cells = pl.DataFrame([pl.Series(str(place), column, dtype=pl.String) for place, column in enumerate(columns)])
    return Batch(np.array(lines, dtype=np.int64), stripped(cells), misshapen)


def stripped(cells: pl.DataFrame) -> pl.DataFrame:
    """The same cells without blanks around them; null where nothing is left."""
    bare = pl.all().str.strip_chars(_BLANKS)
    return cells.select(pl.when(bare != "").then(bare).name.keep())


Record = tuple[int, list[str]]  # with the number of its first line


@dataclass(frozen=True)
class CsvSource:
    """A CSV file and how it is read. Reading raises Invalid where the file is broken, so that nothing is guessed."""

    file: BinaryIO
    encoding: str
    delimiter: str

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Of columns whose cells say themselves what they are: none."""
        return {}

    def records(self) -> Iterator[Record]:
        """Every record, the header too."""
        for block in self._blocks():
            yield from block.records()

    def header(self) -> list[str]:
        for _line, cells in self.records():
            if len(cells) > MOST_COLUMNS:
                raise Invalid([Problem("header", f"has {len(cells):,} columns; a file can have {MOST_COLUMNS:,}")])
            return [header_name(cell) for cell in cells]
        raise Invalid([Problem("", "the file is empty")])

    def batches(self, width: int, size: int) -> Iterator[Batch]:
        """All records but the header, at most so many at once."""
        headed = False
        for block in self._blocks():
            if headed and (cells := block.table(width)) is not None:
                lines = np.arange(block.line, block.line + len(cells))
                for start in range(0, len(cells), size):
                    yield Batch(lines[start : start + size], cells[start : start + size])
                continue
            records = iter(block.records())
            headed = headed or next(records, None) is not None
            while some := list(itertools.islice(records, size)):
                yield _shaped(some, width)

    def _blocks(self) -> "Iterator[_Block]":
        """The file in pieces, each of whole records."""
        line, rest = 1, b""
        for data, last in _with_last(self._lines()):
            block = _Block(rest + data, line, self, last)
            rest = block.open_record()
            if len(rest) > LONGEST_RECORD:
                raise block.broken(f"a record is longer than {LONGEST_RECORD // 2**20} MB")
            yield block
            line = block.line + block.lines

    def _lines(self) -> Iterator[bytes]:
        """The file in UTF-8, in pieces that end where a line ends."""
        rest = b""
        for data in self._decoded():
            rest += data
            end = rest.rfind(b"\n") + 1 or rest.rfind(b"\r", 0, -1) + 1  # a \r at the end may be half of a line end
            if end:
                yield rest[:end]
                rest = rest[end:]
            elif len(rest) > LONGEST_RECORD:
                raise Invalid([Problem("", f"a line is longer than {LONGEST_RECORD // 2**20} MB")])
        if rest:
            yield rest

    def _decoded(self) -> Iterator[bytes]:
        self.file.seek(0)
        if self.encoding == "utf-8" and self.file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            self.file.seek(0)
        decoder = codecs.getincrementaldecoder(self.encoding)()
        size = 64 * 1024  # first: most readings are for the header alone
        while data := self.file.read(size):
            size = BLOCK
            if data.isascii() and self.encoding in _WITH_ASCII and decoder.getstate() == _BETWEEN_LETTERS:
                yield data  # half of all that reading takes is not needed then
            else:
                yield self._in_utf_8(decoder, data)
        yield self._in_utf_8(decoder, b"", final=True)

    def _in_utf_8(self, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bytes:
        try:
            return decoder.decode(data, final).encode()
        except UnicodeError:
            raise Invalid([self._undecodable()]) from None

    def _undecodable(self) -> Problem:
        """Where the first byte stands that is not in the encoding."""
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(self.encoding)(), translate=True)
        self.file.seek(0)
        line, byte = 1, b""
        try:
            while block := self.file.read(65_536):
                state = decoder.getstate()
                try:
                    line += decoder.decode(block).count("\n")
                except UnicodeDecodeError:
                    decoder.setstate(state)
                    for byte in _bytes(block):
                        line += decoder.decode(byte).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            byte = error.object[error.start : error.start + 1]
        advice = "if the file comes from an older program, try the encoding latin-1"
        return Problem(
            f"line {line}", f"is not {self.encoding.upper()}: it holds the byte 0x{byte.hex().upper()}; {advice}"
        )


class _Block:
    """A piece of a file that begins where a record begins and ends where a line ends."""

    def __init__(self, data: bytes, line: int, source: CsvSource, last: bool) -> None:
        self.data, self.line, self.source, self.last = data, line, source, last
        self._read: list[Record] | None = None
        self._error: Invalid | None = None
        if (place := data.find(b"\0")) >= 0:
            advice = "if the file is UTF-16, try the encoding utf-16"
            problem = f"holds a NUL character, which no text has; {advice}"
            raise Invalid([Problem(f"line {line + _line_ends(data[:place])}", problem)])

    @property
    def lines(self) -> int:
        return _line_ends(self.data)

    def open_record(self) -> bytes:
        """Cuts off what belongs to a record that the next block goes on with."""
        if b'"' not in self.data:
            return b""
        # Only reading tells an open quote from one inside a cell; whoever counts quotes is wrong about 5" disks.
        texts = self._texts()
        reader = csv.reader(texts, delimiter=self.source.delimiter, strict=True)
        self._read, done = [], 0
        try:
            for cells in reader:  # strict: otherwise an open quote swallows the people after it without a word
                if cells:
                    self._read.append((self.line + done, cells))
                done = reader.line_num
        except csv.Error as error:
            if reader.line_num == len(texts) and not self.last:
                rest = "".join(texts[done:]).encode()
                self.data = self.data[: len(self.data) - len(rest)]
                return rest
            self._error = self.broken(str(error), self.line + done)
        return b""

    def records(self) -> Iterator[Record]:
        if self._read is None:
            reader = csv.reader(self._texts(), delimiter=self.source.delimiter, strict=True)
            yield from ((self.line + place, cells) for place, cells in enumerate(reader) if cells)
            return
        yield from self._read
        if self._error:
            raise self._error

    def broken(self, why: str, line: int | None = None) -> Invalid:
        place = f"line {self.line if line is None else line}"
        return Invalid([Problem(place, f"is no CSV from here on ({why}); is a quote left open?")])

    def table(self, width: int) -> pl.DataFrame | None:
        """All records at once; None where one of them is not a line with this number of cells and without quotes."""
        delimiter = self.source.delimiter.encode()
        data = self.data if self.data.endswith(b"\n") else self.data + b"\n"
        if b'"' in data or len(delimiter) > 1 or data.count(b"\r") != data.count(b"\r\n"):
            return None
        letters = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(letters == ord("\n"))
        cells = np.diff(np.searchsorted(np.flatnonzero(letters == ord(delimiter)), ends), prepend=0)
        blank = np.diff(ends, prepend=-1) <= (2 if b"\r" in data else 1)
        if (cells != width - 1).any() or blank.any():
            return None
        read = pl.read_csv(
            data,
            has_header=False,
            new_columns=[str(place) for place in range(width)],
            separator=self.source.delimiter,
            quote_char=None,
            infer_schema=False,
        )
        return stripped(read) if _may_have_outer_blanks(data, letters, ord(delimiter)) else read

    def _texts(self) -> list[str]:
        return io.StringIO(self.data.decode(), newline="").readlines()


def _may_have_outer_blanks(data: bytes, letters: NDArray[np.uint8], delimiter: int) -> bool:
    """Whether some cell may begin or end with a blank. To see that none does takes a tenth of stripping them all."""
    if not data.isascii() and any(lead in data for lead in _BLANK_LEADS):
        return True
    low = np.flatnonzero(letters <= ord(" "))
    low = low[(letters[low] != ord("\n")) & (letters[low] != delimiter)]
    beside = letters[np.concatenate([low - 1, low + 1])]  # in front of the first is the last, a line end
    return bool(((beside == ord("\n")) | (beside == delimiter)).any())


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _with_last(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each with whether it is the last."""
    held = next(pieces, None)
    while held is not None:
        following = next(pieces, None)
        yield held, following is None
        held = following


def _shaped(records: Sequence[Record], width: int) -> Batch:
    rows = [record for record in records if len(record[1]) == width]
    misshapen = [
        Skipped(line, "", "", f"has {len(cells)} cells, not {width}") for line, cells in records if len(cells) != width
    ]
    return batch_of([cells for _, cells in rows], [line for line, _ in rows], misshapen, width)


def header_name(header: str) -> str:
    return unicodedata.normalize("NFC", header).strip()


def _bytes(block: bytes) -> Iterator[bytes]:
    return (block[place : place + 1] for place in range(len(block)))


def open_source(file: BinaryIO, encoding: str | None = None, delimiter: str | None = None) -> CsvSource:
    """Find out how a file is to be read: UTF-8 or what its first bytes say, and the delimiter its header uses most.

    Raises Invalid where it cannot be read so, or what was named is no encoding or no delimiter.
    """
    if not file.seekable():
        raise Invalid([Problem("", "the file is read twice, so it cannot be a pipe; save it first")])
    encoding = _encoding(file, encoding)
    if delimiter is not None:
        if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
            raise Invalid([Problem("delimiter", "give one character, like ; or a tab")])
        return CsvSource(file, encoding, delimiter)
    widths: dict[str, int] = {}
    for candidate in DELIMITERS:
        try:
            widths[candidate] = len(next(CsvSource(file, encoding, candidate).records(), (0, []))[1])
        except Invalid as error:
            invalid = error
    if not widths:
        raise invalid
    return CsvSource(file, encoding, max(widths, key=widths.__getitem__))


def _encoding(file: BinaryIO, named: str | None) -> str:
    file.seek(0)
    start = file.read(2)
    try:
        "".encode(named or "utf-8")  # refuses codecs that are not of text
        name = codecs.lookup(named or "utf-8").name
    except (LookupError, ValueError):
        raise Invalid([Problem("encoding", f"{named} is no encoding; try utf-8, utf-16, latin-1 or cp1252")]) from None
    if start in _UTF_16 and (named is None or name.startswith("utf-16")):
        return "utf-16"
    return "utf-8" if name == "utf-8-sig" else name
