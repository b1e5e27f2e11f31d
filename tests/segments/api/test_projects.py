"""Tiledesk's projects over HTTP, and strangers who sign up."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.callers import PASSWORD, UNKNOWN, Caller, basic, person
from tests.conftest import DEMO
from workspaces.models import Member, Role, Workspace

pytestmark = pytest.mark.django_db

NEW = {"email": "Dov@New.example", "password": "long enough 34", "firstname": "Dov", "lastname": "Levi"}


# --- projects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["/v3", "/v2", "/v1", ""])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_member_sees_their_projects_with_their_roles(ana, call, shop, rival, base, slash):
    Member.objects.create(user=ana, workspace=rival, role=Role.GUEST)
    Workspace.objects.create(name="Nobody's")
    Member.objects.create(user=person("bo@rival.example"), workspace=rival, role=Role.OWNER)
    answer = call.get(f"{base}/projects{slash}")
    assert answer.status_code == 200
    held = [(each["id_project"]["_id"], each["id_project"]["name"], each["role"]) for each in answer.json()]
    assert held == [(DEMO, "Demo shop", "agent"), (rival.pk, "Rival shop", "guest")]
    assert {each["id_user"] for each in answer.json()} == {f"{ana.pk:024x}"}
    one = call.get(f"{base}/projects/{DEMO}{slash}")
    assert (one.status_code, one.json()) == (200, answer.json()[0]["id_project"])
    assert (one.json()["id"], one.json()["status"]) == (DEMO, 100)


def test_a_project_that_is_not_theirs_is_as_unknown_as_none(call, ana, rival):
    for pk in (rival.pk, UNKNOWN, "nonsense", "%00"):
        answer = call.get(f"/v3/projects/{pk}")
        assert (answer.status_code, answer.json()) == (404, {"success": False, "msg": "Object not found."})
    Member.objects.create(user=ana, workspace=rival, role=Role.TEAMMATE)
    answer = call.get(f"/v3/projects/{rival.pk}")
    assert (answer.status_code, answer.json()["msg"]) == (403, "you dont have the required role.")


def test_a_superuser_owns_all_projects(shop, rival, settings):
    root = person("root@x.example", shop, Role.GUEST)
    root.is_superuser = True
    root.save()
    call = Caller(basic(root.email))
    held = {each["id_project"]["_id"]: each["role"] for each in call.get("/projects").json()}
    assert held == {DEMO: "owner", rival.pk: "owner"}
    assert call.get(f"/projects/{rival.pk}").status_code == 200


def test_projects_take_as_many_queries_however_many_there_are(ana, call):
    counted = []
    for _ in range(2):
        for number in range(5):
            Member.objects.create(user=ana, workspace=Workspace.objects.create(name=f"W{number}"), role=Role.AGENT)
        with CaptureQueriesContext(connection) as queries:
            assert call.get("/v3/projects").status_code == 200
        counted.append(len(queries))
    assert counted[1] <= counted[0]


def test_nobody_without_a_login_sees_projects(shop):
    for path in ("/v3/projects", f"/v3/projects/{DEMO}"):
        answer = Caller().get(path)
        assert (answer.status_code, answer.content) == (401, b"Unauthorized")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v3/projects"), ("DELETE", f"/v3/projects/{DEMO}"), ("GET", "/projects/a/b"), ("GET", "/auth/nothing")])  # fmt: skip
def test_a_route_that_there_is_not_answers_as_the_others(call, method, path):
    answer = call(method, path)
    assert answer.status_code in (404, 405)
    assert answer.json()["success"] is False


# --- signing up --------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_doors(settings, ana):
    settings.SIGN_UP = True


@pytest.mark.parametrize("body", [NEW, {}, "{"])
def test_sign_up_is_closed_unless_it_is_opened(ana, body):
    answer = Caller().post("/v3/auth/signup", body)
    assert answer.status_code == 403
    assert answer.json() == {"success": False, "msg": "Sign-up is closed. Ask an admin of the project for an account."}
    assert User.objects.count() == 1


@pytest.mark.parametrize("base", ["/v3", "/v2", "/v1", ""])
def test_a_stranger_who_signs_up_may_do_nothing_until_somebody_lets_them_in(open_doors, shop, base):
    answer = Caller().post(f"{base}/auth/signup", NEW)
    assert answer.status_code == 200
    user = User.objects.get(username="dov@new.example")
    assert answer.json() == {
        "success": True, "msg": "Successfully created new user.",
        "user": {"_id": f"{user.pk:024x}", "email": "dov@new.example", "firstname": "Dov", "lastname": "Levi", "emailverified": False},
    }  # fmt: skip
    assert [user.is_staff, user.is_superuser, user.memberships.exists()] == [False] * 3
    token = Caller().post("/auth/signin", NEW).json()["token"]
    dov = Caller(token)
    assert dov.get("/projects").json() == []
    for path in (f"/v3/{DEMO}/segments", f"/v3/{DEMO}/leads"):
        assert dov.get(path).json() == {"success": False, "msg": "you dont belong to the project."}
    Member.objects.create(user=user, workspace=shop, role=Role.AGENT)
    assert dov.get(f"/v3/{DEMO}/leads").status_code == 200
    assert Caller().post("/auth/signin", NEW).json()["user"]["emailverified"] is True


@pytest.mark.parametrize(
    ("change", "params"),
    [
        ({"email": "dov"}, ["email"]),
        ({"email": None, "password": None}, ["email", "password"]),
        ({"password": "short"}, ["password"]),
        ({"password": "password123"}, ["password"]),
        ({"firstname": "", "lastname": 4}, ["firstname", "lastname"]),
        ({"firstname": "x" * 151}, ["firstname"]),
        ({"lastname": "a\0b"}, ["lastname"]),
        ({"email": f"{'x' * 60}@{'y' * 60}.{'z' * 60}.example"}, ["email"]),
    ],
)
def test_what_is_no_account_names_every_field(open_doors, change, params):
    answer = Caller().post("/v3/auth/signup", {**NEW, **change})
    assert (answer.status_code, [error["param"] for error in answer.json()["errors"]]) == (422, params)
    assert {error["location"] for error in answer.json()["errors"]} == {"body"}
    assert User.objects.count() == 1


def test_a_body_that_is_no_object_lacks_all_fields(open_doors):
    assert len(Caller().post("/v3/auth/signup", [NEW]).json()["errors"]) == 4
    broken = Caller().post("/v3/auth/signup", "{")
    assert (broken.status_code, broken.json()["success"]) == (400, False)


def test_an_address_that_has_an_account_gets_no_second_one(open_doors):
    for email in ("ana@shop.example", "ANA@shop.example"):
        answer = Caller().post("/v3/auth/signup", {**NEW, "email": email})
        assert (answer.status_code, answer.json()) == (403, {"success": False, "message": "Email already registered"})
    assert Caller(basic("ana@shop.example", PASSWORD)).get("/projects").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_who_sign_up_with_one_address_at_once_one_does(open_doors):
    ready = threading.Barrier(6)

    def send(_):
        try:
            ready.wait(timeout=30)
            return Caller().post("/v3/auth/signup", NEW).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [200, 403, 403, 403, 403, 403]
    assert User.objects.filter(email="dov@new.example").count() == 1


def test_nobody_makes_accounts_by_the_dozen(open_doors, settings):
    settings.LOGIN_FAILURES = 3
    answers = [Caller().post("/v3/auth/signup", {**NEW, "email": f"x{number}@new.example"}) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["success"] is False
    assert 0 < int(answers[-1]["Retry-After"]) <= 300
