"""Imports as jobs: over HTTP, tried out, started, cancelled, gone on with, and every row accounted for."""

import csv
import json
import threading
from io import BytesIO, StringIO

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts.columnar import extract
from contacts.columnar.refresh import refresh_within
from contacts.importing import import_jobs, imports, tasks, uploads
from contacts.importing.import_jobs import Options
from contacts.models import Contact, ContactMark, ImportJob, ImportPart, Property
from contacts.writing import keys
from segments.engine import audience
from tests.people import custom
from workspaces.models import ApiKey
from workspaces.problems import Conflict

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "id,plan,email\n1,pro,ada@example.com\n2,free,\n3,pro,nobody@\n"


class Context:
    """What a worker tells a task."""

    aborting = False

    def should_abort(self):
        return self.aborting


def work(context=None):
    """Do what a worker would: every job that waits."""
    done = 0
    while job := ProcrastinateJob.objects.filter(task_name="imports.run", status="todo").order_by("pk").first():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])
        tasks.run_import.func(context or Context(), **job.args)
        done += 1
    return done


def send(api, shop, content, name="people.csv", **fields):
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())
    return api.client.post(
        f"/api/workspaces/{shop.pk}/imports", {**fields, "file": file}, headers={"x-api-key": api.key}
    )


def sent(api, shop, content, **fields):
    answer = send(api, shop, content, **fields)
    assert answer.status_code == 202, answer.content
    return answer.json()["data"]["import"]


def shown(api, job):
    document = api.get(f"/api/imports/{job['_id']}").json()["data"]["import"]
    assert document["doneRows"] == sum(document[name] for name in import_jobs.COUNTS)
    return document


def outcome(document):
    return " ".join(f"{document[name]} {name}" for name in import_jobs.COUNTS if document[name])


def rejects(api, job):
    answer = api.get(f"/api/imports/{job['_id']}/rejects")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def imported(shop, content, key="id", **options):
    """Run in this process; the job and who is there then."""
    file = BytesIO(content.encode() if isinstance(content, str) else content)
    job = import_jobs.create(shop, file, Options(key=key, **options))
    imports.run(job, file)
    job.refresh_from_db()
    return job


# --- over HTTP -----------------------------------------------------------------------------------------------------


def test_a_file_is_taken_in_by_a_worker_and_its_job_tells_how_it_went(api, shop):
    answer = send(api, shop, PEOPLE, key="id")
    job = answer.json()["data"]["import"]
    assert (answer.status_code, answer["Location"]) == (202, f"/api/imports/{job['_id']}")
    assert (job["state"], job["fileName"], job["rows"], Contact.objects.count()) == ("waiting", "people.csv", None, 0)
    assert work() == 1
    done = shown(api, job)
    assert (done["state"], done["rows"], outcome(done)) == ("done", 3, "2 created 1 rejected")
    assert [(column["header"], column["property"]) for column in done["columns"]] == [
        ("id", "externalId"), ("plan", "customProperties.plan"), ("email", "email")
    ]  # fmt: skip
    [first] = done["firstRejects"]
    assert (first["line"], first["column"], first["value"]) == (4, "email", "nobody@")
    [row] = rejects(api, job)
    assert (row["line"], row["value"]) == ("4", "nobody@")
    assert ImportPart.objects.count() == 0  # the file is not kept longer than it is needed


@pytest.mark.parametrize(("kind", "content"), [
    ("text/csv", PEOPLE),
    ("text/csv; charset=utf-8", PEOPLE),
    ("application/x-ndjson", '{"id": 1, "plan": "pro", "email": "ada@example.com"}\n{"id": "2", "plan": "free"}\n{"id": 3, "email": "nobody@"}\n'),
])  # fmt: skip
def test_a_body_may_be_the_file_itself(api, shop, kind, content):
    answer = api.client.post(f"/api/workspaces/{shop.pk}/imports?key=id", content, content_type=kind, headers={"x-api-key": api.key})  # fmt: skip
    assert answer.status_code == 202, answer.content
    work()
    assert outcome(shown(api, answer.json()["data"]["import"])) == "2 created 1 rejected"


