"""Write people as CSV or NDJSON, one by one as PostgreSQL gives them, in a form that an import takes back as it was."""

import csv
import io
import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, LiteralString

import numpy as np
import orjson
import psycopg
from psycopg import sql

from contacts import properties
from contacts.builtin import BUILTIN
from contacts.columnar import extract
from contacts.columnar.columns import misfits
from contacts.columnar.extract import Ids
from contacts.importing.mapping import ID, meaning
from contacts.schema import CUSTOM, TAG, Schema
from contacts.values import Kind, Refused
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem, listed

FIRST = (ID, "externalId", "email", "phone", "firstName", "lastName", "tags")
MOST_COLUMNS = 1_600  # PostgreSQL selects 1,664 at most
FEWEST_ROWS, ROWS_A_QUERY = 500, 20_000  # how many are asked for first, and at most
BLOCK = 2**21  # about how many bytes are handed on at once


@dataclass(frozen=True)
class Column:
    """A property to be written. `header`: what a CSV calls it, so that an import finds the property again."""

    reference: str
    kind: Kind
    header: str


# --- which columns -------------------------------------------------------------------------------------------------


def columns(workspace: Workspace, names: str | None = None) -> list[Column]:
    """Those of a text like a,b in this order; if nothing is said all that anybody has, built-ins first. Raises Invalid.

    A name is `id`, a reference or the bare name of a custom property.
    """
    schema = properties.schema(workspace)
    references = _everything(workspace, schema) if names is None else _named(_split(names), schema)
    if len(references) > MOST_COLUMNS:
        number = f"there are {len(references):,} columns, and an export can have {MOST_COLUMNS:,}; choose some"
        raise Invalid([Problem("columns", number)])
    return [_column(reference, schema) for reference in references]


def _split(names: str) -> list[str]:
    """a,b as a list; a name that holds a comma stands in quotes, as in the header of a CSV. Raises Invalid."""
    try:
        return [name.strip() for row in csv.reader([names], skipinitialspace=True, strict=True) for name in row]
    except csv.Error as error:
        raise Invalid([Problem("columns", f"is no list of names with commas between them: {error}")]) from None


def _named(names: Iterable[str], schema: Schema) -> list[str]:
    found: dict[str, str] = {}
    problems = []
    for name in names:
        reference = ID if name in (ID, "id") else next(filter(schema.get, (name, CUSTOM + name)), None)
        if reference is None:
            nearest = schema.nearest(name)
            hint = f"; did you mean {listed(nearest)}?" if nearest else ""
            problems.append(Problem("columns", f"there is no property {name!r}{hint}", tuple(nearest)))
        elif reference in found:
            problems.append(Problem("columns", f"{name!r} is named twice"))
        else:
            found[reference] = name
    if not found and not problems:
        problems.append(Problem("columns", "name at least one, or leave it out for all that anybody has"))
    if problems:
        raise Invalid(problems)
    return list(found)


def _everything(workspace: Workspace, schema: Schema) -> list[str]:
    held = _held(workspace, schema)
    builtin = [name for name in BUILTIN if name not in FIRST and name != "fullName"]  # which is two others
    own = [*_sorted(schema, CUSTOM), *_sorted(schema, TAG)]
    return [ID, *(name for name in (*FIRST[1:], *builtin, *own) if name in held)]


def _sorted(schema: Schema, prefix: str) -> list[str]:
    return sorted(reference for reference in schema.own if reference.startswith(prefix))


