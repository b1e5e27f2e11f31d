"""One workspace, its key, and clients that use it."""

import pytest

from contacts.columnar import snapshot
from tests.callers import Api, Caller, basic, person
from workspaces.models import ApiKey, Workspace
from workspaces.tallies import limiter

DEMO = "6660175570fbd8a9c22bedfb"  # the workspace of the documented examples


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
def ana(shop, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # argon2 is slow on purpose
    return person("ana@shop.example", shop)


@pytest.fixture
def call(ana):
    return Caller(basic("ana@shop.example"))
