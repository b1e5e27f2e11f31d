"""So many requests a minute, so many failed logins: at every door, by all processes together."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.tokens import AccessToken

from segmenter import settings as configured
from tests.callers import PASSWORD, Caller, basic, person
from tests.conftest import DEMO, Api
from workspaces import logins, person_authentication, tallies
from workspaces.models import ApiKey, Tally
from workspaces.tallies import Limiter, limiter

pytestmark = pytest.mark.django_db

SEGMENTS = f"/v3/{DEMO}/segments"
OWN = f"/api/workspaces/{DEMO}/segments"
ANA = "ana@shop.example"


@pytest.fixture(autouse=True)
def _nobody_is_known():
    person_authentication._verified._until.clear()


def elsewhere():
    """As if the next request went to another process, which knows what the table knows."""
    limiter.clear()


def next_span():
    Tally.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    limiter.clear()


# --- requests ----------------------------------------------------------------------------------------------------------


def test_a_key_has_so_many_requests_a_minute(api, shop, settings):
    settings.REQUESTS_A_MINUTE = 3
    other = Api(ApiKey.objects.issue(shop, "other", "write")[1])
    assert [api.get(OWN).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.get(OWN)
    assert (refused.status_code, refused.json()["status"]) == (429, "error")
    assert 0 < int(refused["Retry-After"]) <= 61
    assert other.get(OWN).status_code == 200
    next_span()
    assert api.get(OWN).status_code == 200


def test_a_person_has_so_many_whichever_way_they_signed_in(call, ana, shop, settings):
    settings.REQUESTS_A_MINUTE = 3
    token = Caller().post("/auth/signin", {"email": ANA, "password": PASSWORD}).json()["token"]
    bea = Caller(basic(person("bea@shop.example", shop).email))
    assert [each.get(SEGMENTS).status_code for each in (call, Caller(token), call, Caller(token))] == [
        200,
        200,
        200,
        429,
    ]
    refused = call.get(SEGMENTS)
    assert (refused.status_code, refused.json()["success"]) == (429, False)
    assert "Expected available in" in refused.json()["msg"]
    assert 0 < int(refused["Retry-After"]) <= 61
    assert bea.get(SEGMENTS).status_code == 200


def test_no_limit_counts_nothing(api, settings):
    settings.REQUESTS_A_MINUTE = 0
    assert {api.get(OWN).status_code for _ in range(5)} == {200}
    assert not Tally.objects.exists()


def test_the_usual_limit_is_generous(settings):
    assert (settings.REQUESTS_A_MINUTE, settings.LOGIN_FAILURES, settings.LOGIN_FAILURES_BY_ADDRESS) == (1200, 10, 100)


def test_processes_count_together():
    one, other = Limiter(), Limiter()
    waits = [(one if turn % 2 else other).take("x", 10, 60) for turn in range(12)]
    assert [wait > 0 for wait in waits] == [False] * 10 + [True] * 2
    assert all(wait <= 60 for wait in waits)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_a_limit_is_exceeded_by_a_hundredth_for_each_process_at_most(processes):
    limiters = [Limiter() for _ in range(processes)]
    passed = sum(not each.take("x", 1000, 60) for _ in range(1200) for each in limiters)
    assert passed + processes * 10 >= 1000
    assert passed <= 1000 + processes * 10


def test_one_request_in_a_hundredth_of_the_limit_writes():
    one = Limiter()
    with CaptureQueriesContext(connection) as queries:
        passed = sum(not one.take("x", 1200, 60) for _ in range(3000))
    assert passed == 1200
    assert len(queries) <= 102


@pytest.mark.django_db(transaction=True)
def test_threads_of_many_processes_at_once_stay_within_the_limit():
    limiters, ready = [Limiter() for _ in range(4)], threading.Barrier(8)

    def ask(turn):
        try:
            ready.wait(timeout=30)
            return sum(not limiters[turn % 4].take("x", 50, 60) for _ in range(30))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 50


def test_a_span_that_is_over_begins_anew():
    one = Limiter()
    assert [one.take("x", 2, 60) > 0 for _ in range(3)] == [False, False, True]
    Tally.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert one.take("x", 2, 60) > 0  # this process was told how long to wait
    assert Limiter().take("x", 2, 60) == 0
    one._counts["x"].until = time.monotonic() - 1
    assert [one.take("x", 2, 60) > 0 for _ in range(2)] == [False, True]


def test_a_process_forgets_counts_rather_than_grow(monkeypatch):
    monkeypatch.setattr(tallies, "MOST_REMEMBERED", 10)
    one = Limiter()
    for number in range(35):
        one.take(f"n{number}", 5, 60)
    assert len(one._counts) <= 10
    assert [one.take("n0", 5, 60) > 0 for _ in range(6)] == [False] * 4 + [True] * 2


def test_what_no_longer_counts_is_cleared_away():
    for name in ("a", "b"):
        Limiter().take(name, 5, 60)
    Tally.objects.filter(name="a").update(ends_at=timezone.now() - timedelta(seconds=1))
    tallies.tidy()
    assert list(Tally.objects.values_list("name", flat=True)) == ["b"]


def test_counting_is_not_logged_by_the_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'workspaces_tally'")
        assert cursor.fetchone() == ("u",)


# --- failed logins, at three doors ---------------------------------------------------------------------------------------


def by_basic(name, password, address):
    return Client(REMOTE_ADDR=address).get(SEGMENTS, headers={"authorization": basic(name, password)})


def by_token(name, password, address):
    body = json.dumps({"email": name, "password": password})
    return Client(REMOTE_ADDR=address).post("/v3/auth/signin", body, content_type="application/json")


def by_form(name, password, address):
    return Client(REMOTE_ADDR=address).post("/admin/login/", {"username": name, "password": password})


# What each door answers: to a wrong password, to a right one.
DOORS = {by_basic: (401, 200), by_token: (401, 200), by_form: (200, 302)}
HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture
def locks(settings, ana):
    settings.LOGIN_FAILURES = 3
    User.objects.update(is_staff=True)


@pytest.mark.parametrize("name", [ANA, "nobody@shop.example", "ANA@shop.example"])
@pytest.mark.parametrize("door", DOORS)
def test_after_so_many_failures_no_more_is_looked_at(locks, door, name, monkeypatch):
    wrong, _ = DOORS[door]
    assert [door(name, f"guess {turn}", HERE).status_code for turn in range(4)] == [wrong] * 3 + [429]
    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", lambda *_: 1 / 0)
    refused = door(name, PASSWORD, HERE)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 300
    if door is by_form:
        assert "Too many attempts. Try again in" in refused.content.decode()
    else:
        assert refused.json() == {"success": False, "msg": f"Too many attempts. Try again in {refused['Retry-After']} seconds."}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_a_stranger_does_not_lock_the_owner_out(locks, door):
    for turn in range(5):
        door(ANA, f"guess {turn}", HERE)
    for other in DOORS:
        assert other(ANA, PASSWORD, THERE).status_code == DOORS[other][1]
    assert by_basic("bea@shop.example", "x", HERE).status_code == 401


def test_all_doors_count_together_and_so_do_all_processes(locks):
    for door in DOORS:
        assert door(ANA, "wrong", HERE).status_code != 429
        elsewhere()
    for door in DOORS:
        assert door(ANA, PASSWORD, HERE).status_code == 429
        elsewhere()
    next_span()
    assert by_basic(ANA, PASSWORD, HERE).status_code == 200


@pytest.mark.parametrize("door", DOORS)
def test_a_right_login_clears_the_failures_before_it(locks, door):
    wrong, right = DOORS[door]
    for _ in range(3):
        assert [door(ANA, word, HERE).status_code for word in ("a", "b", PASSWORD)] == [wrong, wrong, right]
        person_authentication._verified._until.clear()
        elsewhere()


def test_a_form_without_a_password_clears_nothing(locks):
    for turn in range(3):
        by_form(ANA, f"guess {turn}", HERE)
        by_form(ANA, "", HERE)
    assert by_form(ANA, PASSWORD, HERE).status_code == 429


def test_who_is_known_already_is_not_kept_out(locks):
    assert by_basic(ANA, PASSWORD, HERE).status_code == 200
    for turn in range(5):
        by_basic(ANA, f"guess {turn}", HERE)
    with CaptureQueriesContext(connection) as queries:
        assert by_basic(ANA, PASSWORD, HERE).status_code == 200
    assert not any("tally" in query["sql"] and "login" in query["sql"] for query in queries)


def test_many_names_from_one_address_are_too_many(locks, settings):
    settings.LOGIN_FAILURES_BY_ADDRESS = 5
    answers = [by_basic(f"x{turn}@shop.example", "x", HERE).status_code for turn in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert by_basic(ANA, PASSWORD, THERE).status_code == 200
    next_span()
    for turn in range(12):  # right ones count for nothing
        assert by_basic(ANA, PASSWORD, HERE).status_code == 200, turn
        person_authentication._verified._until.clear()


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_are_counted_before_they_are_hashed(locks, monkeypatch):
    hashed = []
    monkeypatch.setattr(User, "check_password", lambda self, password: bool(hashed.append(password)))
    ready = threading.Barrier(12)

    def guess(turn):
        try:
            ready.wait(timeout=30)
            return by_basic(ANA, f"guess {turn}", HERE).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(guess, range(12))) == [401] * 3 + [429] * 9
    assert len(hashed) == 3


@pytest.mark.django_db(transaction=True)
def test_the_first_requests_of_a_client_hash_once_and_are_all_let_in(locks, monkeypatch):
    hashed = []
    check = User.check_password
    monkeypatch.setattr(User, "check_password", lambda self, word: hashed.append(word) or check(self, word))
    ready = threading.Barrier(8)

    def ask(_):
        try:
            ready.wait(timeout=30)
            return by_basic(ANA, PASSWORD, HERE).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {200}
    assert len(hashed) == 1


@pytest.mark.parametrize("name", [ANA, "nobody@shop.example", "idle@shop.example"])
def test_every_wrong_login_costs_the_same_hash(ana, name, monkeypatch):
    person("idle@shop.example")
    User.objects.filter(username="idle@shop.example").update(is_active=False)
    hashed = []
    monkeypatch.setattr(
        "django.contrib.auth.hashers.MD5PasswordHasher.encode",
        lambda self, word, salt: hashed.append(word) or "md5$a$b",
    )
    assert by_basic(name, "wrong", HERE).status_code == 401
    assert hashed == ["wrong"]


def test_what_was_typed_as_a_name_is_not_kept(locks):
    by_form("my secret password", "x", HERE)
    assert not any("secret" in name or HERE in name for name in Tally.objects.values_list("name", flat=True))


@pytest.mark.parametrize("name", ["\0", "ana\0@shop.example", "x" * 100_000, "é@x", ""])
def test_a_name_that_cannot_be_one_is_a_wrong_login(ana, name):
    assert by_basic(name, "x", HERE).status_code == 401


@pytest.mark.parametrize(
    ("proxies", "told", "address"),
    [
        (0, "", "192.0.2.7"),
        (0, "203.0.113.5", "192.0.2.7"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "6.6.6.6, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (1, "", "192.0.2.7"),
        (1, "2001:db8:1:2:3:4:5:6", "20010db800010002::/64"),
        (1, "2001:db8:1:2:ffff::1", "20010db800010002::/64"),
        (1, "::ffff:203.0.113.5", "203.0.113.5"),
        (1, "unknown", "unknown"),
    ],
)
def test_where_a_request_comes_from(rf, settings, proxies, told, address):
    settings.PROXIES = proxies
    found = logins.address_of(rf.get("/", REMOTE_ADDR=HERE, headers={"x-forwarded-for": told} if told else {}))
    assert found == address


# --- tokens, keys and sessions -------------------------------------------------------------------------------------------


def signed(secret, user, algorithm="HS256", **claims):
    token = AccessToken.for_user(user)
    token.payload |= claims
    if algorithm == "none":
        return "JWT " + jwt.encode(token.payload, None, algorithm="none")
    return "JWT " + TokenBackend(algorithm, secret).encode(token.payload)


def test_a_token_lasts_until_it_expires(ana, settings):
    now = timezone.now()
    late, early = (signed(settings.SECRET_KEY, ana, exp=now + timedelta(seconds=offset)) for offset in (60, -1))
    assert (Caller(late).get(SEGMENTS).status_code, Caller(early).get(SEGMENTS).status_code) == (200, 401)
    token = Caller().post("/auth/signin", {"email": ANA, "password": PASSWORD}).json()["token"]
    claims = jwt.decode(token.removeprefix("JWT "), settings.SECRET_KEY, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 12 * 3600


def test_how_long_a_token_lasts_is_a_setting():
    assert seconds_of_a_token({"SEGMENTER_TOKEN_HOURS": "2"}) == 7200
    assert configured.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"] == timedelta(hours=12)


def seconds_of_a_token(environment):
    program = "from segmenter import settings; print(settings.SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].total_seconds())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_that_somebody_else_signed_is_none(ana, algorithm):
    answer = Caller(signed("somebody else's secret, and a long one", ana, algorithm)).get(SEGMENTS)
    assert (answer.status_code, answer.content) == (401, b"Unauthorized")


def test_tokens_and_sessions_outlive_a_new_secret_while_the_old_one_is_still_taken(ana, settings):
    User.objects.update(is_staff=True)
    old, browser = settings.SECRET_KEY, Client()
    token = Caller().post("/auth/signin", {"email": ANA, "password": PASSWORD}).json()["token"]
    browser.post("/admin/login/", {"username": ANA, "password": PASSWORD})
    entered = lambda: (Caller(token).get(SEGMENTS).status_code, browser.get("/admin/").status_code)  # noqa: E731
    assert entered() == (200, 200)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret of at least thirty-two bytes", [old]
    assert entered() == (200, 200)
    fresh = Caller().post("/auth/signin", {"email": ANA, "password": PASSWORD}).json()["token"]
    settings.SECRET_KEY_FALLBACKS = []
    assert Caller(token).get(SEGMENTS).status_code == 401
    assert Caller(fresh).get(SEGMENTS).status_code == 200


def test_a_session_ends_with_the_secret_that_made_it(ana, settings):
    User.objects.update(is_staff=True)
    browser = Client()
    browser.post("/admin/login/", {"username": ANA, "password": PASSWORD})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret of at least thirty-two bytes", []
    assert browser.get("/admin/").status_code == 302


def test_a_key_that_has_expired_or_is_revoked_opens_nothing(shop):
    now = timezone.now()
    spans = {"ever": None, "soon": now + timedelta(minutes=1), "past": now - timedelta(seconds=1)}
    answers = {name: Api(ApiKey.objects.issue(shop, name, "read", until)[1]).get(OWN) for name, until in spans.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == {"ever": 200, "soon": 200, "past": 401}
    key, secret = ApiKey.objects.issue(shop, "revoked", "read")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now)
    assert Api(secret).get(OWN).status_code == 401
    assert not ApiKey.objects.filter(digest__contains=secret).exists()


def test_the_use_of_a_key_is_written_once_a_minute(api, shop):
    api.get(OWN)
    first = ApiKey.objects.get().last_used_at
    assert timezone.now() - first < timedelta(seconds=30)
    with CaptureQueriesContext(connection) as queries:
        api.get(OWN)
    assert not any("last_used_at" in query["sql"] and "UPDATE" in query["sql"] for query in queries)
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    api.get(OWN)
    assert ApiKey.objects.get().last_used_at >= first


def test_passwords_are_kept_by_argon2(db, settings):
    settings.PASSWORD_HASHERS = configured.PASSWORD_HASHERS
    user = User(username="real")
    user.set_password(PASSWORD)
    assert user.password.startswith("argon2")