def _held(workspace: Workspace, schema: Schema) -> set[str]:
    """The properties that somebody has, or had when the snapshot was written: a column of nothing is not kept there."""
    types = schema.types()
    values = sql.SQL(", ").join(
        sql.SQL("coalesce(bool_or({} NOT IN ('', '[]')), false)").format(extract.value(type_.reference))
        for type_ in types
    )
    with extract.cursor() as cursor:
        cursor.execute('SELECT DISTINCT "column" FROM contacts_snapshotcolumn WHERE workspace_id = %s', [workspace.pk])
        kept = {column for (column,) in cursor}
        cursor.execute(
            sql.SQL(
                "SELECT ARRAY[{}] FROM contacts_contact WHERE workspace_id = %(workspace)s AND id = ANY(ARRAY("
                "SELECT contact_id FROM contacts_contactmark WHERE workspace_id = %(workspace)s))"
            ).format(values),
            {"workspace": workspace.pk},
        )
        [(written,)] = cursor.fetchall()
    return {
        type_.reference
        for type_, new in zip(types, written, strict=True)
        if new or kept & {type_.column, misfits(type_.column)}
    }


def _column(reference: str, schema: Schema) -> Column:
    if reference == ID:
        return Column(ID, Kind.TEXT, ID)
    type_ = schema.get(reference)
    assert type_ is not None
    bare = reference.removeprefix(CUSTOM)
    return Column(reference, type_.kind, bare if _is_found_by(bare, reference) else reference)


def _is_found_by(bare: str, reference: str) -> bool:
    """Whether an import takes a column of this name for the property, and no spreadsheet takes it for a formula."""
    try:
        return bare[0].isalnum() and meaning(bare, Schema({})) == reference
    except Refused:
        return False


# --- how a value is written ----------------------------------------------------------------------------------------

# What Python's strip takes away, as an import does from every cell.
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_AT_AN_END = f"^''*[{_BLANK}]|[{_BLANK}]''*$"  # a blank, but for apostrophes
_FORMULA = "^''*[-=+@]"

# A spreadsheet runs a text that begins like a formula; behind an apostrophe it does not, and apostrophes around a
# text keep its blanks. contacts/importing/cells.py takes both off again, and only where they stand for this. Most
# texts begin with a letter or a figure and end with one, which is seen in a quarter of the time. (right(text, 1) would
# count its way through all letters.)
_TEXT = (
    "CASE WHEN (ascii({0}) BETWEEN 65 AND 126 OR ascii({0}) BETWEEN 48 AND 60)"
    " AND get_byte(textsend({0}), octet_length({0}) - 1) BETWEEN 48 AND 126 THEN {0}"
    f" WHEN {{0}} ~ '{_AT_AN_END}' THEN '''' || {{0}} || ''''"
    f" WHEN {{0}} ~ '{_FORMULA}' THEN '''' || {{0}} ELSE {{0}} END"
)

# A number that begins with + is no formula; but as a phone number any text can be stored.
_PHONE = f"CASE WHEN {{0}} ~ '^[-+]?[0-9 ().,/-]*$' THEN {{0}} ELSE {_TEXT} END"

# Items side by side, where no item could be taken for two, for a formula or for JSON; else the list as JSON.
_ITEM = rf'"[^]["\\,;=+@\-{_BLANK}](?:[^"\\,;]*[^"\\,;{_BLANK}])?"'
_LIST = (
    rf"CASE WHEN {{0}} = '[]' THEN NULL WHEN {{0}} ~ '^\[{_ITEM}(?:, {_ITEM})*\]$'"
    """ THEN replace(substr({0}, 3, length({0}) - 4), '", "', ';')"""
    rf" WHEN left({{0}}, 1) = '[' THEN {{0}} ELSE {_TEXT} END"
)

_CELL = {Kind.TEXT: _TEXT, Kind.LIST: _LIST}  # numbers, dates and JSON are written as they are
_OWN_CELL = {"phone": _PHONE, ID: "{0}"}

_WIRE_ID = "'00000000' || encode(int8send(id), 'hex')"
_ISO = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
_TAGS = "nullif(to_jsonb(tags), '[]')::text"
_OBJECTS = {CUSTOM: "custom", TAG: "substitution_tags"}