def test_a_large_file_lies_in_parts_and_is_read_back_as_it_was(api, shop, monkeypatch):
    monkeypatch.setattr(uploads, "PART", 1000)
    content = "id,plan\n" + "".join(f"{number},größer{number}\n" for number in range(1000))
    job = sent(api, shop, content, key="id")
    assert ImportPart.objects.count() == -(-len(content.encode()) // 1000)
    with uploads.opened(ImportJob.objects.get()) as file:
        assert file.read() == content.encode()
        file.seek(990)
        assert file.read(20) == content.encode()[990:1010]
    work()
    assert outcome(shown(api, job)) == "1000 created"


def test_what_is_proposed_can_be_sent_back(api, shop):
    job = sent(api, shop, "customer_id,email,plan\n7,ana@example.com,pro\n", key="customer_id", start=False)
    columns = job["head"]["columns"]
    assert [each["property"] for each in columns] == ["externalId", "email", "customProperties.plan"]
    answer = api.post(f"/api/imports/{job['_id']}/start", {"mapping": {each["header"]: each["property"] for each in columns}})  # fmt: skip
    assert answer.status_code == 202, answer.content
    work()
    assert outcome(shown(api, job)) == "1 created"


def test_a_file_can_wait_for_somebody_to_say_how_it_shall_be_taken(api, shop):
    Property.objects.create(workspace=shop, name="spend", type="number")
    content = "Customer ID,E-mail,Spend,Since,Since,createdAt\n" + "".join(
        f"{n},,{n % 5},03/04/2024,x,y\n" for n in range(9)
    )
    job = sent(api, shop, content, start=False)
    assert (job["state"], work()) == ("uploaded", 0)
    head = shown(api, job)["head"]
    assert (head["encoding"], head["delimiter"], head["key"]) == ("utf-8", ",", "Customer ID")
    assert [(each["header"], each["property"], each["samples"][:3]) for each in head["columns"]] == [
        ("Customer ID", "customProperties.Customer ID", ["0", "1", "2"]),
        ("E-mail", "email", []),
        ("Spend", "customProperties.Spend", ["0", "1", "2"]),
        ("Since", "customProperties.Since", ["03/04/2024"]),
        ("Since", None, ["x"]),
        ("createdAt", None, ["y"]),
    ]
    assert "cannot be set" in head["columns"][5]["remark"]
    refused = api.post(f"/api/imports/{job['_id']}/start", {"key": "Customer ID"})
    assert (refused.status_code, shown(api, job)["state"]) == (400, "uploaded")
    assert "2 columns are called Since" in refused.content.decode()


def test_a_dry_run_ends_checked_with_counts_and_first_rejects_and_can_be_started(api, shop):
    job = sent(api, shop, PEOPLE, key="id", dryRun=True)
    work()
    checked = shown(api, job)
    assert (checked["state"], outcome(checked), len(checked["firstRejects"])) == ("checked", "2 created 1 rejected", 1)
    assert (Contact.objects.count(), Property.objects.count()) == (0, 0)
    started = api.post(f"/api/imports/{job['_id']}/start", {"mapping": {"email": "-"}})
    assert (started.status_code, work()) == (202, 1)
    done = shown(api, job)
    assert (done["state"], outcome(done), rejects(api, job)) == ("done", "3 created", [])
    assert api.post(f"/api/imports/{job['_id']}/start", {}).status_code == 409


def test_what_is_wrong_with_a_file_further_down_is_said_by_its_job(api, shop):
    plain = "".join(f"{number},{'x' * 1000}\n" for number in range(3000)).encode()
    job = sent(api, shop, b"id,plan\n" + plain + b"x,gr\xf6\xdfer\n", key="id")
    work()
    failed = shown(api, job)
    assert (failed["state"], Contact.objects.count()) == ("failed", 0)
    assert failed["problems"][0]["path"] == "line 3002"
    again = api.post(f"/api/imports/{job['_id']}/resume", {"encoding": "latin-1"})
    assert (again.status_code, work(), outcome(shown(api, job))) == (202, 1, "3001 created")


@pytest.mark.parametrize(("content", "fields", "path", "words"), [
    ("", {"key": "id"}, "", "the file is empty"),
    ("plan\npro\n", {"key": "id"}, "key", "there is no column id; there are plan"),
    ("id\n1\n", {}, "key", "there is no column without a name"),
    ("id\n1\n", {"key": "id", "mapping": "[]"}, "mapping", "give an object of column and text"),
    ("id\n1\n", {"key": "id", "mapping": {"id": 7}}, "mapping", "give an object"),
    ("id\n1\n", {"key": "id", "dryRun": "perhaps"}, "dryRun", "give true or false"),
    ("id\n1\n", {"key": "id", "colour": "red"}, "colour", "is no option of an import"),
    ("id\n1\n", {"key": "id", "format": "xlsx"}, "format", "use csv or ndjson"),
    ("id\n1\n", {"key": "id", "options": "x"}, "options", "give an object"),
    ("id,tags\n1,a\n", {"key": "id", "policies": {"tags": "burn"}}, "column tags", "choose overwrite, keep or append"),
    ("id,email\n1,a\n", {"key": "id", "policies": {"email": "append"}}, "column email", "only to lists"),
    ("id,email\n1,a\n", {"key": "id", "policies": {"id": "keep"}}, "column id", "is the key"),
    ("id,since\n1,a\n", {"key": "id", "dates": {"since": "mm/dd"}}, "column since", "is no pattern of a date"),
    ("id,since\n1,a\n", {"key": "id", "dates": {"until": "dd/MM/yyyy"}}, "date", "there is no column until"),
    ("id\n1\n", {"key": "id", "encoding": "klingon"}, "encoding", "klingon is no encoding"),
    ("id\n1\n", {"key": "id", "delimiter": "::"}, "delimiter", "give one character"),
    ("id," + ",".join(map(str, range(1_000_000))), {"key": "id"}, "header", "has 1,000,001 columns"),
    ("not json\n", {"key": "id", "format": "ndjson"}, "", "there is no JSON object"),
    ("id,plan\n1,pro\n2,a\0b\n", {"key": "id"}, "line 3", "holds a NUL character"),  # behind a good header
])  # fmt: skip
def test_a_request_that_cannot_be_right_is_refused_with_its_problems_and_keeps_nothing(
    api, shop, content, fields, path, words
):
    answer = send(api, shop, content, **fields)
    assert answer.status_code == 400, answer.content
    problems = answer.json()["problems"]
    assert any(problem["path"] == path and words in problem["message"] for problem in problems), problems
    assert not ImportJob.objects.exists()
    assert not ImportPart.objects.exists()


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"{}", "application/json", 415),
    (b"nonsense", "multipart/form-data", 400),
    (b"nonsense", "multipart/form-data; boundary=x", 400),
    (b"--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nid\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
    (b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\nid\r\n--x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b\"\r\n\r\nid\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
    (b" ", "text/csv", 400),
    (b"\n", "text/csv", 400),
])  # fmt: skip
def test_a_body_of_another_kind_is_refused_in_the_envelope(api, shop, body, kind, status):
    answer = api.client.post(
        f"/api/workspaces/{shop.pk}/imports", body, content_type=kind, headers={"x-api-key": api.key}
    )
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("kind", ["text/csv", "multipart"])
def test_a_file_past_the_limit_is_refused_while_it_comes(api, shop, settings, kind):
    settings.IMPORT_LIMIT = 100_000
    content = "id\n" + "1\n" * 100_000
    if kind == "multipart":
        answer = send(api, shop, content, key="id")
    else:
        answer = api.client.post(f"/api/workspaces/{shop.pk}/imports?key=id", content, content_type=kind, headers={"x-api-key": api.key})  # fmt: skip
    assert answer.status_code == 413
    assert answer.json() == {"status": "error", "message": "The file is larger than 0 MB."}
    assert not ImportPart.objects.exists()


