"""Read a file of JSON objects, one a line, as the rows of a table whose columns are all the names in it."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from contacts.importing.csvfile import LONGEST_RECORD, MOST_COLUMNS, Batch, Skipped, batch_of, header_name
from contacts.schema import CUSTOM, TAG
from contacts.values import Kind, is_missing, kind_of
from workspaces.problems import Invalid, Problem

# Marks a cell that is JSON: a list, an object, or a text that cells of a CSV cannot say. No text can begin so: one that
# holds a NUL is refused below.
STRUCTURE = "\0"

_INSIDE = {"customProperties": CUSTOM, "substitutionTags": TAG}
BYTES_A_BATCH = 2 * 2**20
_BOM = b"\xef\xbb\xbf"


class Lines:
    """A line that is no JSON object is a bad row; the file is refused only where it has no end to a line."""

    encoding, delimiter = "utf-8", ""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._kinds: dict[str, Kind] | None = None

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What a property becomes that takes the values of a column, by its name; in the order of the file."""
        if self._kinds is None:
            self._kinds = self._read_kinds()
        return self._kinds

    def header(self) -> list[str]:
        if not self.kinds:
            raise Invalid([Problem("", "there is no JSON object with names and values in the file")])
        return list(self.kinds)

    def batches(self, width: int, size: int) -> Iterator[Batch]:
        places = {name: place for place, name in enumerate(self.header())}
        rows: list[list[str | None]] = []
        lines: list[int] = []
        bad: list[Skipped] = []
        taken = 0
        for line, raw, record in self._records():
            if isinstance(record, str):
                bad.append(Skipped(line, "", raw.decode(errors="replace")[:1000].strip(), record))
            else:
                cells: list[str | None] = [None] * width
                for name, value in record.items():
                    cells[places[name]] = _cell(value)
                rows.append(cells)
                lines.append(line)
            taken += len(raw)
            if len(lines) + len(bad) == size or taken > BYTES_A_BATCH:
                yield batch_of(rows, lines, bad, width)
                rows, lines, bad, taken = [], [], [], 0
        if lines or bad:
            yield batch_of(rows, lines, bad, width)

    def _read_kinds(self) -> dict[str, Kind]:
        found: dict[str, set[Kind]] = {}
        for _line, _raw, record in self._records():
            for name, value in record.items() if isinstance(record, dict) else ():
                kinds = found.setdefault(name, set())
                if not is_missing(value):
                    kinds.add(kind_of(value))
            if len(found) > MOST_COLUMNS:
                raise Invalid([Problem("", f"the objects have more than {MOST_COLUMNS:,} names together")])
        return {name: _common(kinds) for name, kinds in found.items()}

    def _records(self) -> Iterator[tuple[int, bytes, dict[str, Any] | str]]:
        """Each line's number, the line, and what it holds by flat names, or what is wrong with it."""
        self.file.seek(0)
        line = 0
        while raw := self.file.readline(LONGEST_RECORD):
            line += 1
            if len(raw) == LONGEST_RECORD:
                raise Invalid([Problem(f"line {line}", f"is longer than {LONGEST_RECORD // 2**20} MB")])
            text = raw.removeprefix(_BOM) if line == 1 else raw
            if text.strip():
                yield line, raw, _record(text)


def _record(text: bytes) -> dict[str, Any] | str:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"is no JSON: {error.msg} at column {error.colno}"
    if not isinstance(read, dict):
        return "is no JSON object"
    flat: dict[str, Any] = {}
    for name, value in read.items():
        if name in _INSIDE and isinstance(value, dict):
            flat |= {_INSIDE[name] + header_name(inner): each for inner, each in value.items()}
        else:
            flat[header_name(name)] = value
    if any("\0" in name for name in flat):
        return "holds a NUL character in a name"
    holding = next((name for name, value in flat.items() if isinstance(value, str) and "\0" in value), None)
    return flat if holding is None else f"holds a NUL character in {holding}"


def _cell(value: Any) -> str | None:
    match value:
        case None:
            return None
        case str() if value.startswith("'") or value != value.strip():
            return STRUCTURE + orjson.dumps(value).decode()
        case str():
            return value
        case list() | dict():
            return STRUCTURE + orjson.dumps(value).decode() if value else None
    return orjson.dumps(value).decode()


def _common(kinds: set[Kind]) -> Kind:
    """What all values can be."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return Kind.OPAQUE if kinds & {Kind.LIST, Kind.OPAQUE} else Kind.TEXT
