"""Rewrite what contacts hold of a property as values of another type, or take it away."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from contacts.columnar import extract
from contacts.models import wire_id
from contacts.schema import CUSTOM, TAG
from contacts.values import Kind, Refused, is_missing, stored
from workspaces.models import Workspace

ROWS_A_BATCH = 10_000
MOST_SHOWN = 20
LONGEST_SHOWN = 100


@dataclass(frozen=True)
class Reject:
    """A value that is none of the new type, as JSON."""

    contact_id: int
    value: str
    reason: str

    def as_json(self) -> dict[str, str]:
        return {"contactId": wire_id(self.contact_id), "value": self.value, "reason": self.reason}

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= LONGEST_SHOWN else self.value[: LONGEST_SHOWN - 3] + "..."
        return f"contact {wire_id(self.contact_id)}: {shown} {self.reason}"


@dataclass
class Conversion:
    """What became of a property's values: held = kept as they were + converted + emptied + rejected."""

    held: int = 0
    converted: int = 0  # written in another form
    emptied: int = 0  # said nothing, like "" or [], which raw SQL can put there
    rejected: int = 0
    first_rejects: list[Reject] = field(default_factory=list)

    @property
    def known(self) -> int:
        """Values that say something."""
        return self.held - self.emptied

    @property
    def fitting(self) -> int:
        """Those of them that are, or can be, of the new type."""
        return self.known - self.rejected

    @property
    def more(self) -> int:
        """Rejects that are not among the first."""
        return self.rejected - len(self.first_rejects)

    def as_json(self) -> dict[str, Any]:
        return {
            "held": self.held,
            "converted": self.converted,
            "emptied": self.emptied,
            "rejected": self.rejected,
            "firstRejects": [each.as_json() for each in self.first_rejects],
        }


def converted(kind: Kind, value: Any, zone: tzinfo) -> Any:
    """A JSON value of any kind as one of this kind; None if it says nothing. Raises Refused.

    A list of one stands for its one item, and a single value for a list of one. What is of the kind already stays as
    it is, so converting twice is converting once.
    """
    if is_missing(value):
        return None
    if kind is Kind.OPAQUE:
        return value
    if kind is Kind.LIST:
        return stored(kind, value if isinstance(value, list) else [value], zone)
    if isinstance(value, list):
        value = _only(kind, value)
    if isinstance(value, dict):
        raise Refused(f"is an object, not a {kind}")
    return stored(kind, value, zone)


def _only(kind: Kind, items: list[Any]) -> Any:
    known = [item for item in items if not is_missing(item)]
    if len(known) > 1 or any(isinstance(item, list) for item in known):
        raise Refused(f"is a list of {len(items)}; a {kind} holds one value")
    return known[0] if known else None


def converted_option(kind: Kind, option: Any, zone: tzinfo) -> Any:
    """A value to be offered for choice; for a list that is one of its items. Raises Refused."""
    fit = converted(Kind.TEXT if kind is Kind.LIST else kind, option, zone)
    if fit is None:
        raise Refused("is empty")
    return fit


def convert(
    workspace: Workspace,
    name: str,
    kind: Kind,
    *,
    write: bool,
    drop_rejects: bool = False,
    watch: Callable[[Reject], None] = lambda reject: None,
) -> Conversion:
    """Convert everybody's value of a custom property, those of trashed contacts too. `watch` is told of every reject.

    Nothing more is written behind the first reject unless rejects are to be dropped: roll back then. For use in the
    transaction that changes the property, under its locks.
    """
    found = Conversion()
    for batch in _held(workspace.pk, name, locked=write):
        results = {text: _attempt(kind, text, workspace.zone) for text in {text for _, text in batch}}
        changes = list(_changes(batch, results, found, watch))
        if write and (drop_rejects or not found.rejected):
            _write(workspace.pk, name, changes)
    return found


