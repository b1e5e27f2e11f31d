"""One workspace, its key, and clients that use it."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client, TransactionTestCase, override_settings

from contacts.columnar import snapshot
from tests.callers import Api, Caller, basic, person
from tests.people import add, declare
from tests.staff import furnish, join
from workspaces.models import ApiKey, Role, Workspace
from workspaces.tallies import limiter

DEMO = "6660175570fbd8a9c22bedfb"  # the workspace of the documented examples


def pytest_collection_modifyitems(items):
    """The long ones first: none shall begin when the other processes have nothing left to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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


QUICKER = {
    # Argon2 is slow on purpose. test_passwords_are_kept_by_argon2 has the real ones.
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    # Static files are looked for when they are asked for: there are hundreds, and each client of a test has a handler.
    "WHITENOISE_AUTOREFRESH": True,
}


@pytest.fixture(autouse=True, scope="session")
def _quicker():
    with override_settings(**QUICKER):
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


@pytest.fixture
def staff(shop, rival):
    members = {
        "gus": join(shop, "gus", Role.GUEST),
        "ana": join(shop, "ana", Role.AGENT),
        "bo": join(shop, "bo", Role.ADMIN),
        "mallory": join(rival, "mallory", Role.OWNER),
    }
    root = User.objects.create(username="root", is_staff=True, is_superuser=True)
    return {**{name: member.user for name, member in members.items()}, "root": root}


@pytest.fixture
def ours(shop, staff):
    return furnish(shop, "demo", shop.members.get(user=staff["ana"]))


@pytest.fixture
def theirs(rival, staff):
    return furnish(rival, "rival", rival.members.get())


@pytest.fixture
def browser(staff):
    def sign_in(name):
        client = Client()
        client.force_login(staff[name])
        return client

    return sign_in


@pytest.fixture
def lena(shop):
    declare(shop, plan="text", orders="number", since="date", interests="list")
    return add(shop, "Lena", email="lena@example.org", external_id="C-1", orders=3, plan="pro")