def test_imports_of_another_workspace_are_as_unknown_as_those_that_do_not_exist(api, rival_api, shop):
    job = sent(api, shop, PEOPLE, key="id")
    unknown = "f" * 24
    for name in (job["_id"], unknown, "x", "0"):
        for method, path in (
            ("GET", ""),
            ("GET", "/rejects"),
            ("POST", "/cancel"),
            ("POST", "/start"),
            ("POST", "/resume"),
        ):
            answer = rival_api(method, f"/api/imports/{name}{path}")
            assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Import not found"})
    for method in ("GET", "POST"):
        assert rival_api(method, f"/api/workspaces/{shop.pk}/imports").status_code == 404
    assert ImportJob.objects.get().state == "waiting"


def test_a_key_that_may_only_read_looks_at_imports_and_starts_none(api, shop):
    job = sent(api, shop, PEOPLE, key="id")
    reader = type(api)(ApiKey.objects.issue(shop, "reader", "read")[1])
    assert reader.get(f"/api/imports/{job['_id']}").status_code == 200
    assert send(reader, shop, PEOPLE, key="id").status_code == 403
    assert reader.post(f"/api/imports/{job['_id']}/cancel", {}).status_code == 403
    assert type(api)("").get(f"/api/imports/{job['_id']}").status_code == 401


