"""Import people from a CSV file into a workspace.

The file is read twice, and never held whole. The first reading finds everything that speaks against the file and
the types of its new properties; only then is anything written. The second reading writes.
"""

import codecs
import csv
import functools
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from hashlib import blake2b
from typing import Any, BinaryIO, LiteralString

import numpy as np
import orjson
import phonenumbers
import psycopg
from django.core.exceptions import ValidationError
from django.db import transaction
from numpy.typing import NDArray

from contacts import extract, properties
from contacts.builtin import BUILTIN
from contacts.models import MOST_PROPERTIES
from contacts.refresh import refresh
from contacts.schema import CUSTOM, TAG, Schema
from contacts.upserts import LONGEST_KEY
from contacts.values import Kind, Refused, as_date, as_email, as_phone, clean, stored
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

ROWS_A_BATCH = 10_000
ROWS_A_LOCKED_BATCH = 2_000  # each row holds a lock; a server with default settings has room for some 6,000 in all
ATTEMPTS = 5


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
class Outcome:
    """What became of the rows of a file; the five add up to `rows`."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.created + self.updated + self.unchanged + self.duplicates + self.rejected


# --- the file ------------------------------------------------------------------------------------------------------

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
            return [_name(cell) for cell in cells]
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


def _name(header: str) -> str:
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


# --- which column is which property --------------------------------------------------------------------------------

KEYS = ("externalId", "email", "phone")
LEFT_OUT = "-"  # as a target: the column is not imported

_PREFIXES = {CUSTOM: CUSTOM, "attributes.": CUSTOM, "properties.": CUSTOM, TAG: TAG}
_NAMES = ("firstName", "lastName")


@dataclass(frozen=True)
class Column:
    """A column of the file and the property that its cells go to."""

    header: str
    reference: str = ""  # "" where they go nowhere
    kind: Kind = Kind.TEXT
    is_new: bool = False  # a property that nobody has yet; its cells decide its kind


@dataclass(frozen=True)
class Plan:
    """Where each column of a file goes, and which of them says who somebody is."""

    columns: tuple[Column, ...]
    key: int  # its place among the columns

    @property
    def key_column(self) -> Column:
        return self.columns[self.key]

    def header(self, reference: str) -> str:
        """What the column that goes to this property is called; "" where there is none."""
        return next((column.header for column in self.columns if column.reference == reference), "")

    def typed(self, kinds: Mapping[str, Kind]) -> "Plan":
        """With these kinds for the properties that they name."""
        columns = (replace(column, kind=kinds.get(column.reference, column.kind)) for column in self.columns)
        return replace(self, columns=tuple(columns))


def plan(headers: Sequence[str], key: str, mapping: Mapping[str, str], schema: Schema) -> Plan:
    """Settle where each column goes: `mapping` from header to target counts before the header's own name.

    A target is a built-in, customProperties.x, substitutionTags.x, a bare custom name, or - to leave a column out.
    Raises Invalid with everything that is wrong.
    """
    key, mapping = _name(key), {_name(header): target for header, target in mapping.items()}
    problems = [*_header_problems(headers), *_unknown_columns(headers, key, mapping)]
    columns = []
    for header in headers:
        try:
            columns.append(_column(header, mapping.get(header), schema, is_key=header == key))
        except Refused as error:
            if header:
                problems.append(Problem(f"column {header}", str(error)))
    problems += [*_same_targets(columns), *_too_many(columns, schema)]
    if problems:
        raise Invalid(problems)
    return Plan(_without_full_name(columns), headers.index(key))


def _column(header: str, target: str | None, schema: Schema, *, is_key: bool) -> Column:
    if is_key:
        reference = _key_reference(header, target, schema)
    elif target == LEFT_OUT:
        return Column(header)
    else:
        reference = _reference(target or header, schema)
    known = schema.get(reference)
    return Column(header, reference, known.kind if known else Kind.TEXT, not known and reference.startswith(CUSTOM))


def _header_problems(headers: Sequence[str]) -> Iterator[Problem]:
    for place, header in enumerate(headers, 1):
        if not header:
            yield Problem("header", f"column {place} has no name")
    for header, times in Counter(headers).items():
        if header and times > 1:
            yield Problem("header", f"{times} columns are called {header}")


def _unknown_columns(headers: Sequence[str], key: str, mapping: Mapping[str, str]) -> Iterator[Problem]:
    known = tuple(filter(None, headers))
    if key not in known:
        yield Problem("key", f"there is no column {key or 'without a name'}; there are {', '.join(known)}", known)
    for header in mapping:
        if header not in known:
            yield Problem("map", f"there is no column {header or 'without a name'}", known)


def _reference(target: str, schema: Schema) -> str:
    """The property that a target names, in the order in which a reader would take it. Raises Refused."""
    for prefix, meaning in _PREFIXES.items():
        if target.startswith(prefix):
            return _own_reference(meaning, target.removeprefix(prefix), schema)
    if target in BUILTIN:
        if not BUILTIN[target].writable:
            raise Refused(f"{target} cannot be set by anybody; map the column to another name, or to - to leave it out")
        return target
    if schema.get(CUSTOM + target) is None and (alike := _LOOSELY.get(_loose(target))):
        return alike
    return _own_reference(CUSTOM, target, schema)


def _own_reference(prefix: str, name: str, schema: Schema) -> str:
    name = clean(name).strip()
    if prefix == TAG:
        if not 0 < len(name) <= properties.LONGEST_NAME:
            raise Refused(f"a substitution tag has 1 to {properties.LONGEST_NAME} characters")
        return TAG + name
    return CUSTOM + (name if schema.get(CUSTOM + name) else properties.check_name(name))


def _loose(name: str) -> str:
    return re.sub("[ _-]", "", name).casefold()


_LOOSELY = {_loose(name): row.name for row in BUILTIN.values() if row.writable for name in (row.name, row.label)}


def _key_reference(header: str, target: str | None, schema: Schema) -> str:
    if target is None:
        alike = _LOOSELY.get(_loose(header), "")
        return alike if alike in KEYS else "externalId"
    reference = "" if target == LEFT_OUT else _reference(target, schema)
    if reference not in KEYS:
        raise Refused(f"is the key, which can only go to {listed(KEYS)}")
    return reference


def _same_targets(columns: Iterable[Column]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for column in columns:
        other = first.setdefault(column.reference, column.header)
        if column.reference and other != column.header:
            advice = "map one of them to another property, or to - to leave it out"
            yield Problem(f"column {column.header}", f"goes to {column.reference}, as {other} does; {advice}")


def _too_many(columns: Iterable[Column], schema: Schema) -> Iterator[Problem]:
    known = sum(reference.startswith(CUSTOM) for reference in schema.own)
    new = sum(column.is_new for column in columns)
    if new and known + new > MOST_PROPERTIES:
        limit = f"a workspace can have {MOST_PROPERTIES}"
        yield Problem("header", f"there are {known} custom properties and this would add {new}; {limit}")


def _without_full_name(columns: Sequence[Column]) -> tuple[Column, ...]:
    """A full name says nothing more where the first or the last name has a column of its own."""
    if not any(column.reference in _NAMES for column in columns):
        return tuple(columns)
    return tuple(Column(column.header) if column.reference == "fullName" else column for column in columns)


# --- what the cells look like --------------------------------------------------------------------------------------

_LOOKS = re.compile(
    r"(?P<number>-?((0|[1-9]\d*)(\.\d+)?|\.\d+))|(?P<boolean>true|false)|(?P<date>\d{4}-\d\d-\d\d.*)",
    re.ASCII | re.IGNORECASE,
)
_SAFE_DIGITS = 15  # every number of so many digits is a different float


def looks_like(text: str, zone: tzinfo) -> Kind:
    """The kind of a stripped cell. Whatever would not come out as it went in is a text: 007, card numbers, 1e5."""
    match = _LOOKS.fullmatch(text)
    if match is None:
        return Kind.TEXT
    if match["number"]:
        # Programs write fractions with up to 17 digits; those of them that a float spells just so are exact.
        exact = len(text.lstrip("-").replace(".", "")) <= _SAFE_DIGITS or ("." in text and repr(float(text)) == text)
        return Kind.NUMBER if exact else Kind.TEXT
    if match["date"]:
        try:
            _date(text, zone)
        except Refused:
            return Kind.TEXT
        return Kind.DATE
    return Kind.BOOLEAN


_date = functools.lru_cache(20_000)(as_date)  # files have few different days


@dataclass(frozen=True)
class Doubt:
    """A column that became text because of few cells: the first of them, and how many others looked alike."""

    header: str
    line: int
    cell: str
    kind: Kind
    alike: int
    known: int

    def __str__(self) -> str:
        cell = self.cell if len(self.cell) <= 40 else f"{self.cell[:39]}…"
        most = f"{self.alike:,} of {self.known:,} look like a {self.kind}"
        return f"{self.header} became text: line {self.line} holds {cell!r}, though {most}"


class _Guess:
    """What the cells of one column have looked like so far."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.first: dict[Kind, tuple[int, str]] = {}

    def take(self, lines: Sequence[int], cells: Sequence[str], zone: tzinfo) -> None:
        # A Counter keeps the order in which it first met its keys, so the first of a kind is the one furthest up.
        for cell, times in Counter(cells).items():
            if text := cell.strip():
                kind = looks_like(text, zone)
                self.counts[kind] += times
                if kind not in self.first:
                    self.first[kind] = lines[cells.index(cell)], text

    def kind(self) -> Kind:
        return next(iter(self.counts)) if len(self.counts) == 1 else Kind.TEXT

    def doubt(self, header: str) -> Doubt | None:
        (kind, alike), *others = self.counts.most_common() or [(Kind.TEXT, 0)]
        if kind is Kind.TEXT or not others or 2 * alike <= self.counts.total():
            return None
        line, cell = min(place for other, place in self.first.items() if other is not kind)
        return Doubt(header, line, cell, kind, alike, self.counts.total())


