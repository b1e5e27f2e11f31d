"""A database of an earlier version is brought up to date, and every segment keeps its people."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from contacts.values import milliseconds
from segments.commands import said
from segments.engine import audience
from segments.models import Segment

HERE = Path(__file__).parent
V0_1 = json.loads((HERE / "v0_1.json").read_text())
NOW = milliseconds(datetime.fromisoformat(V0_1["now"]))


@pytest.fixture(scope="module")
def upgraded(django_db_setup, django_db_blocker):
    """A database of its own beside the tests', restored from the dump and migrated."""
    usual = connection.settings_dict["NAME"]
    name = f"{usual}_upgraded"
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        _connect(name)
        with connection.cursor() as cursor:
            cursor.execute(gzip.decompress((HERE / "v0_1.sql.gz").read_bytes()).decode())
        connection.close()  # pg_dump's settings, such as an empty search_path, end with it
        call_command("migrate", verbosity=0)
        yield
        _connect(usual)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _connect(name):
    connection.close()
    connection.settings_dict["NAME"] = name


@pytest.fixture
def segment(upgraded, django_db_blocker, request):
    with django_db_blocker.unblock():
        yield Segment.objects.select_related("workspace").get(pk=request.param["id"])


def rows(*names):
    return pytest.mark.parametrize(
        ("segment", *names),
        [pytest.param(row, *(row[name] for name in names), id=row["key"]) for row in V0_1["segments"]],
        indirect=["segment"],
    )


@rows("people", "count")
def test_a_segment_of_version_0_1_has_the_same_people(segment, people, count):
    found = audience.of(segment, NOW)
    assert (list(found.ids()), found.count) == (people, count)


@rows("sentence")
def test_a_segment_of_version_0_1_says_the_same(segment, sentence):
    assert said(segment) == sentence


def test_no_segment_of_version_0_1_is_left_out(upgraded, django_db_blocker):
    with django_db_blocker.unblock():
        assert set(Segment.objects.live().values_list("pk", flat=True)) == {row["id"] for row in V0_1["segments"]}