def _text(column: Column) -> sql.Composable:
    """What is stored, as the text that a cell is made from; NULL where that is nothing."""
    row = BUILTIN.get(column.reference)
    if column.reference == ID:
        return _raw(_WIRE_ID)
    if row and row.column == "tags":
        return _raw(_TAGS)
    if row and row.column and row.kind is Kind.DATE:
        return _raw(_ISO.format(row.column))
    if column.kind is Kind.OPAQUE:
        return sql.SQL("({})::text").format(_member(column))
    return sql.SQL("nullif({}, '')").format(extract.value(column.reference))


def _json(column: Column) -> sql.Composable:
    """What is stored, as JSON text; NULL where that is nothing."""
    row = BUILTIN.get(column.reference)
    if row and row.column == "tags":
        return _raw(_TAGS)
    if column.reference == ID or (row and not row.sql.startswith("profile ")):
        return _text(column) if column.kind is Kind.BOOLEAN else sql.SQL("to_json({})::text").format(_text(column))
    return sql.SQL("({})::text").format(_member(column))


def _member(column: Column) -> sql.Composable:
    """The JSON of a value that lies in one of a contact's objects."""
    key, held = (
        _key(column),
        next((_OBJECTS[prefix] for prefix in _OBJECTS if column.reference.startswith(prefix)), "profile"),
    )
    return sql.SQL("{} -> {}").format(_raw(held), _literal(key))


def _key(column: Column) -> str:
    """What a value is called in its object."""
    prefix = next(filter(column.reference.startswith, _OBJECTS), "")
    return column.reference.removeprefix(prefix)


def _raw(text: str) -> sql.Composable:
    return sql.SQL(text)  # of this module's own texts, never a user's


def _literal(name: str) -> sql.Literal:
    return sql.Literal(name.replace("%", "%%"))  # psycopg takes a lone % for a parameter


# --- rows ----------------------------------------------------------------------------------------------------------

_COPY = """
COPY (
    SELECT {written} FROM (
        SELECT id{stored} FROM contacts_contact
        WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s::bigint[]) AND lifecycle <> 'trashed'
        ORDER BY id OFFSET 0
    ) AS contact ORDER BY id
) TO STDOUT (FORMAT csv{options})
"""


def _csv(chosen: Sequence[Column]) -> tuple[sql.Composable, sql.Composable]:
    """What each contact is read as, and what is written of that."""
    names = [f"v{place}" for place in range(len(chosen))]
    # First all values, then what is made of them: PostgreSQL takes each out of its JSON object once.
    stored = (
        sql.SQL(", {} AS {}").format(_text(column), _raw(name)) for column, name in zip(chosen, names, strict=True)
    )
    forms = (_OWN_CELL.get(column.reference) or _CELL.get(column.kind, "{0}") for column in chosen)
    cells = (_raw(form.format(name)) for form, name in zip(forms, names, strict=True))
    return sql.SQL("").join(stored), sql.SQL(", ").join(cells)


def _ndjson(chosen: Sequence[Column]) -> tuple[sql.Composable, sql.Composable]:
    """An object a line, of the form in which the API takes contacts."""
    own = [[column for column in chosen if column.reference.startswith(prefix)] for prefix in _OBJECTS]
    plain = [column for column in chosen if not column.reference.startswith(tuple(_OBJECTS))]
    members = [_members(plain)]
    for key, held in zip(("customProperties", "substitutionTags"), own, strict=True):
        if held:
            members.append(sql.SQL("{} || {}").format(_raw(f"""',"{key}":'"""), _object(_members(held))))
    line = _object(sql.SQL(" || ").join(members))
    return sql.SQL(", {} AS line").format(line), sql.SQL("line")


def _members(chosen: Iterable[Column]) -> sql.Composable:
    """Each with a comma before it."""
    return sql.SQL(" || ").join(
        [_raw("''")]
        + [
            sql.SQL("coalesce({} || {}, '')").format(
                _literal(f",{orjson.dumps(_key(column)).decode()}:"), _json(column)
            )
            for column in chosen
        ]
    )


