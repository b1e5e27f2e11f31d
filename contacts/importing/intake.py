"""Write the rows of a file: they are copied to a staging table, and one statement adds or brings up to date.

Which person a row is about PostgreSQL finds by the external id itself. By e-mail address or phone number, which several
people may share, we look it up first.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from contacts.builtin import BUILTIN
from contacts.importing.cells import Checked
from contacts.importing.csvfile import Skipped
from contacts.importing.mapping import Column, Plan, Policy
from contacts.schema import CUSTOM
from contacts.writing import keys
from contacts.writing.staging import Raced

MANY_KEYS = 8 * keys.STRIPES
LINE, CONTACT = "line", "contact_id"
_TYPES = {LINE: "bigint", CONTACT: "bigint", "tags": "text[]", "substitution_tags": "jsonb", "profile": "jsonb"}
_TYPES["custom"] = "jsonb"
_NOTHING = {"text": "''", "text[]": "'{{}}'", "jsonb": "'{{}}'"}  # in a template


@dataclass
class Written:
    """What one transaction did."""

    created: int
    updated: int
    unchanged: int
    skipped: list[Skipped]


# --- rows ----------------------------------------------------------------------------------------------------------


def staged(checked: Checked) -> pl.DataFrame:
    """Its rows as they are to be written: `line`, and a column for each field of contacts that a column goes to."""
    fields: dict[str, pl.Series] = {LINE: pl.Series(checked.lines)}
    parts: dict[str, list[pl.Series]] = {}
    for cells in checked.columns:
        name = field_of(cells.column)
        if name == "full_name":
            fields |= _first_and_last(cells.said)
        elif _TYPES.get(name) == "jsonb":
            parts.setdefault(name, []).append(cells.said)
        else:
            fields[name] = cells.said
    return pl.DataFrame(fields).with_columns(_object(columns).alias(name) for name, columns in parts.items())


def field_of(column: Column) -> str:
    """The field of contacts, or "full_name"."""
    builtin = BUILTIN.get(column.reference)
    if builtin is None:
        return "custom" if column.reference.startswith(CUSTOM) else "substitution_tags"
    return "full_name" if builtin.name == "fullName" else builtin.column or "profile"


def _object(parts: Sequence[pl.Series]) -> pl.Series:
    frame = pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)])
    inside = pl.concat_str(pl.all(), separator=",", ignore_nulls=True).fill_null("")
    return frame.select(pl.lit("{") + inside + pl.lit("}")).to_series()


def _first_and_last(names: pl.Series) -> dict[str, pl.Series]:
    """A full name is all of a name: one without a space says that there is no last name."""
    parts = names.str.splitn(" ", 2).struct
    last = parts.field("field_1").str.strip_chars().fill_null("")
    return {"first_name": parts.field("field_0"), "last_name": last.set(names.is_null(), None)}


# --- writing -------------------------------------------------------------------------------------------------------


def write(cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: pl.DataFrame) -> Written:
    """In the caller's transaction, which holds the types. No two rows name the same key. Raises Raced."""
    reference = plan.key_column.reference
    if len(rows) > MANY_KEYS:
        keys.hold_all(workspace_id, reference)
    else:
        keys.hold(workspace_id, [(reference, key) for key in rows[BUILTIN[reference].column]])
    if reference == "externalId":
        return _write_by_external_id(cursor, workspace_id, Statements(plan), rows)
    return _write_by_others(cursor, workspace_id, Statements(plan), rows)


def _write_by_external_id(
    cursor: psycopg.Cursor[Any], workspace_id: str, statements: "Statements", rows: pl.DataFrame
) -> Written:
    _stage(cursor, statements, rows)
    cursor.execute(statements.upsert(), {"workspace": workspace_id})
    ((created, updated),) = cursor.fetchall()
    cursor.execute("DROP TABLE staged")
    return Written(created, updated, len(rows) - created - updated, [])


