"""Read contacts straight from the table, one or those in the trash, in the same typed columns as everybody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from psycopg import sql

from contacts.columnar import extract
from contacts.columnar.columns import ID
from contacts.columnar.extract import Rows
from contacts.columnar.snapshot import Layer, Reading
from contacts.models import Contact
from contacts.values import milliseconds
from workspaces.models import Workspace


@dataclass(frozen=True)
class OneContact:
    """`texts`: what is stored, by reference, as PostgreSQL's ->> writes it."""

    reading: Reading  # of this person alone; of nobody while they are in the trash
    texts: Mapping[str, str | None]

    def knows(self, reference: str) -> bool:
        """Whether they have a value that rules can use."""
        return any(layer.frame[reference][0] is not None for layer in self.reading.layers)


# One statement, so that values, properties and time belong together.
_LOOK = """
SELECT (SELECT timezone FROM workspaces_workspace WHERE id = %(workspace)s),
       (SELECT jsonb_agg(jsonb_build_array(id, name, label, type))::text FROM contacts_property
        WHERE workspace_id = %(workspace)s AND name = ANY(%(custom)s)),
       (SELECT jsonb_agg(jsonb_build_array(id, tag))::text FROM contacts_substitutiontag
        WHERE workspace_id = %(workspace)s AND tag = ANY(%(tags)s)),
       statement_timestamp(),
       EXISTS (SELECT FROM contacts_contact WHERE workspace_id = %(workspace)s AND id = %(contact)s),
       written.*
FROM (
    SELECT {gathered} FROM (
        SELECT * FROM contacts_contact WHERE workspace_id = %(workspace)s AND {whom} ORDER BY id
    ) AS contact
) AS written
"""
_ONE = sql.SQL("id = %(contact)s AND lifecycle <> 'trashed'")
_TRASH = sql.SQL("lifecycle = 'trashed'")


def read(workspace: Workspace, contact_id: int, references: Collection[str]) -> OneContact:
    """With the columns of these properties; references that name none are left out. Raises Contact.DoesNotExist."""
    reading, rows, exists = _look(workspace, references, _ONE, contact_id)
    if not exists:
        raise Contact.DoesNotExist
    return OneContact(reading, {name: held[0] for name, held in rows.texts.items() if held})


def read_trash(workspace: Workspace, references: Collection[str]) -> Reading:
    """Everybody in the trash, whom the snapshot leaves out. References that name no property are left out."""
    return _look(workspace, references, _TRASH)[0]


def _look(
    workspace: Workspace, references: Collection[str], whom: sql.Composable, contact_id: int | None = None
) -> tuple[Reading, Rows, bool]:
    """Also as texts, and whether there is a contact of this id."""
    known = extract.known(references)
    with extract.cursor() as cursor:
        cursor.execute(
            sql.SQL(_LOOK).format(gathered=extract.gathered(known, lists=known), whom=whom),
            {"workspace": workspace.pk, "contact": contact_id, **extract.own_names(known)},
            binary=True,
        )
        timezone, properties, tags, now, exists, *gathered = cursor.fetchall()[0]
    schema = extract.schema_of(timezone, properties, tags)
    written = Rows.of(known, *gathered)
    layers = []
    if len(written.ids):
        types = {name: type_ for name in known if (type_ := schema.get(name))}
        frame = written.typed(types.values(), schema.zone)
        frame = frame.select(ID, *(pl.col(type_.column).alias(name) for name, type_ in types.items()))
        layers = [Layer(frame, written.ids, np.empty(0, dtype=np.intp))]
    return Reading(layers, schema, milliseconds(now)), written, exists
