"""Make up contacts inside PostgreSQL: many, quickly, and each time the same."""

import random

from contacts import properties
from contacts.values import Kind
from segmenter.benchmark.database import execute
from workspaces.models import Workspace

SEED = 0.42  # PostgreSQL's random() gives the same contacts again after it

# Besides these the country, a built-in: 17 in all. E-mail, names and the time of creation come on top.
PROPERTIES = {
    "plan": Kind.TEXT,
    "town": Kind.TEXT,
    "source": Kind.TEXT,
    "code": Kind.TEXT,
    "language": Kind.TEXT,
    "device": Kind.TEXT,
    "monthlyFee": Kind.NUMBER,
    "orders": Kind.NUMBER,
    "score": Kind.NUMBER,
    "seats": Kind.NUMBER,
    "age": Kind.NUMBER,
    "vip": Kind.BOOLEAN,
    "newsletter": Kind.BOOLEAN,
    "lastOrder": Kind.DATE,
    "contractEnds": Kind.DATE,
    "interests": Kind.LIST,
}

# About one value in ten is missing. Of every day before now, no moment lies in the last hour or the first eleven: the
# relative dates of rules find the same people for as long as the benchmark may take.
_MOMENT = "now() - floor(random() * {days}) * interval '1 day' - (1 + random() * 12) * interval '1 hour'"
_INSERT = f"""
INSERT INTO contacts_contact (workspace_id, email, first_name, last_name, profile, custom, created_at)
SELECT %(workspace)s, 'user' || n || '@mail' || (n %% 20) || '.example', 'First' || (n %% 500), 'Last' || (n %% 3001),
       jsonb_build_object('country', ('{{ES,DE,GB,FR,PT,SE,PL,IT,NL,US}}'::text[])[1 + floor(random() * random() * 10)::int]),
       jsonb_strip_nulls(jsonb_build_object(
         'plan', (array[null,'Free','Free','Free','Starter','Starter','Pro','Pro','Team','Enterprise'])[1 + floor(random() * 10)::int],
         'town', 'Town ' || floor(random() * 5000)::int,
         'source', 'Campaign ' || floor(random() * 30)::int,
         'code', md5(n::text),
         'language', (array['en','es','de','fr',null])[1 + floor(random() * 5)::int],
         'device', (array['ios','android','web'])[1 + floor(random() * 3)::int],
         'monthlyFee', CASE WHEN random() < 0.9 THEN round((random() * 300)::numeric, 2) END,
         'orders', floor(random() * random() * 60)::int,
         'score', random(),
         'seats', floor(random() * 100)::int,
         'age', CASE WHEN random() < 0.8 THEN 18 + floor(random() * 60)::int END,
         'vip', random() < 0.05,
         'newsletter', CASE WHEN random() < 0.9 THEN random() < 0.5 END,
         'lastOrder', CASE WHEN random() < 0.9 THEN
            to_char({_MOMENT.format(days=700)}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
         'contractEnds', to_char(now() + (random() - 0.5) * interval '700 days', 'YYYY-MM-DD'),
         'interests', (array['["Sport"]','["Music","Küche"]','["Travel","Sport"]','[]'])[1 + floor(random() * 4)::int]::jsonb)),
       {_MOMENT.format(days=1500)}
FROM generate_series(1, %(contacts)s) AS n
"""  # noqa: E501


def workspace_with(contacts: int) -> Workspace:
    """A workspace with so many contacts, none of them in the snapshot yet."""
    workspace = Workspace.objects.create(name="Benchmark")
    properties.declare(workspace, PROPERTIES)
    execute("SELECT setseed(%(seed)s)", {"seed": SEED})
    execute(_INSERT, {"workspace": workspace.pk, "contacts": contacts})
    execute("VACUUM (ANALYZE) contacts_contact")
    return workspace


_NUMBERS = """
UPDATE contacts_contact SET external_id = 'c-' || id, phone = '+346' || lpad((id * 7919 %% 100000000)::text, 8, '0')
WHERE workspace_id = %(workspace)s
"""


def give_numbers(workspace: Workspace) -> None:
    """Everybody gets a phone number and an external id, which the rules that are compared with SQL do not ask for."""
    execute(_NUMBERS, {"workspace": workspace.pk})
    execute("VACUUM (ANALYZE) contacts_contact")


def digits(contact_id: int) -> str:
    """The last eight digits of somebody's phone number."""
    return f"{contact_id * 7919 % 100_000_000:08}"


# What a careful SQL developer adds for these rules; e-mail has its index already. The first is partial, so that
# PostgreSQL need not look whether somebody is trashed; the second is not, since a partial one brings no statistics.
# jsonb_path_ops, because @> is faster over it than over the default, which is larger too.
_INDEXES = [
    "CREATE INDEX ON contacts_contact (workspace_id, created_at) WHERE lifecycle <> 'trashed'",
    "CREATE INDEX ON contacts_contact (workspace_id, (profile->>'country'))",
    "CREATE INDEX ON contacts_contact USING gin (custom jsonb_path_ops)",
]


def add_indexes() -> None:
    for index in _INDEXES:
        execute(index)
    execute("VACUUM (ANALYZE) contacts_contact")


class Writer:
    """Somebody who changes contacts here and there by SQL; no two changes at once are of the same contact."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._random = workspace.pk, random.Random(1)
        query = "SELECT min(id), max(id) FROM contacts_contact WHERE workspace_id = %(workspace)s"
        ((first, last),) = execute(query, {"workspace": workspace.pk})
        self._ids = range(first, last + 1)  # one statement made them, so none is left out

    def change(self, contacts: int) -> None:
        execute(
            "UPDATE contacts_contact SET custom = jsonb_set(custom, '{score}', to_jsonb(random()))"
            " WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)",
            {"workspace": self._workspace, "ids": self._random.sample(self._ids, contacts)},
        )
