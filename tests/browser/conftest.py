"""Chromium, axe, sixty people, and Ana in front of the screen."""

import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.browser.screen import CHROMIUM, DRIVER, signed_in
from tests.people import add, declare
from workspaces.models import Role

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--disable-component-update --no-first-run"
)


@pytest.fixture(scope="session")
def chromium():
    with tempfile.TemporaryDirectory() as profile:
        options = Options()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        driver.set_page_load_timeout(30)
        driver.set_script_timeout(60)
        yield driver
        driver.quit()


@pytest.fixture(scope="session")
def axe():
    """axe-core's script, as package.json names it."""
    script = settings.BASE_DIR / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        if not shutil.which("npm"):
            pytest.skip("no npm to fetch axe-core with")
        fetched = subprocess.run(["npm", "ci", "--no-audit"], cwd=settings.BASE_DIR, capture_output=True, timeout=120)
        if fetched.returncode:
            pytest.skip(f"axe-core cannot be fetched: {fetched.stderr.decode()[-200:]}")
    return script.read_text()


@pytest.fixture
def people(shop):
    declare(shop, plan="text", lastOrder="date", orders="number", vip="boolean", likes="list")
    for name, label in {"plan": "Plan", "lastOrder": "Last order"}.items():
        shop.properties.filter(name=name).update(label=label)
    now = datetime.now(UTC)
    for number in range(60):
        plan = ["pro", "team", "free", "starter", None][number % 5]
        last = now - timedelta(days=(number * 7) % 200) if number % 4 else None
        add(
            shop,
            f"Person{number:02}",
            email=f"person{number:02}@example.org",
            plan=plan,
            lastOrder=last and last.isoformat(timespec="milliseconds"),
            orders=number,
            vip=number % 3 == 0,
            likes=["music", "sport"][: number % 3],
        )
    return shop


@pytest.fixture
def ana(chromium, live_server, people):
    yield from signed_in(chromium, live_server.url, people, "ana", Role.AGENT)


@pytest.fixture
def bo(chromium, live_server, people):
    yield from signed_in(chromium, live_server.url, people, "bo", Role.ADMIN)


@pytest.fixture
def builder(ana):
    ana.open("/admin/segments/segment/add/")
    ana.css(".seg-row")
    return ana
