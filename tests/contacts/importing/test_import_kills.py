"""Whoever runs an import is killed at random moments; in the end all is as if nobody had been."""

import os
import random
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from segmenter.embedded import server
from tests import ROOT

KILLS, PATIENCE = 20, 120  # seconds

pytestmark = pytest.mark.slow

SEND = """
import sys
from contacts.importing import import_jobs, tasks, uploads
from contacts.models import ImportState
from workspaces.models import Workspace
from dataclasses import asdict
from django.db import transaction
job = uploads.begin(Workspace.objects.get(name={name!r}), "")
upload = uploads.Upload(job)
with open({path!r}, "rb") as file:
    while block := file.read(65536):
        upload.take(block)
upload.finish()
job.options = asdict(import_jobs.Options(key="id"))
with transaction.atomic():
    import_jobs.settle(job, ImportState.WAITING)
    tasks.enqueue(job)
print(job.pk)
"""


class Place:
    """A server with a database of its own, and processes that use it."""

    def __init__(self, data, file):
        self.data, self.file, self.environment = data, file, {**os.environ, "SEGMENTER_DATA_DIR": str(data)}
        self.environment.pop("DATABASE_URL", None)

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, ROOT / "manage.py", *map(str, words)],
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *words):
        process = self.start(*words)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, printed
        return printed.strip()

    def ask(self, query, *parameters):
        with psycopg.connect(server.ensure_running(self.data)) as connection:
            return connection.execute(query, parameters).fetchall()

    def workspace(self, name):
        return self.run("create_workspace", name)

    def state(self, workspace):
        """Its state, how far it is, and when either was noted."""
        found = self.ask(
            "SELECT state, position, updated_at FROM contacts_importjob WHERE workspace_id = %s", workspace
        )
        return found[0] if found else ("", 0, None)

    def job(self, workspace):
        return self.ask("SELECT id FROM contacts_importjob WHERE workspace_id = %s", workspace)[0][0]

    def wait_for_news(self, workspace, before, process):
        """Until the import is not where it was."""
        end = time.monotonic() + PATIENCE
        while self.state(workspace) == before and process.poll() is None:
            assert time.monotonic() < end, before
            time.sleep(0.02)

    def facts(self, workspace):
        """All that an import is to leave behind."""
        people = self.ask(
            'SELECT external_id, email, custom FROM contacts_contact WHERE workspace_id = %s ORDER BY external_id COLLATE "C"',
            workspace,
        )
        job = self.ask(
            "SELECT state, rows, position, created, updated, unchanged, duplicates, rejected FROM contacts_importjob"
            " WHERE workspace_id = %s",
            workspace,
        )
        told = self.ask(
            "SELECT string_agg(text, '' ORDER BY rejects.id) FROM contacts_importrejects AS rejects"
            " JOIN contacts_importjob AS job ON job.id = job_id WHERE workspace_id = %s", workspace
        )  # fmt: skip
        marks = self.ask("SELECT count(*) FROM contacts_contactmark WHERE workspace_id = %s", workspace)
        parts = self.ask("SELECT count(*) FROM contacts_importpart")
        return people, job, told, marks, parts


def write_file(path):
    chance = random.Random(1)
    with path.open("w") as file:
        file.write("id,email,plan,note\n")
        for number in range(24_000):
            key = chance.randrange(24_000) if number % 10 == 0 else number
            email = f"user{number}@" if number % 97 == 0 else f"user{number}@example.com"
            note = f'"{"x" * 500}\n{"y" * 500}"' if number % 1000 == 0 else "z" * 1000
            file.write(f"{key},{email},plan{number % 7},{note}\n" if number % 501 else f"{key}\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    write_file(folder / "people.csv")
    place = Place(folder / "data", folder / "people.csv")
    place.run("migrate", "-v", "0")
    yield place
    server.stop(place.data)


@pytest.fixture(scope="module")
def undisturbed(place):
    workspace = place.workspace("Undisturbed")
    place.run("import_contacts", workspace, place.file, "--key", "id")
    people, [job], *rest = place.facts(workspace)
    assert (job[0], job[1], sum(job[3:])) == ("done", job[2], 24_000)
    assert len(people) == job[3]
    assert min(job[6:]) > 20
    return people, [job], *rest


@pytest.fixture(scope="module")
def duration(place, undisturbed):
    """Seconds that an import takes here when nobody is killed: who is killed sooner each time would never be done."""
    ((taken,),) = place.ask(
        "SELECT extract(epoch FROM ended_at - created_at)::float FROM contacts_importjob ORDER BY id LIMIT 1"
    )
    return taken


def test_a_command_that_is_killed_twenty_times_and_resumed_imports_as_if_it_had_not_been(place, undisturbed, duration):
    chance, kills, amid = random.Random(2), 0, 0
    while kills < KILLS or amid < KILLS // 4:
        workspace = place.workspace(f"Killed {kills}")
        words = [workspace, place.file, "--key", "id"]
        while (before := place.state(workspace))[0] != "done":
            process = place.start("import_contacts", *words)
            place.wait_for_news(workspace, before, process)
            time.sleep(chance.uniform(0, duration))
            process.send_signal(signal.SIGKILL)
            if process.wait() == -signal.SIGKILL:
                kills += 1
                amid += place.state(workspace)[0] == "writing"
            words = ["--resume", place.job(workspace)]
        assert place.facts(workspace) == undisturbed


def test_a_worker_or_a_database_that_is_killed_twenty_times_leaves_nothing_stuck_doubled_or_lost(
    place, undisturbed, duration
):
    chance, kills, worker = random.Random(3), 0, place.start("procrastinate", "worker")
    while kills < KILLS:
        workspace = place.workspace(f"Worked {kills}")
        place.run("shell", "-v", "0", "-c", SEND.format(name=f"Worked {kills}", path=str(place.file)))
        end = time.monotonic() + 10 * PATIENCE
        while (before := place.state(workspace))[0] != "done":
            assert time.monotonic() < end, before
            place.wait_for_news(workspace, before, worker)
            time.sleep(chance.uniform(0, duration))
            if kills < KILLS:
                kill_one(place, worker, chance)
                kills += 1
            if worker.poll() is not None:
                worker = place.start("procrastinate", "worker")
        assert place.facts(workspace) == undisturbed
    worker.kill()


def kill_one(place, worker, chance):
    if chance.random() < 0.25:
        os.kill(server.status(place.data).pid, signal.SIGKILL)
        server.ensure_running(place.data)
        time.sleep(1)
    else:
        worker.kill()
        worker.wait()