def test_imports_are_listed_the_newest_first_page_by_page(api, shop):
    names = [f"{number}.csv" for number in range(5)]
    for name in names:
        sent(api, shop, PEOPLE, name=name, key="id")
    seen, after = [], ""
    for _ in range(3):
        page = api.get(f"/api/workspaces/{shop.pk}/imports", limit=2, searchAfter=after).json()["data"]
        seen += [job["fileName"] for job in page["imports"]]
        after = page["searchAfter"]
    assert (seen, after) == (names[::-1], None)
    assert (
        api.get(f"/api/workspaces/{shop.pk}/imports", limit="x", searchAfter="y").json()["problems"][1]["path"]
        == "searchAfter"
    )


def test_a_cancelled_import_keeps_what_it_has_written_and_can_be_gone_on_with(api, shop, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 1)
    job = sent(api, shop, PEOPLE, key="id")
    written = imports.Watcher.written

    def cancel(self, so_far):
        if so_far.rows == 1:
            assert api.post(f"/api/imports/{job['_id']}/cancel", {}).status_code == 200
        written(self, so_far)

    monkeypatch.setattr(tasks._Asking, "written", cancel)
    work()
    cancelled = shown(api, job)
    assert (cancelled["state"], cancelled["doneRows"], Contact.objects.count()) == ("cancelled", 1, 1)
    assert api.post(f"/api/imports/{job['_id']}/cancel", {}).status_code == 409
    assert "begun" in api.post(f"/api/imports/{job['_id']}/resume", {"key": "plan"}).content.decode()
    monkeypatch.undo()
    assert api.post(f"/api/imports/{job['_id']}/resume", {}).status_code == 202
    work()
    assert outcome(shown(api, job)) == "2 created 1 rejected"


def test_a_worker_that_has_to_stop_leaves_its_import_between_two_batches(api, shop, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 1)
    job = sent(api, shop, PEOPLE, key="id")
    context = Context()
    written = tasks._Asking.written

    def stop(self, so_far):
        context.aborting = so_far.rows == 2
        written(self, so_far)

    monkeypatch.setattr(tasks._Asking, "written", stop)
    with pytest.raises(tasks.JobAborted):
        work(context)
    assert shown(api, job)["doneRows"] == 2
    context.aborting = False
    ImportJob.objects.update(updated_at="2024-01-01T00:00Z")
    tasks.rescue.func()
    assert work() == 1
    assert outcome(shown(api, job)) == "2 created 1 rejected"


