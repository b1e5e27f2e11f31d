"""Pictures of the main screens over the demo shop's data, for README: SCREENSHOTS=1 uv run pytest -m browser -k picture."""

import csv
import os
import tempfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from segmenter import demo
from segments.engine import audience
from tests import ROOT
from tests.browser.screen import PASSWORD, Screen, pytestmark  # noqa: F401
from tests.contacts.importing.test_import_jobs import work
from workspaces.models import Member, Role

FOLDER = ROOT / "tests" / "screenshots"
FILE = Path(tempfile.gettempdir()) / "customers of spring.csv"
MOST_BYTES = 150_000
DESKTOP, PHONE = (1280, 800), (390, 844)

MESSAGE = """Hi {{firstName|there}},

your last order was on {{lastOrderAt|a day long ago}}, and you like {{interests|nice things}}.
The {{plan}} plan now has a summer price.

We called you on {{phone|no number}}, {{fristName}}.
"""


@pytest.fixture
def demo_shop(chromium, live_server):
    workspace = demo.make_workspace()
    user = User.objects.create_user("ana", password=PASSWORD, is_staff=True)
    Member.objects.create(workspace=workspace, user=user, role=Role.ADMIN)
    return workspace, Screen(chromium, live_server.url).sign_in(user)


def dashboard(workspace, screen):
    screen.open("/admin/").sees("Segments changed last")


def editor(workspace, screen):
    segment = workspace.segments.get(name="Paying, gone quiet")
    screen.open(f"/admin/segments/segment/{segment.pk}/change/").sees("Saving changes nobody.", ".seg-count")
    screen.css(".seg-people tbody tr")


def message(workspace, screen):
    segment = workspace.segments.get(name="Paying, gone quiet")
    screen.open(f"/admin/segments/segment/{segment.pk}/message/")
    screen.css("#text").clear()
    screen.css("#text").send_keys(MESSAGE)
    screen.sees("Did you mean", ".marks")
    screen.sees("is missing for", ".coverage")


def why_not(workspace, screen):
    segment = workspace.segments.get(name="Paying, ordered lately")
    (quiet,) = audience.of(workspace.segments.get(name="Paying, gone quiet")).page(1)
    screen.open(f"/admin/contacts/contact/{quiet.pk}/why/{segment.pk}/").sees("is not in Paying, ordered lately")


def contacts(workspace, screen):
    vip = workspace.segments.get(name="Paying, ordered lately")
    screen.open(f"/admin/contacts/contact/?q=ru&segment={vip.pk}").sees("the newest first")


def import_checked(workspace, screen):
    with FILE.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(["Customer", "E-mail", "First name", "Plan", "Member since"])
        for number in range(1, 401):
            email = "nobody@" if number % 130 == 7 else f"c{number}@shop.example"
            rows.writerow([f"c-{number}", email, "Ana", ["pro", "free"][number % 2], f"{number % 28 + 1}/5/2025"])
    try:
        screen.open("/admin/contacts/importjob/add/").css("#file").send_keys(str(FILE))
        screen.button("Next: match columns").click()
        screen.button("Next: check").click()
        screen.sees("Waits for its turn")
        work()
        screen.sees("Nothing is written yet. 400 rows")
    finally:
        FILE.unlink()


@pytest.mark.skipif(not os.environ.get("SCREENSHOTS"), reason="writes files: asked for by SCREENSHOTS=1")
def test_a_picture_of_each_screen(demo_shop):
    workspace, screen = demo_shop
    screen.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    FOLDER.mkdir(exist_ok=True)
    for name, show, size, dark in [
        ("dashboard", dashboard, DESKTOP, False),
        ("editor", editor, DESKTOP, False),
        ("editor-dark", editor, DESKTOP, True),
        ("editor-phone", editor, PHONE, False),
        ("message", message, DESKTOP, False),
        ("why-not-dark", why_not, DESKTOP, True),
        ("contacts", contacts, (1280, 600), False),
        ("import-check", import_checked, DESKTOP, False),
    ]:
        screen.resize(*size)
        screen.dark(dark)
        show(workspace, screen)
        screen.driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        if size == PHONE:
            screen.driver.execute_script("document.querySelector('.seg-builder').scrollIntoView()")
        assert screen.sideways() <= 0, name
        file = FOLDER / f"{name}.png"
        screen.driver.save_screenshot(str(file))
        assert file.stat().st_size < MOST_BYTES, name
    assert screen.problems() == []
