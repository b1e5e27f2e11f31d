"""One workspace, its key, and clients that use it."""

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase, override_settings

from contacts.columnar import snapshot
from tests.callers import Api, Caller, basic, person
from workspaces.models import ApiKey, Workspace
from workspaces.tallies import limiter

DEMO = "6660175570fbd8a9c22bedfb"  # the workspace of the documented examples


KEPT = {"django_content_type", "auth_permission"}  # what migrations make for the models, and no test changes
LARGE = 50_000_000  # bytes of a table, from where TRUNCATE is the faster


def _empty_tables(case):
    """Delete what a test has committed: a thirtieth of the time of Django's TRUNCATE, which makes all files anew."""
    names = set(connection.introspection.django_table_names()) - KEPT
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT max(pg_table_size(name::regclass)) FROM unnest(%s::text[]) AS name", [list(names)])
        if cursor.fetchone()[0] > LARGE:
            cursor.execute(f"TRUNCATE {', '.join(names)}")
        else:  # contacts first: as they go they leave marks
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in sorted(names, key="contacts_contact".__ne__)))


@pytest.fixture(autouse=True, scope="session")
def _emptied_by_delete():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords():
    """Argon2 is slow on purpose; what it keeps is test_passwords_are_kept_by_argon2's subject."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def _empty_caches():
    snapshot.cache.clear()
    limiter.clear()


@pytest.fixture
def shop(db):
    return Workspace.objects.create(pk=DEMO, name="Demo shop", timezone="Europe/Madrid")


@pytest.fixture
def rival(db):
    return Workspace.objects.create(name="Rival shop")


@pytest.fixture
def key(shop):
    return ApiKey.objects.issue(shop, "tests", "write")[1]


@pytest.fixture
def api(key):
    return Api(key)


@pytest.fixture
def rival_api(rival):
    return Api(ApiKey.objects.issue(rival, "tests", "write")[1])


@pytest.fixture
def ana(shop):
    return person("ana@shop.example", shop)


@pytest.fixture
def call(ana):
    return Caller(basic("ana@shop.example"))