def test_an_import_that_somebody_runs_is_neither_rescued_nor_run_twice(shop):
    job = import_jobs.create(shop, BytesIO(b"id\n1\n"), Options(key="id"))
    ImportJob.objects.update(state="writing", updated_at="2024-01-01T00:00Z")
    release, holding = threading.Event(), threading.Event()

    def hold():
        with import_jobs.held(ImportJob.objects.get()):
            holding.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(20)
    tasks.rescue.func()
    with pytest.raises(Conflict, match="is being run already"):
        imports.run(job, BytesIO(b"id\n1\n"))
    assert not ProcrastinateJob.objects.filter(task_name="imports.run").exists()
    release.set()
    holder.join()
    tasks.rescue.func()
    assert ProcrastinateJob.objects.filter(task_name="imports.run", status="todo").count() == 1


def test_what_is_no_longer_needed_is_cleared_away(api, shop):
    old = sent(api, shop, PEOPLE, key="id")
    work()
    waiting, _uploading = sent(api, shop, PEOPLE, start=False), uploads.begin(shop, "")
    ImportJob.objects.update(updated_at="2024-01-01T00:00Z")
    tasks.rescue.func()
    assert set(ImportJob.objects.values_list("state", flat=True)) == {"done", "uploaded"}
    assert (rejects(api, old), ImportPart.objects.filter(job=waiting["_id"]).exists()) == ([], False)


@pytest.mark.parametrize("somebody_refreshes", [False, True])
def test_whoever_reads_while_an_import_goes_on_never_meets_its_marks(shop, monkeypatch, somebody_refreshes):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 2)
    written, seen = imports.Watcher.written, []

    def look(self, so_far):
        counted = audience.matching(shop, custom("plan", "is", "pro")).count
        seen.append((so_far.created, counted, ContactMark.objects.count()))
        written(self, so_far)

    monkeypatch.setattr(imports.Watcher, "written", look)
    file = BytesIO(b"id,plan\n" + b"".join(b"%d,pro\n" % number for number in range(6)))
    job = import_jobs.create(shop, file, Options(key="id"))
    if somebody_refreshes:
        # Theirs is the lock: what was written keeps its marks, and is exact all the same.
        monkeypatch.setattr(imports, "refresh_within", lambda cursor, workspace_id: None)
    imports.run(job, file)
    assert seen == [(2, 2, 2 * somebody_refreshes), (4, 4, 4 * somebody_refreshes), (6, 6, 6 * somebody_refreshes)]
    assert ContactMark.objects.count() == 0


def test_an_import_does_not_wait_for_somebody_who_refreshes(shop):
    with extract.cursor() as cursor, psycopg.connect(connection.connection.info.dsn, password=connection.connection.info.password) as other:  # fmt: skip
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('snapshot:' || %s, 0))", [shop.pk])
        Contact.objects.create(workspace=shop)
        with transaction.atomic():
            assert refresh_within(cursor, shop.pk) is None
        assert ContactMark.objects.count() == 1
        other.rollback()
        with transaction.atomic():
            assert refresh_within(cursor, shop.pk).written == 1
    assert ContactMark.objects.count() == 0


@pytest.mark.parametrize("reference", ["externalId", "email", "phone"])
def test_who_holds_all_keys_holds_each_and_those_of_no_other_workspace(shop, rival, reference):
    def held(workspace, key):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20ms'")
            keys.hold(workspace.pk, [(reference, key)])

    with psycopg.connect(connection.connection.info.dsn, password=connection.connection.info.password) as other:
        other.execute(keys._HOLD_ALL, {"workspace": shop.pk, "reference": reference, "stripes": keys.STRIPES - 1})
        held(rival, "ada@example.com")
        for key in ("ada@example.com", "ADA@example.com", "x", *map(str, range(20))):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                held(shop, key)
        other.rollback()
    held(shop, "x")


# --- by command ----------------------------------------------------------------------------------------------------


