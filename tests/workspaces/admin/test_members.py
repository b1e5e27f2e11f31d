"""Workspaces in the admin, and who may let whom in."""

import pytest
from django.contrib.auth.models import User

from tests.people import add
from tests.staff import act, edit, errors, fields_of, join, page, saved, text
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


def test_bo_lets_somebody_in_up_to_his_own_role(browser, shop, staff):
    User.objects.create(username="carla")
    client = browser("bo")
    asked = {"workspace": shop.pk, "user": "carla", "role": Role.OWNER}
    assert "Your own role here is admin" in errors(client.post(page("workspaces.member", "add"), asked))["role"]
    saved(client.post(page("workspaces.member", "add"), {**asked, "role": Role.ADMIN}))
    assert shop.members.get(user__username="carla").role == Role.ADMIN
    assert "exists" in errors(client.post(page("workspaces.member", "add"), {**asked, "role": Role.USER}))["__all__"]
    asked["user"] = "nobody"
    assert "There is no account called nobody." in errors(client.post(page("workspaces.member", "add"), asked))["user"]


def test_bo_cannot_make_himself_an_owner(browser, shop, staff):
    client, bo = browser("bo"), shop.members.get(user__username="bo")
    assert "role" in errors(edit(client, bo, role=Role.OWNER))
    assert "role" in errors(edit(client, shop, **row(client, shop, "bo", role=Role.OWNER)))
    saved(edit(browser("root"), bo, role=Role.OWNER))


def row(client, shop, name, **changes):
    """Changes to somebody's row on the page of the workspace."""
    formset = client.get(page("workspaces.workspace", "change", shop.pk)).context["inline_admin_formsets"][0].formset
    form = next(form for form in formset.forms if form.instance.user.username == name)
    return {f"{form.prefix}-{field}": value for field, value in changes.items()}


def test_an_owner_is_safe_from_an_admin(browser, shop, staff):
    olga = join(shop, "olga", Role.OWNER)
    client = browser("bo")
    assert client.post(page("workspaces.member", "change", olga.pk), {"role": Role.USER}).status_code == 403
    assert client.post(page("workspaces.member", "delete", olga.pk), {"post": "yes"}).status_code == 403
    saved(edit(client, shop, **row(client, shop, "olga", role=Role.USER)))
    assert "above your own role" in errors(edit(client, shop, **row(client, shop, "olga", DELETE="on")))["formset"]
    olga.refresh_from_db()
    assert olga.role == Role.OWNER


def test_bo_changes_the_workspace_and_its_members_on_one_page(browser, shop, staff):
    User.objects.create(username="carla")
    client = browser("bo")
    new = {"members-TOTAL_FORMS": 4, "members-3-user": "carla", "members-3-role": Role.USER}
    changes = row(client, shop, "ana", role=Role.SUPERVISOR) | row(client, shop, "gus", DELETE="on") | new
    saved(edit(client, shop, name="Better shop", id="f" * 24, **changes))
    shop.refresh_from_db()
    assert shop.name == "Better shop"
    roles = dict(shop.members.values_list("user__username", "role"))
    assert roles == {"ana": Role.SUPERVISOR, "bo": Role.ADMIN, "carla": Role.USER}
    assert not Workspace.objects.filter(pk="f" * 24).exists()


def test_a_member_stays_the_member_that_they_are(browser, shop, rival, staff):
    ana = shop.members.get(user__username="ana")
    client = browser("root")
    saved(edit(client, ana, user="mallory", workspace=rival.pk, role=Role.USER))
    saved(edit(client, shop, **row(client, shop, "ana", user="mallory")))
    ana.refresh_from_db()
    assert (ana.user.username, ana.workspace, ana.role) == ("ana", shop, Role.USER)


def test_a_superuser_makes_a_workspace_and_a_time_zone_must_exist(browser, staff):
    client = browser("root")
    form = fields_of(client.get(page("workspaces.workspace", "add")))
    assert "no time zone" in errors(client.post(page("workspaces.workspace", "add"), {**form, "name": "New", "timezone": "Mars"}))["timezone"]  # fmt: skip
    saved(client.post(page("workspaces.workspace", "add"), {**form, "name": "New", "timezone": "Europe/Madrid"}))
    assert Workspace.objects.get(name="New").pk == form["id"]


@pytest.mark.parametrize("way", ["page", "action"])
def test_a_workspace_is_deleted_with_everything_in_it_and_nothing_else(browser, shop, ours, theirs, way):
    add(shop, "Second")
    client = browser("root")
    shown = client.get(page("workspaces.workspace", "delete", shop.pk))
    assert "Contacts: 2" in " ".join(text(shown).split())
    if way == "page":
        saved(client.post(page("workspaces.workspace", "delete", shop.pk), {"post": "yes"}))
    else:
        act(client, "workspaces.workspace", "delete_selected", [shop.pk], post="yes")
    for kind, obj in theirs.items():
        assert list(type(obj).objects.all()) == [obj], kind