def _write_by_others(
    cursor: psycopg.Cursor[Any], workspace_id: str, statements: "Statements", rows: pl.DataFrame
) -> Written:
    rows, skipped = _each_person_once(cursor, workspace_id, statements.plan, rows)
    if "external_id" in rows.columns:
        rows, taken = _apart_from_others(cursor, workspace_id, statements.plan, rows)
        skipped += taken
    _stage(cursor, statements, rows)
    known = rows[CONTACT].drop_nulls().to_list()
    updated = cursor.execute(statements.update(), {"workspace": workspace_id, "known": known}).rowcount if known else 0
    new = len(rows) - len(known)
    if new and cursor.execute(statements.insert(), {"workspace": workspace_id}).rowcount != new:
        raise Raced
    cursor.execute("DROP TABLE staged")
    return Written(new, updated, len(known) - updated, skipped)


def _stage(cursor: psycopg.Cursor[Any], statements: "Statements", rows: pl.DataFrame) -> None:
    # Joins are hashed. Where many have just been added to a workspace the planner thinks that it is empty, and a
    # nested loop would then read all of it for every row.
    cursor.execute("SET LOCAL enable_nestloop = off")
    cursor.execute(statements.stage(rows.columns))
    data = io.BytesIO()
    rows.write_csv(data, include_header=False)
    with cursor.copy("COPY staged FROM STDIN (FORMAT csv)") as copy:
        copy.write(data.getbuffer())


def _each_person_once(
    cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: pl.DataFrame
) -> tuple[pl.DataFrame, list[Skipped]]:
    """Adds whom each row is about. Python and PostgreSQL do not lower every letter alike: two may still be one."""
    key = plan.key_column.reference
    field = BUILTIN[key].column
    spelled = rows[field].to_list()
    same = keys.lowered(cursor, spelled) if key == "email" else {value: value for value in spelled}
    last = {same[value]: line for value, line in zip(spelled, rows[LINE], strict=True)}
    skipped = [
        Skipped.by_later(line, plan.key_column.header, value, last[same[value]])
        for value, line in zip(spelled, rows[LINE], strict=True)
        if line != last[same[value]]
    ]
    known = {each.key(key): each.id for each in reversed(keys.find(cursor, workspace_id, key, last))}  # the lowest id
    contacts = pl.Series(CONTACT, [known.get(same[value]) for value in spelled], dtype=pl.Int64)
    return rows.with_columns(contacts).filter(pl.col(LINE).is_in(list(last.values()))), skipped


def _apart_from_others(
    cursor: psycopg.Cursor[Any], workspace_id: str, plan: Plan, rows: pl.DataFrame
) -> tuple[pl.DataFrame, list[Skipped]]:
    """Where people are found by something else, an external id may be somebody else's already, or named twice."""
    named = set(rows["external_id"].drop_nulls())
    owner = {each.external_id: each.id for each in keys.find(cursor, workspace_id, "externalId", named)}
    seen: set[str] = set()
    skipped = []
    for contact, line, external_id in rows.select(CONTACT, LINE, "external_id").iter_rows():
        if external_id is None:
            continue
        if external_id in owner and owner[external_id] != contact:
            reason = "is somebody else's external id"
        elif external_id in seen:
            reason = "is the external id of somebody further up"
        else:
            seen.add(external_id)
            continue
        skipped.append(Skipped(line, plan.header("externalId"), external_id, reason))
    return rows.filter(~pl.col(LINE).is_in([row.line for row in skipped])), skipped


# --- SQL -----------------------------------------------------------------------------------------------------------