def command(*words):
    out = StringIO()
    call_command("import_contacts", *map(str, words), stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


def test_a_command_that_was_interrupted_is_resumed_with_the_same_file_alone(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 1)
    file, listed = tmp_path / "people.csv", tmp_path / "rejects.csv"
    file.write_text("id,email\n1,bad@\n2,\n3,bad@\n4,\n")
    written = imports.Watcher.written

    def interrupt(self, so_far):
        if so_far.rows == 2:
            raise KeyboardInterrupt
        written(self, so_far)

    monkeypatch.setattr("contacts.management.commands.import_contacts.Reporter.written", interrupt)
    with pytest.raises(CommandError) as caught:
        command(shop.pk, file, "--key", "id")
    job = ImportJob.objects.get()
    assert f"--resume {job.pk}" in str(caught.value)
    assert (job.position, Contact.objects.count(), caught.value.returncode) == (2, 1, 1)
    monkeypatch.undo()
    file.write_text("id,email\n1,bad@\n2,\n3,bad@\n5,\n")
    with pytest.raises(CommandError, match="is not the one that import"):
        command("--resume", job.pk)
    file.write_text("id,email\n1,bad@\n2,\n3,bad@\n4,\n")
    lines = command("--resume", job.pk, "--rejects", listed)
    assert "Going on after 2 rows." in lines
    assert lines[-1].startswith("4 rows: 2 created, 0 updated, 0 unchanged, 0 duplicates, 2 rejected")
    assert [row["line"] for row in csv.DictReader(listed.open(newline=""))] == ["2", "4"]
    with pytest.raises(CommandError, match="is done"):
        command("--resume", job.pk)


def test_a_dry_run_of_a_command_can_be_done_afterwards(shop, tmp_path):
    file = tmp_path / "people.ndjson"
    file.write_text('{"externalId": "1", "customProperties": {"plan": "pro"}}\n')
    lines = command(shop.pk, file, "--key", "externalId", "--dry-run")
    assert Contact.objects.count() == 0
    assert command("--resume", lines[-2].split()[-1])[-1].startswith("1 rows: 1 created")
    assert Contact.objects.get().custom == {"plan": "pro"}


def test_an_import_whose_command_died_is_said_to_have_stopped(shop):
    import_jobs.create(shop, BytesIO(b"id\n1\n"), Options(key="id"), path="/nowhere/people.csv")
    ImportJob.objects.update(state="writing", updated_at="2024-01-01T00:00Z")
    tasks.rescue.func()
    assert ImportJob.objects.get().state == "stopped"


# --- what a column does to what is there ----------------------------------------------------------------------------


def test_a_column_may_keep_what_somebody_has_and_only_fill_what_is_missing(shop):
    imported(shop, "id,plan,city,email,tags\n1,pro,Rome,ada@example.com,vip\n2,,,,\n")
    policies = dict.fromkeys(("plan", "city", "email", "tags"), "keep")
    job = imported(shop, "id,plan,city,email,tags\n1,free,Bern,bob@example.com,new\n2,free,Bern,bob@example.com,new\n3,team,,,\n", policies=policies)  # fmt: skip
    assert (job.created, job.updated, job.unchanged) == (1, 1, 1)
    assert [(one.custom, one.profile, one.email, one.tags) for one in Contact.objects.order_by("external_id")] == [
        ({"plan": "pro"}, {"city": "Rome"}, "ada@example.com", ["vip"]),
        ({"plan": "free"}, {"city": "Bern"}, "bob@example.com", ["new"]),
        ({"plan": "team"}, {}, "", []),
    ]


@pytest.mark.parametrize("key", ["id", "email"])
def test_a_column_may_append_to_lists_what_they_do_not_hold(shop, key):
    policies = {"tags": "append", "colours": "append"}
    imported(shop, "id,email,tags,colours\n1,ada@example.com,a;b,red\n2,bob@example.com,,\n", key, policies=policies)
    again = "id,email,tags,colours\n1,ada@example.com,c;b,blue;red\n2,bob@example.com,x,green\n"
    assert imported(shop, again, key, policies=policies).updated == 2

    def ids(number):
        return {} if key == "id" else {"id": number}

    assert [(one.tags, one.custom) for one in Contact.objects.order_by("id")] == [
        (["a", "b", "c"], ids(1) | {"colours": ["red", "blue"]}),
        (["x"], ids(2) | {"colours": ["green"]}),
    ]
    assert imported(shop, again, key, policies=policies).unchanged == 2
    assert Property.objects.get(name="colours").type == "list"


# --- dates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "cell", "kept"), [
    ("dd/MM/yyyy", "03/04/2024", "2024-04-03"),
    ("MM/dd/yyyy", "03/04/2024", "2024-03-04"),
    ("dd.MM.yyyy", "3.4.2024", "2024-04-03"),
    ("yyyyMMdd", "20240403", "2024-04-03"),
    ("dd/MM/yyyy HH:mm", "03/04/2024 9:05", "2024-04-03T07:05:00.000Z"),  # in Madrid
    ("yyyy/MM/dd HH:mm:ss", "2024/01/03 09:05:07", "2024-01-03T08:05:07.000Z"),
])  # fmt: skip
def test_dates_are_read_as_the_pattern_of_their_column_says(shop, pattern, cell, kept):
    job = imported(shop, f"id;since\n1;{cell}\n2;x\n3;31/31/2024\n", dates={"since": pattern})
    assert (job.created, job.rejected) == (1, 2)
    assert (Contact.objects.get().custom, Property.objects.get().type) == ({"since": kept}, "date")