# --- rows with the same key ----------------------------------------------------------------------------------------

_DIGEST = 16  # bytes; at 128 bits no two keys of any file ever meet


class Repeats:
    """Which rows have the same key, so that the last good one can stand for all. 24 bytes a row."""

    def __init__(self) -> None:
        self._digests = bytearray()
        self._lines: list[NDArray[np.int64]] = []
        self.lines = self.groups = self.last = np.array([], dtype=np.int64)

    def add(self, lines: Sequence[int], keys: Iterable[str]) -> None:
        self._lines.append(np.array(lines, dtype=np.int64))
        for key in keys:
            self._digests += blake2b(key.encode(), digest_size=_DIGEST).digest()

    def settle(self) -> None:
        """Keep the lines whose key came up more than once, in groups by key."""
        if not self._lines:
            return
        digests = np.frombuffer(self._digests, dtype=f"S{_DIGEST}")
        _, groups, counts = np.unique(digests, return_inverse=True, return_counts=True)
        repeated = counts[groups] > 1
        self.lines, self.groups = np.concatenate(self._lines)[repeated], groups[repeated]
        self.last = np.zeros(len(counts) if len(self.lines) else 0, dtype=np.int64)
        self._digests, self._lines = bytearray(), []

    def __bool__(self) -> bool:
        return bool(len(self.lines))

    def among(self, lines: Sequence[int]) -> NDArray[np.bool_]:
        return np.isin(np.array(lines, dtype=np.int64), self.lines)

    def note_good(self, lines: Sequence[int]) -> None:
        """These rows can be written; a later one counts before an earlier one."""
        self.last[self._groups_of(lines)] = lines

    def replaced(self, lines: Sequence[int]) -> dict[int, int]:
        """Those of these good rows for which a later row stands, and its line."""
        if not self:
            return {}
        repeated = np.array(lines, dtype=np.int64)[self.among(lines)]
        last = self.last[self._groups_of(repeated)]
        return {int(line): int(by) for line, by in zip(repeated, last, strict=True) if by > line}

    def _groups_of(self, lines: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        return self.groups[np.searchsorted(self.lines, lines)]


# --- from cells to values ------------------------------------------------------------------------------------------

_SEPARATORS = re.compile("[,;]")
_SIMPLE_LOCAL_PART = re.compile(r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def email(text: str) -> str:
    """What as_email gives, found in a twentieth of the time for plain addresses at a domain met before."""
    local, _, domain = text.rpartition("@")
    if len(local) > 64 or len(text) > 200 or not domain.isascii() or not _SIMPLE_LOCAL_PART.fullmatch(local):
        return as_email(text)
    return f"{local}@{_domain(domain)}"


@functools.lru_cache(20_000)
def _domain(domain: str) -> str:
    return as_email(f"somebody@{domain}").rpartition("@")[2]


def phone(text: str) -> str:
    """What as_phone gives, found in a thirtieth of the time for numbers that are as they should be."""
    if not _INTERNATIONAL.fullmatch(text):
        return as_phone(text)
    for end in (2, 3, 4):
        code = int(text[1:end])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            # People write the prefix of calls inside the country after its code, +49 0… or +44 0…; it has to go.
            prefix = _national_prefix(code)
            return as_phone(text) if prefix and prefix.match(text, end) else text
    return text


@functools.cache
def _national_prefix(code: int) -> re.Pattern[str] | None:
    region = phonenumbers.region_code_for_country_code(code)
    known = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    return re.compile(known.national_prefix_for_parsing) if known and known.national_prefix_for_parsing else None


def external_id(text: str) -> str:
    text = clean(text)
    if len(text.encode()) > LONGEST_KEY:
        raise Refused(f"is longer than {LONGEST_KEY:,} bytes")
    return text


_BUILTIN_CELLS: dict[str, Callable[[str], str]] = {"email": email, "phone": phone, "externalId": external_id}


def _value(column: Column, text: str, zone: tzinfo) -> Any:
    """What a stripped cell says, in the form in which it is kept. Raises Refused."""
    if column.reference in _BUILTIN_CELLS:
        return _BUILTIN_CELLS[column.reference](text)
    if column.kind is Kind.LIST:
        return stored(Kind.LIST, [item.strip() for item in _SEPARATORS.split(text)], zone)
    if column.kind is Kind.DATE:
        return _date(text, zone)
    return stored(column.kind, text, zone)


@dataclass
class Cells:
    """One column of a batch: what its cells say, None where that is nothing, and what is wrong with which."""

    column: Column
    raw: Sequence[str]
    values: list[Any]
    refused: dict[str, str]

    def refusals(self, lines: Iterable[int]) -> Iterator[Skipped]:
        if self.refused:
            for line, cell in zip(lines, self.raw, strict=True):
                if cell in self.refused:
                    yield Skipped(line, self.column.header, cell.strip(), self.refused[cell])


def _cells(column: Column, raw: Sequence[str], zone: tzinfo) -> Cells:
    """Each distinct cell is understood once. What goes into a JSON object is `"name":value` from here on."""
    known: dict[str, Any] = {}
    refused: dict[str, str] = {}
    name = _json_name(column)
    for cell in set(raw):
        try:
            value = _value(column, text, zone) if (text := cell.strip()) else None
        except Refused as error:
            refused[cell] = str(error)
            continue
        known[cell] = name + orjson.dumps(value).decode() if name and value is not None else value
    return Cells(column, raw, list(map(known.get, raw)), refused)


def _json_name(column: Column) -> str:
    """`"name":` for a value that lies in one of a contact's JSON objects, "" where it has a field of its own."""
    builtin = BUILTIN.get(column.reference)
    if builtin and (builtin.column or builtin.name == "fullName"):
        return ""
    return orjson.dumps(builtin.name if builtin else column.reference.partition(".")[2]).decode() + ":"


@dataclass
class Checked:
    """A batch as values, and the rows of it that cannot be taken."""

    lines: list[int]
    columns: list[Cells]  # of those that go somewhere
    skipped: list[Skipped]

    def good(self) -> list[int]:
        bad = {row.line for row in self.skipped}
        return [line for line in self.lines if line not in bad]


def check(plan: Plan, batch: Batch, zone: tzinfo) -> Checked:
    """Understand every cell of a batch; a row with a bad one is bad as a whole."""
    raw: list[Sequence[str]] = list(zip(*batch.rows, strict=True)) or [()] * len(plan.columns)
    pairs = zip(plan.columns, raw, strict=True)
    columns = [_cells(column, cells, zone) for column, cells in pairs if column.reference]
    width, key = len(plan.columns), plan.key_column.header
    skipped = [Skipped(line, "", "", f"has {cells} cells, not {width}") for line, cells in batch.misshapen]
    for line, cell in zip(batch.lines, raw[plan.key], strict=True):
        if not cell.strip():
            skipped.append(Skipped(line, key, "", "is blank, and it is the key"))
    for cells in columns:
        skipped += cells.refusals(batch.lines)
    return Checked(batch.lines, columns, sorted(skipped, key=lambda row: row.line))


# --- the first reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What a whole file turned out to hold."""

    plan: Plan  # with the kinds of its new properties
    rows: int
    doubts: tuple[Doubt, ...]
    repeats: Repeats


def survey(source: Source, plan: Plan, zone: tzinfo, watcher: "Watcher") -> Survey:
    """Read a whole file. Raises Invalid where it cannot be read to its end."""
    guesses = {place: _Guess() for place, column in enumerate(plan.columns) if column.is_new}
    repeats, rows = Repeats(), 0
    for batch in source.batches(len(plan.columns), ROWS_A_BATCH):
        raw: list[Sequence[str]] = list(zip(*batch.rows, strict=True))
        if raw:
            for place, guess in guesses.items():
                guess.take(batch.lines, raw[place], zone)
            _add_keys(repeats, plan.key_column, batch.lines, raw[plan.key], zone)
        rows += len(batch)
        watcher.checked(rows)
    typed = plan.typed({plan.columns[place].reference: guess.kind() for place, guess in guesses.items()})
    doubts = [guess.doubt(plan.columns[place].header) for place, guess in guesses.items()]
    repeats.settle()
    _note_good(source, typed, repeats, zone)
    return Survey(typed, rows, tuple(filter(None, doubts)), repeats)


def _add_keys(repeats: Repeats, key: Column, lines: Sequence[int], raw: Sequence[str], zone: tzinfo) -> None:
    pairs = zip(lines, _cells(key, raw, zone).values, strict=True)
    known = [(line, value.lower() if key.reference == "email" else value) for line, value in pairs if value]
    repeats.add([line for line, _value in known], (value for _line, value in known))


def _note_good(source: Source, plan: Plan, repeats: Repeats, zone: tzinfo) -> None:
    """Of rows with the same key the last counts; but a bad row never takes the place of a good one."""
    if not repeats:
        return
    for batch in source.batches(len(plan.columns), ROWS_A_BATCH):
        chosen = repeats.among(batch.lines)
        some = Batch(list(itertools.compress(batch.lines, chosen)), list(itertools.compress(batch.rows, chosen)))
        repeats.note_good(check(plan, some, zone).good())


# --- the second reading --------------------------------------------------------------------------------------------

_FIELDS = ("external_id", "email", "phone", "first_name", "last_name", "tags")
_OBJECTS = ("substitution_tags", "profile", "custom")

Row = tuple[Any, ...]


def staged(checked: Checked, skip: set[int]) -> list[Row]:
    """Rows for the staging table: line, fields (None: nothing is said), JSON objects to merge."""
    fields: dict[str, Iterable[Any]] = {}
    parts: dict[str, list[Sequence[str | None]]] = {name: [] for name in _OBJECTS}
    for cells in checked.columns:
        builtin = BUILTIN.get(cells.column.reference)
        if builtin is None:
            parts["custom" if cells.column.reference.startswith(CUSTOM) else "substitution_tags"].append(cells.values)
        elif builtin.name == "fullName":
            fields["first_name"], fields["last_name"] = _first_and_last(cells.values)
        elif builtin.column:
            fields[builtin.column] = cells.values
        else:
            parts["profile"].append(cells.values)
    objects = [
        map(_object, zip(*parts[name], strict=True)) if parts[name] else itertools.repeat("{}") for name in parts
    ]
    nothing = itertools.repeat(None)
    rows = zip(checked.lines, *(fields.get(name, nothing) for name in _FIELDS), *objects, strict=False)
    return [row for row in rows if row[0] not in skip]


def _object(parts: Iterable[str | None]) -> str:
    return "{" + ",".join(filter(None, parts)) + "}"


def _first_and_last(names: Iterable[str | None]) -> tuple[list[str | None], list[str | None]]:
    """A full name is all of a name: one without a space says that there is no last name."""
    parts = [name.partition(" ") if name else (None, "", None) for name in names]
    return [first for first, _, _ in parts], [last and last.strip() for _, _, last in parts]


_STAGE = """
    CREATE TEMPORARY TABLE staged (
        line bigint NOT NULL, external_id text, email text, phone text, first_name text, last_name text, tags text[],
        substitution_tags jsonb NOT NULL, profile jsonb NOT NULL, custom jsonb NOT NULL, contact_id bigint
    ) ON COMMIT DROP
"""

_COPY = """
    COPY staged (line, external_id, email, phone, first_name, last_name, tags, substitution_tags, profile, custom)
    FROM STDIN
"""

# People are looked up by arrays of keys, and joins are hashed. Where many have just been added to a workspace the
# planner thinks that it is empty, and a nested loop would then read all of it for every row.
_PLAN_SAFELY = "SET LOCAL enable_nestloop = off"

# Nothing forbids two contacts with one address, so whoever may add an address holds its lock; in order, lest two
# wait for each other. Numbers are added by imports alone: one lock for all of them will do.
_LOCK: dict[str, LiteralString] = {
    "email": """
        SELECT count(pg_advisory_xact_lock(key)) FROM (
            SELECT DISTINCT hashtextextended('email:' || %s || ':' || lower(email), 0) AS key
            FROM staged ORDER BY key OFFSET 0
        ) AS keys
    """,
    "phone": "SELECT pg_advisory_xact_lock(hashtextextended('phone:' || %s, 0))",
}

# Python and PostgreSQL do not lower every letter alike, so two rows may turn out here to be one person.
_DROP_REPLACED = """
    DELETE FROM staged USING (SELECT lower(email) AS email, max(line) AS line FROM staged GROUP BY 1) AS last
    WHERE last.email = lower(staged.email) AND last.line > staged.line
    RETURNING staged.line, staged.email, last.line
"""

_MATCH: dict[str, LiteralString] = {
    "externalId": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT external_id, id FROM contacts_contact
            WHERE workspace_id = %s AND external_id <> '' AND external_id = ANY(%s)
        ) AS found WHERE found.external_id = staged.external_id RETURNING contact_id
    """,
    "email": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT lower(email) AS email, min(id) AS id FROM contacts_contact
            WHERE workspace_id = %s AND email <> '' AND lower(email) = ANY(%s) AND lifecycle <> 'trashed'
            GROUP BY lower(email)
        ) AS found WHERE found.email = lower(staged.email) RETURNING contact_id
    """,
    "phone": """
        UPDATE staged SET contact_id = found.id FROM (
            SELECT phone, min(id) AS id FROM contacts_contact
            WHERE workspace_id = %s AND phone <> '' AND phone = ANY(%s) AND lifecycle <> 'trashed'
            GROUP BY phone
        ) AS found WHERE found.phone = staged.phone RETURNING contact_id
    """,
}

_KEYS: dict[str, LiteralString] = {
    "externalId": "SELECT external_id FROM staged",
    "email": "SELECT lower(email) FROM staged",
    "phone": "SELECT phone FROM staged",
}

# Where people are found by something else, an external id may be somebody else's already, or named twice.
_DROP_TAKEN = """
    DELETE FROM staged USING (
        SELECT id, external_id FROM contacts_contact
        WHERE workspace_id = %s AND external_id <> '' AND external_id = ANY(%s)
    ) AS other
    WHERE other.external_id = staged.external_id AND other.id IS DISTINCT FROM staged.contact_id
    RETURNING staged.line, staged.external_id
"""

_DROP_NAMED_TWICE = """
    DELETE FROM staged USING staged AS earlier
    WHERE earlier.external_id = staged.external_id AND earlier.line < staged.line
    RETURNING staged.line, staged.external_id
"""

_UPDATE = """
    UPDATE contacts_contact AS contact SET
        external_id = coalesce(staged.external_id, contact.external_id),
        email = coalesce(staged.email, contact.email),
        phone = coalesce(staged.phone, contact.phone),
        first_name = coalesce(staged.first_name, contact.first_name),
        last_name = coalesce(staged.last_name, contact.last_name),
        tags = coalesce(staged.tags, contact.tags),
        substitution_tags = contact.substitution_tags || staged.substitution_tags,
        profile = contact.profile || staged.profile,
        custom = contact.custom || staged.custom,
        lifecycle = 'active',
        updated_at = now()
    FROM staged
    WHERE contact.id = staged.contact_id AND contact.id = ANY(%s) AND contact.workspace_id = %s AND (
        staged.external_id <> contact.external_id
        OR staged.email <> contact.email
        OR staged.phone <> contact.phone
        OR staged.first_name <> contact.first_name
        OR staged.last_name <> contact.last_name
        OR staged.tags <> contact.tags
        OR contact.substitution_tags || staged.substitution_tags <> contact.substitution_tags
        OR contact.profile || staged.profile <> contact.profile
        OR contact.custom || staged.custom <> contact.custom
        OR contact.lifecycle <> 'active'
    )
"""

_INSERT = """
    INSERT INTO contacts_contact (
        workspace_id, external_id, email, phone, first_name, last_name, tags, substitution_tags, profile, custom
    )
    SELECT %s, coalesce(external_id, ''), coalesce(email, ''), coalesce(phone, ''), coalesce(first_name, ''),
        coalesce(last_name, ''), coalesce(tags, '{}'), substitution_tags, profile, custom
    FROM staged WHERE contact_id IS NULL ORDER BY line
    ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO NOTHING
"""


@dataclass
class Written:
    """What one transaction did."""

    created: int
    updated: int
    unchanged: int
    skipped: list[Skipped]


class _Raced(Exception):
    """Somebody else added one of these people between our looking for them and our adding them."""


def write(workspace_id: str, plan: Plan, rows: Sequence[Row], *, dry_run: bool = False) -> Written:
    """Bring these people up to date or add them, in one transaction; one that others got in the way of is repeated."""
    if not rows:
        return Written(0, 0, 0, [])
    for attempt in itertools.count(1):
        try:
            with transaction.atomic(durable=True), extract.cursor() as cursor:
                written = _write(cursor, workspace_id, plan, rows)
                transaction.set_rollback(dry_run)
                return written
        except (_Raced, psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


def _write(cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: Sequence[Row]) -> Written:
    key = plan.key_column.reference
    cursor.execute(_PLAN_SAFELY)
    cursor.execute(_STAGE)
    with cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)
    if key in _LOCK:
        cursor.execute(_LOCK[key], [workspace_id])
    skipped = _drop_replaced(cursor, plan) if key == "email" else []
    keys = [each for (each,) in cursor.execute(_KEYS[key])]
    found = [each for (each,) in cursor.execute(_MATCH[key], [workspace_id, keys])]
    if key != "externalId":
        skipped += _drop_taken(cursor, workspace_id, plan, rows)
    [(known, new)] = cursor.execute("SELECT count(contact_id), count(*) - count(contact_id) FROM staged").fetchall()
    updated = cursor.execute(_UPDATE, [found, workspace_id]).rowcount if known else 0
    created = cursor.execute(_INSERT, [workspace_id]).rowcount if new else 0
    if created != new:
        raise _Raced
    return Written(created, updated, known - updated, skipped)


def _drop_replaced(cursor: psycopg.Cursor[Any], plan: Plan) -> list[Skipped]:
    cursor.execute(_DROP_REPLACED)
    header = plan.key_column.header
    return [Skipped.by_later(line, header, value, by) for line, value, by in cursor]


def _drop_taken(cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: Iterable[Row]) -> list[Skipped]:
    header, external_ids = plan.header("externalId"), [row[1] for row in rows if row[1]]
    if not external_ids:
        return []
    taken = cursor.execute(_DROP_TAKEN, [workspace_id, external_ids]).fetchall()
    twice = cursor.execute(_DROP_NAMED_TWICE).fetchall()
    reasons = [(taken, "is somebody else's external id"), (twice, "is the external id of somebody further up")]
    return [Skipped(line, header, value, reason) for found, reason in reasons for line, value in found]


# --- an import -----------------------------------------------------------------------------------------------------


class Watcher:
    """Is told how an import goes. These methods do nothing; an observer overrides those it wants."""

    def checked(self, rows: int) -> None:
        """So many rows have been read for the first time."""

    def surveyed(self, survey: Survey) -> None:
        """The file is in order; what follows is the writing."""

    def skipped(self, row: Skipped) -> None:
        """A row has not been taken."""

    def written(self, outcome: Outcome) -> None:
        """So much has been written, and stays written."""


def import_contacts(
    workspace: Workspace,
    file: BinaryIO,
    key: str,
    mapping: Mapping[str, str] | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    dry_run: bool = False,
    watcher: Watcher | None = None,
) -> Outcome:
    """Bring the people of a file up to date and add those who are not there; who is who, the column `key` says.

    Raises Invalid, with nothing written, where the file or the mapping is wrong. Not to be called in a transaction:
    every batch is one of its own. Run again after an interruption it finds unchanged what was written before.
    """
    watcher = watcher or Watcher()
    source = open_source(file, encoding, delimiter)
    columns = plan(source.header(), key, mapping or {}, properties.schema(workspace))
    found = survey(source, columns, workspace.zone, watcher)
    watcher.surveyed(found)
    if not dry_run and found.rows:
        found = replace(found, plan=_declared(workspace, found.plan))
    return _take_in(workspace, source, found, watcher, dry_run=dry_run)


def _declared(workspace: Workspace, plan: Plan) -> Plan:
    """Declare a file's new properties. One that somebody else declared meanwhile keeps its type."""
    references = {column.reference: column.kind for column in plan.columns}
    customs = {name.removeprefix(CUSTOM): kind for name, kind in references.items() if name.startswith(CUSTOM)}
    try:
        properties.declare(workspace, customs)
    except ValidationError as error:
        raise Invalid(Problem("header", message) for message in error.messages) from None
    properties.declare_tags(workspace, [name.removeprefix(TAG) for name in references if name.startswith(TAG)])
    schema = properties.schema(workspace)
    return plan.typed({name: type_.kind for name in references if (type_ := schema.get(name))})


def _take_in(workspace: Workspace, source: Source, survey: Survey, watcher: Watcher, *, dry_run: bool) -> Outcome:
    outcome, refreshed = Outcome(), 0
    size = ROWS_A_LOCKED_BATCH if survey.plan.key_column.reference == "email" else ROWS_A_BATCH
    for batch in source.batches(len(survey.plan.columns), size):
        _take_in_batch(workspace, batch, survey, outcome, watcher, dry_run=dry_run)
        watcher.written(outcome)
        if not dry_run and outcome.rows - refreshed >= ROWS_A_BATCH:
            refresh(workspace)
            refreshed = outcome.rows
    if outcome.rows > refreshed and not dry_run:
        refresh(workspace)
    return outcome


def _take_in_batch(
    workspace: Workspace, batch: Batch, survey: Survey, outcome: Outcome, watcher: Watcher, *, dry_run: bool
) -> None:
    checked = check(survey.plan, batch, workspace.zone)
    skipped = [*checked.skipped, *_replaced(checked, survey)]
    rows = staged(checked, {row.line for row in skipped})
    written = write(workspace.pk, survey.plan, rows, dry_run=dry_run)
    skipped += written.skipped
    outcome.created += written.created
    outcome.updated += written.updated
    outcome.unchanged += written.unchanged
    outcome.duplicates += len({row.line for row in skipped if row.replaced})
    outcome.rejected += len({row.line for row in skipped if not row.replaced})
    for row in sorted(skipped, key=lambda row: row.line):
        watcher.skipped(row)


def _replaced(checked: Checked, survey: Survey) -> Iterator[Skipped]:
    """The good rows of a batch for which others further down stand."""
    if later := survey.repeats.replaced(checked.good()):
        key = next(cells for cells in checked.columns if cells.column == survey.plan.key_column)
        for line, cell in zip(checked.lines, key.raw, strict=True):
            if line in later:
                yield Skipped.by_later(line, key.column.header, cell.strip(), later[line])