def _held(workspace_id: str, name: str, *, locked: bool) -> Iterator[Sequence[tuple[int, str]]]:
    """The contacts that hold a value, and the value as JSON, batch by batch.

    Rows are locked as they are read, so that what is written over a value was made from that very value.
    """
    query = sql.SQL(
        "SELECT id, (custom -> %(name)s::text)::text FROM contacts_contact"
        " WHERE workspace_id = %(workspace)s AND custom ? %(name)s::text {lock}"
    ).format(lock=sql.SQL("FOR NO KEY UPDATE" if locked else ""))
    connection.ensure_connection()
    with psycopg.ServerCursor(connection.connection, "values_held") as cursor:
        cursor.execute(query, {"workspace": workspace_id, "name": name})
        while batch := cursor.fetchmany(ROWS_A_BATCH):
            yield batch


def _attempt(kind: Kind, text: str, zone: tzinfo) -> str | Refused | None:
    """The new value as JSON, the very text that came in where nothing changes."""
    try:
        value = json.loads(text)
        fit = converted(kind, value, zone)
    except Refused as error:
        return error
    except RecursionError:
        return text if kind is Kind.OPAQUE else Refused("is nested too deeply")
    if fit is None:
        return None
    spelled = json.dumps(fit, ensure_ascii=False)
    return text if spelled == json.dumps(value, ensure_ascii=False) else spelled


def _changes(
    batch: Iterable[tuple[int, str]],
    results: dict[str, str | Refused | None],
    found: Conversion,
    watch: Callable[[Reject], None],
) -> Iterator[tuple[int, str | None]]:
    """The contacts to be written and what they get, None for nothing; counts all of the batch."""
    for contact_id, text in batch:
        found.held += 1
        match results[text]:
            case Refused() as error:
                reject = Reject(contact_id, text, str(error))
                found.rejected += 1
                found.first_rejects += [reject] if found.rejected <= MOST_SHOWN else []
                watch(reject)
                yield contact_id, None
            case None:
                found.emptied += 1
                yield contact_id, None
            case str(fit) if fit != text:
                found.converted += 1
                yield contact_id, fit


def _write(workspace_id: str, name: str, changes: list[tuple[int, str | None]]) -> None:
    if not changes:
        return
    ids = [contact_id for contact_id, _ in changes]
    # The range of ids keeps the planner from reading everybody once for each batch.
    with extract.cursor() as cursor:
        cursor.execute(
            """
            UPDATE contacts_contact AS contact SET custom = CASE
                WHEN fresh.value IS NULL THEN custom - %(name)s::text
                ELSE custom || jsonb_build_object(%(name)s::text, fresh.value::jsonb) END
            FROM unnest(%(ids)s::bigint[], %(values)s::text[]) AS fresh (id, value)
            WHERE contact.id = fresh.id AND contact.workspace_id = %(workspace)s
            AND contact.id BETWEEN %(first)s AND %(last)s
            """,
            {
                "workspace": workspace_id,
                "name": name,
                "ids": ids,
                "values": [value for _, value in changes],
                "first": min(ids),
                "last": max(ids),
            },
        )


_COLUMNS = {CUSTOM: "custom", TAG: "substitution_tags"}
_COUNT = "SELECT count(*) FROM contacts_contact WHERE workspace_id = %(workspace)s AND {column} ? %(name)s::text"
_REMOVE = """
    WITH held AS (
        UPDATE contacts_contact SET {column} = {column} - %(name)s::text
        WHERE workspace_id = %(workspace)s AND {column} ? %(name)s::text RETURNING 1
    ) SELECT count(*) FROM held
"""


def remove(workspace: Workspace, reference: str, *, write: bool) -> int:
    """Take everybody's value of a custom property or substitution tag away; how many contacts had one."""
    prefix = next(prefix for prefix in _COLUMNS if reference.startswith(prefix))
    query = sql.SQL(_REMOVE if write else _COUNT).format(column=sql.Identifier(_COLUMNS[prefix]))
    with extract.cursor() as cursor:
        cursor.execute(query, {"workspace": workspace.pk, "name": reference.removeprefix(prefix)})
        [(held,)] = cursor.fetchall()
    return int(held)


def said(found: Conversion) -> list[str]:
    """The rejects in words: the first ones, and how many more there are."""
    return [*map(str, found.first_rejects), *([f"and {found.more:,} more values"] if found.more else [])]