@pytest.mark.parametrize(("cells", "words"), [
    (["03/04/2024", "05/06/2024"], "as dd/MM/yyyy or MM/dd/yyyy?"),
    (["13/04/2024", "05/06/2024"], "as dd/MM/yyyy,"),
    (["3.4.2024", "5.13.2024"], "as MM.dd.yyyy, as line 3 '5.13.2024'"),
])  # fmt: skip
def test_days_whose_order_is_not_told_become_text_with_a_remark_and_are_never_guessed(shop, cells, words):
    job = imported(shop, "id,since\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)))
    assert Property.objects.get().type == "text"
    [remark] = job.plan["remarks"]
    assert words in remark
    assert "say that its days are written as" in remark


@pytest.mark.parametrize("cells", [["03/04/2024", "x"], ["99/99/2024"], ["03/04/24"]])
def test_what_only_looks_a_little_like_days_is_not_remarked_on(shop, cells):
    job = imported(shop, "id,since\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)))
    assert job.plan["remarks"] == []


# --- types that somebody gives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "cells", "kept", "rejected"), [
    ("text", "7,8", ["7", "8"], 0),
    ("number", "7,n/a", [7], 1),
    ("boolean", "true,maybe", [True], 1),
    ("date", "2024-03-04,soon", ["2024-03-04"], 1),
    ("list", "a;b,c", [["a", "b"], ["c"]], 0),
])  # fmt: skip
def test_a_new_property_has_the_type_that_it_is_given_whatever_its_cells_look_like(shop, kind, cells, kept, rejected):
    content = "id\tx\n" + "".join(f"{number}\t{cell}\n" for number, cell in enumerate(cells.split(",")))
    job = imported(shop, content, types={"x": kind})
    assert Property.objects.get().type == kind
    assert job.rejected == rejected
    assert [one.custom["x"] for one in Contact.objects.order_by("external_id")] == kept


@pytest.mark.parametrize(("fields", "path", "words"), [
    ({"types": {"x": "opaque"}}, "column x", "cannot have the type opaque; choose text"),
    ({"types": {"y": "text"}}, "type", "there is no column y"),
    ({"types": {"spend": "text"}}, "column spend", "is a number already"),
    ({"types": {"x": "text"}, "dates": {"x": "dd/MM/yyyy"}}, "column x", "is a text, so its cells are not read as dates"),
    ({"types": {"x": "text"}, "policies": {"x": "append"}}, "column x", "is a text; only to lists"),
    ({"types": "text"}, "types", "give an object of column and text"),
])  # fmt: skip
def test_a_type_that_cannot_be_is_refused(api, shop, fields, path, words):
    Property.objects.create(workspace=shop, name="spend", type="number")
    answer = send(api, shop, "id,x,spend\n1,a,2\n", key="id", **fields)
    assert answer.status_code == 400
    assert any(each["path"] == path and words in each["message"] for each in answer.json()["problems"]), answer.content