class Statements:
    """What the columns of a plan make of contacts, as SQL: `contact` is as it was, `excluded` what a row says."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.columns = [column for column in plan.columns if column.reference]
        self.fields = list(dict.fromkeys(name for column in self.columns for name in _fields(column)))

    def stage(self, columns: Sequence[str]) -> sql.Composed:
        typed = (sql.Identifier(name) + sql.SQL(f" {_type(name)}") for name in columns)
        return sql.SQL("CREATE TEMPORARY TABLE staged ({}) ON COMMIT DROP").format(sql.SQL(", ").join(typed))

    def upsert(self) -> sql.Composed:
        """By external id."""
        return sql.SQL(
            """
            WITH written AS (
                INSERT INTO contacts_contact AS contact (workspace_id, {fields})
                SELECT %(workspace)s, {said} FROM staged ORDER BY line
                ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO UPDATE SET {merged}
                WHERE {differs}
                RETURNING contact.xmax = 0 AS is_new
            )
            SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written
            """
        ).format(**self._parts())

    def update(self) -> sql.Composed:
        # By the ids as well: where many have just been added to a workspace the planner thinks that it is empty.
        return sql.SQL(
            """
            UPDATE contacts_contact AS contact SET {merged}
            FROM (SELECT contact_id, {named} FROM staged) AS excluded
            WHERE contact.id = excluded.contact_id AND contact.id = ANY(%(known)s)
            AND contact.workspace_id = %(workspace)s AND ({differs})
            """
        ).format(**self._parts())

    def insert(self) -> sql.Composed:
        return sql.SQL(
            """
            INSERT INTO contacts_contact (workspace_id, {fields})
            SELECT %(workspace)s, {said} FROM staged WHERE contact_id IS NULL ORDER BY line
            ON CONFLICT (workspace_id, external_id) WHERE external_id <> '' DO NOTHING
            """
        ).format(**self._parts())

    def _parts(self) -> dict[str, sql.Composable]:
        said = {name: self._said(name) for name in self.fields}
        merged = {name: self._merged(name) for name in self.fields}
        changes = (sql.SQL("{} <> contact.{}").format(value, sql.Identifier(name)) for name, value in merged.items())
        sets = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in merged.items()]
        return {
            "fields": sql.SQL(", ").join(map(sql.Identifier, said)),
            "said": sql.SQL(", ").join(said.values()),
            "named": sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in said.items()
            ),
            "merged": sql.SQL(", ").join([*sets, sql.SQL("lifecycle = 'active', updated_at = now()")]),
            "differs": sql.SQL(" OR ").join([*changes, sql.SQL("contact.lifecycle <> 'active'")]),
        }

    def _said(self, name: str) -> sql.Composable:
        return sql.SQL(f"coalesce({{}}, {_NOTHING[_type(name)]})").format(sql.Identifier(name))

    def _merged(self, name: str) -> sql.Composable:
        if _type(name) == "jsonb":
            return self._merged_object(name)
        policy = next(column.policy for column in self.columns if name in _fields(column))
        # A full name says something of the last name even where there is none.
        whole = name == "last_name" and any(field_of(column) == "full_name" for column in self.columns)
        witness = "first_name" if whole else name
        if policy is Policy.APPEND:
            return sql.SQL("contacts_with_items(contact.{0}, excluded.{0})").format(sql.Identifier(name))
        first, second = ("contact", "excluded") if policy is Policy.KEEP else ("excluded", "contact")
        return sql.SQL(
            f"CASE WHEN {first}.{{witness}} <> {_NOTHING[_type(name)]} THEN {first}.{{name}} ELSE {second}.{{name}} END"
        ).format(witness=sql.Identifier(witness), name=sql.Identifier(name))

    def _merged_object(self, name: str) -> sql.Composable:
        merged: sql.Composable = sql.SQL("contact.{0} || excluded.{0}").format(sql.Identifier(name))
        for column in self.columns:
            if field_of(column) == name and column.policy is not Policy.OVERWRITE:
                parts = {"field": sql.Identifier(name), "key": _literal(_key(column)), "so_far": merged}
                merged = sql.SQL(_BY_POLICY[column.policy]).format(**parts)
        return merged


_BY_POLICY = {
    Policy.KEEP: (
        "{so_far} || CASE WHEN contact.{field} ? {key} THEN jsonb_build_object({key}, contact.{field} -> {key})"
        " ELSE '{{}}' END"
    ),
    Policy.APPEND: (
        "{so_far} || CASE WHEN contact.{field} ? {key} AND excluded.{field} ? {key} THEN jsonb_build_object({key},"
        " contacts_with_items(contact.{field} -> {key}, excluded.{field} -> {key})) ELSE '{{}}' END"
    ),
}


def _fields(column: Column) -> tuple[str, ...]:
    name = field_of(column)
    return ("first_name", "last_name") if name == "full_name" else (name,)


def _key(column: Column) -> str:
    return column.reference if column.reference in BUILTIN else column.reference.partition(".")[2]


def _type(name: str) -> str:
    return _TYPES.get(name, "text")


def _literal(text: str) -> sql.Composable:
    return sql.SQL("{}::text").format(sql.Literal(text.replace("%", "%%")))  # psycopg takes a lone % for a parameter
