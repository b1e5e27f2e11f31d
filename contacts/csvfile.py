"""Read a CSV file record by record, whatever its encoding and delimiter, and refuse a broken one."""

import codecs
import csv
import io
import itertools
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from workspaces.problems import Invalid, Problem

DELIMITERS = (",", ";", "\t", "|")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class Batch:
    """Some rows, each with the number of its first line; apart from them those with too few or too many cells."""

    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    misshapen: list[tuple[int, int]] = field(default_factory=list)  # line, cells

    def __len__(self) -> int:
        return len(self.lines) + len(self.misshapen)


@dataclass(frozen=True)
class Source:
    """A CSV file and how it is read. Reading raises Invalid where the file is broken, so that nothing is guessed."""

    file: BinaryIO
    encoding: str
    delimiter: str

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Every record, the header too, with the number of its first line."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, newline="")
        # Strict: otherwise a quote that is left open swallows the people after it without a word.
        reader = csv.reader(_without_nul(text), delimiter=self.delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
        except UnicodeDecodeError:
            raise Invalid([self._undecodable()]) from None
        except csv.Error as error:
            raise Invalid(
                [Problem(f"line {line}", f"is no CSV from here on ({error}); is a quote left open?")]
            ) from None
        finally:
            text.detach()

    def header(self) -> list[str]:
        for _line, cells in self.records():
            return [header_name(cell) for cell in cells]
        raise Invalid([Problem("", "the file is empty")])

    def batches(self, width: int, size: int) -> Iterator[Batch]:
        batch = Batch()
        for line, cells in itertools.islice(self.records(), 1, None):
            if len(cells) == width:
                batch.lines.append(line)
                batch.rows.append(cells)
            else:
                batch.misshapen.append((line, len(cells)))
            if len(batch) == size:
                yield batch
                batch = Batch()
        if len(batch):
            yield batch

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
        name = self.encoding.removesuffix("-sig").upper()
        advice = "if the file comes from an older program, say --encoding latin-1"
        return Problem(f"line {line}", f"is not {name}: it holds the byte 0x{byte.hex().upper()}; {advice}")


def header_name(header: str) -> str:
    return unicodedata.normalize("NFC", header).strip()


def _bytes(block: bytes) -> Iterator[bytes]:
    return (block[place : place + 1] for place in range(len(block)))


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            advice = "if the file is UTF-16, say --encoding utf-16"
            raise Invalid([Problem(f"line {number}", f"holds a NUL character, which no text has; {advice}")])
        yield line


def open_source(file: BinaryIO, encoding: str | None = None, delimiter: str | None = None) -> Source:
    """Find out how a file is to be read: UTF-8 or what its first bytes say, and the delimiter its header uses most."""
    if not file.seekable():
        raise Invalid([Problem("", "the file is read twice, so it cannot be a pipe; save it first")])
    encoding = _encoding(file, encoding)
    if delimiter is not None:
        if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
            raise Invalid([Problem("delimiter", "give one character, like ; or a tab")])
        return Source(file, encoding, delimiter)
    widths: dict[str, int] = {}
    for candidate in DELIMITERS:
        try:
            widths[candidate] = len(Source(file, encoding, candidate).header())
        except Invalid as error:
            invalid = error
    if not widths:
        raise invalid
    return Source(file, encoding, max(widths, key=widths.__getitem__))


def _encoding(file: BinaryIO, named: str | None) -> str:
    file.seek(0)
    start = file.read(2)
    try:
        "".encode(named or "utf-8")  # refuses codecs that are not of text
        name = codecs.lookup(named or "utf-8").name
    except (LookupError, UnicodeError):
        raise Invalid([Problem("encoding", f"{named} is no encoding; try utf-8, utf-16, latin-1 or cp1252")]) from None
    if start in _UTF_16 and (named is None or name.startswith("utf-16")):
        return "utf-16"
    return "utf-8-sig" if name == "utf-8" else name


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