# --- every kind of file --------------------------------------------------------------------------------------------

LONG = "x" * 1_000_000


@pytest.mark.parametrize(("content", "told"), [
    ("id,plan\n1,a\n1,b\n1,c\n2,d\n", "2 created 2 duplicates"),
    (f"id,plan\n1,{LONG}\n2,b\n", "1 created 1 rejected"),
    (f'id,plan\n1,"{LONG},\n"\n2,b\n', "1 created 1 rejected"),
    (f"id,plan,ignored\n1,a,{LONG}\n", "1 rejected"),
    ("id,plan\n", ""),
    ("id,plan\n1\n2,a,b\n3,c\n\n,\n", "1 created 3 rejected"),
    ('id,plan\r\n1,"two\r\nlines"\r\n2,"say ""hi"""\r\n', "2 created"),
    ('id,plan\n1,5" disk\n2,"a\n3"\n', "2 created"),
    ("id\n1\n\n2\n", "2 created"),
    ("\ufeffid,plan\n1,a\ufeff\n", "1 created"),
    ('id,plan\n"1",a\n' + "".join(f'{n},"p\n{n}"\n' if n % 7 else f"{n},p{n}\n" for n in range(2, 60_000)), "59999 created"),
])  # fmt: skip
def test_every_row_of_a_file_is_accounted_for_exactly_once(shop, content, told):
    job = imported(shop, content)
    assert outcome({name: getattr(job, name) for name in import_jobs.COUNTS}) == told
    assert job.rows == job.position
    assert Contact.objects.count() == job.created
    again = imported(shop, content)
    assert (again.created, again.updated, again.unchanged) == (0, 0, job.created)


def test_lines_that_are_no_json_object_are_rejected_and_the_others_taken(shop, api):
    lines = [
        '{"externalId": "1", "email": "ada@example.com", "customProperties": {"n": 1, "list": ["a", "b"], "ok": true}}',
        '{"externalId": "2", ', "[]", "7", "", '{"externalId": "3", "firstName": ["a"]}', '{"email": "x@example.com"}',
        '{"externalId": "4", "customProperties": {"n": "7", "text": "5", "void": null}, "tags": ["x", "y"]}',
        '{"externalId": "5", "firstName": "a\\u0000b"}', '{"externalId": "1", "customProperties": {"n": 2}}',
        '{"externalId": "6", "customProperties": {"thing": {"a": [1]}}, "substitutionTags": {"coupon": 5}}',
        '{"externalId": "7", "firstName": "\\ud800"}',
    ]  # fmt: skip
    job = imported(shop, "\n".join(lines), "externalId", format="ndjson")
    assert (job.created, job.duplicates, job.rejected, job.rows) == (3, 1, 7, 11)
    people = {one.external_id: one for one in Contact.objects.all()}
    assert (people["1"].custom, people["1"].email) == ({"n": "2"}, "")  # n is a text: 4 says so; the last line counts
    assert (people["4"].custom, people["4"].tags) == ({"n": "7", "text": "5"}, ["x", "y"])
    assert (people["6"].custom, people["6"].substitution_tags) == ({"thing": {"a": [1]}}, {"coupon": "5"})
    reasons = {row["line"]: row["reason"] for row in rejects(api, {"_id": job.pk})}
    assert "is no JSON: " in reasons["2"]
    assert reasons["3"] == reasons["4"] == "is no JSON object"
    assert (reasons["6"], reasons["7"]) == ("is not a text", "is blank, and it is the key")
    assert "holds a NUL character" in reasons["9"]
    assert imported(shop, "\n".join(lines), "externalId", format="ndjson").unchanged == 3


def test_what_a_spreadsheet_would_carry_out_is_harmless_in_the_file_of_rejects(shop, api):
    job = imported(shop, 'id,email\n1,=HYPERLINK(1)\n2,@x\n3,+1\n4,-1\n5,"a,b"\n')
    assert [row["value"] for row in rejects(api, {"_id": job.pk})] == ["'=HYPERLINK(1)", "'@x", "'+1", "'-1", "a,b"]
