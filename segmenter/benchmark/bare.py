"""Hold the contacts as a Polars developer would: one plain frame in memory, of the values as they are spelled.

Texts with at most 1,000 distinct values are Enums, all others Strings; moments Datetime, days Date, lists List(String).
"""

import io

import polars as pl

from contacts.columnar import extract
from segmenter.benchmark.data import PROPERTIES
from segmenter.benchmark.rules import Twins
from workspaces.models import Workspace

FEW = 1_000

_DTYPES = {
    "id": pl.Int64,
    "email": pl.String,
    "firstName": pl.String,
    "lastName": pl.String,
    "country": pl.String,
    "createdAt": pl.Int64,
    "plan": pl.String,
    "town": pl.String,
    "source": pl.String,
    "code": pl.String,
    "language": pl.String,
    "device": pl.String,
    "monthlyFee": pl.Float64,
    "orders": pl.Int64,
    "score": pl.Float64,
    "seats": pl.Int64,
    "age": pl.Int64,
    "vip": pl.Boolean,
    "newsletter": pl.Boolean,
    "lastOrder": pl.String,
    "contractEnds": pl.String,
    "interests": pl.String,
}

_COPY = f"""
COPY (SELECT id, email, first_name, last_name, profile->>'country', (extract(epoch FROM created_at) * 1000)::bigint,
             {", ".join(f"custom->>'{name}'" for name in PROPERTIES)}
      FROM contacts_contact WHERE workspace_id = '%s' ORDER BY id) TO STDOUT (FORMAT csv)
"""


def frame(workspace: Workspace) -> pl.DataFrame:
    written = io.BytesIO()
    with extract.cursor() as cursor, cursor.copy(_COPY % workspace.pk) as copy:
        for block in copy:
            written.write(block)
    written.seek(0)
    read = pl.read_csv(written, has_header=False, new_columns=list(_DTYPES), schema_overrides=list(_DTYPES.values()))
    return read.with_columns(
        pl.col("createdAt").cast(pl.Datetime("ms", "UTC")),
        pl.col("lastOrder").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", time_zone="UTC"),
        pl.col("contractEnds").str.to_date(),
        pl.col("interests").str.json_decode(pl.List(pl.String)),
        *(read[name].cast(pl.Enum(read[name].drop_nulls().unique().sort())) for name in _of_few_values(read)),
    )


def _of_few_values(read: pl.DataFrame) -> list[str]:
    texts = [name for name, dtype in _DTYPES.items() if dtype is pl.String]
    rest = {"lastOrder", "contractEnds", "interests"}
    return [name for name in texts if name not in rest and read[name].n_unique() <= FEW]


def count(held: pl.DataFrame, twins: Twins) -> int:
    return int(held.select(twins.polars.sum()).item())