def _object(members: sql.Composable) -> sql.Composable:
    return sql.SQL("'{{' || substr({}, 2) || '}}'").format(members)


@dataclass(frozen=True)
class Format:
    """`broken`: what a file ends with that was not written to its end, so that no reader takes it for a whole one."""

    media_type: str
    broken: bytes
    query: Callable[[Sequence[Column]], tuple[sql.Composable, sql.Composable]]
    options: LiteralString
    header: Callable[[Sequence[Column]], bytes]


def _header(chosen: Sequence[Column]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(column.header for column in chosen)
    return line.getvalue().encode()


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", b'"THE EXPORT BROKE OFF HERE', _csv, "", _header),
    # JSON holds no control characters as they are, so with these for a quote and a delimiter nothing is ever quoted.
    "ndjson": Format(
        "application/x-ndjson",
        b'{"error":"THE EXPORT BROKE OFF HERE',
        _ndjson,
        r", QUOTE E'\x01', DELIMITER E'\x02'",
        lambda chosen: b"",
    ),
}


def written(
    held: Sequence[psycopg.Connection[Any]],
    workspace_id: str,
    chosen: Sequence[Column],
    format_: Format,
    ids: Iterable[int],
) -> Iterator[tuple[int, bytes]]:
    """These people, whose ids ascend, as blocks of bytes, each with how many people have been written by then.

    The connections, which see one moment, work side by side: most of the time goes into making texts out of values.
    """
    stored, cells = format_.query(chosen)
    statement = sql.SQL(_COPY).format(written=cells, stored=stored, options=sql.SQL(format_.options))
    free = SimpleQueue[psycopg.Connection[Any]]()
    for each in held:
        free.put(each)

    def fetch(part: Ids) -> bytes:
        connection = free.get()
        try:
            # psycopg puts the parameters in, as COPY has none.
            parameters = {"workspace": workspace_id, "ids": extract.array(part)}
            block = io.BytesIO()
            with psycopg.Cursor(connection) as cursor, cursor.copy(statement, parameters) as copy:
                for row in copy:  # a list of them all would keep Python's garbage collection as busy as the rest
                    block.write(row)
            return block.getvalue()
        finally:
            free.put(connection)

    yield 0, format_.header(chosen)
    with ThreadPoolExecutor(len(held)) as pool:
        coming = deque[tuple[int, Future[bytes]]]()
        try:
            left, rows, people = iter(ids), FEWEST_ROWS, 0
            while True:
                while len(coming) <= len(held) and len(part := _next(left, rows)):
                    coming.append((len(part), pool.submit(fetch, part)))
                if not coming:
                    return
                taken, future = coming.popleft()
                block = future.result()
                people += taken
                yield people, block
                # People with long texts come few at a time, so that memory stays flat.
                rows = min(max(taken * BLOCK // max(len(block), 1), 1), ROWS_A_QUERY)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _next(ids: Iterator[int], rows: int) -> Ids:
    return np.fromiter(itertools.islice(ids, rows), dtype=np.int64)


def values(
    held: psycopg.Connection[Any], workspace_id: str, references: Collection[str], ids: Iterable[int]
) -> Iterator[tuple[Any, ...]]:
    """The id of each of these people, and the texts of these properties as they are stored, in order of id."""
    query = sql.SQL(
        "SELECT id{} FROM contacts_contact"
        " WHERE workspace_id = %s AND id = ANY(%s::bigint[]) AND lifecycle <> 'trashed' ORDER BY id"
    ).format(sql.SQL("").join(sql.SQL(", {}").format(extract.value(reference)) for reference in references))
    left = iter(ids)
    with psycopg.Cursor(held) as cursor:
        while len(part := _next(left, ROWS_A_QUERY)):
            yield from cursor.execute(query, [workspace_id, extract.array(part)])
