"""The import wizard in a browser: by mouse, by keyboard, and what moves while an import goes on."""

import csv
import os
import threading
from pathlib import Path

import pytest
from django.db import connection
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from contacts.importing import import_jobs, imports, tasks, uploads
from contacts.models import Contact, ImportJob
from tests.browser.screen import LONG, pytestmark  # noqa: F401
from tests.contacts.importing.test_import_jobs import work
from tests.people import add
from workspaces.problems import Invalid, Problem

ROWS = 300
HEADER = ["Customer ID", "E-mail", "First name", "Plan", "Member since", "Shoe size", "Note", "Branch"]


def rows():
    for number in range(ROWS):
        email = "nobody@" if number % 100 == 50 else f"c{number}@example.com"
        since = f"{number % 28 + 1:02}/{number % 12 + 1:02}/2024"
        size = "unknown" if number == 20 else str(36 + number % 10)
        note = 'said "hello, there"\nand left' if number % 7 == 0 else "مرحبا 🎉"
        yield [f"c{number}", email, f"Ana {number}", ["pro", "free"][number % 2], since, size, note, LONG]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "customers of spring.csv"
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([HEADER, *rows()])
    return path


class Worker:
    """Runs what waits, in a thread; stops before every batch until it is let on."""

    def __init__(self):
        self.gate, self.aborting = threading.Semaphore(0), False
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            work(self)
        finally:
            connection.close()

    def should_abort(self):
        self.gate.acquire(timeout=60)
        return self.aborting

    def let_on(self, batches):
        for _ in range(batches):
            self.gate.release()

    def finish(self):
        self.let_on(10_000)
        self.thread.join()


@pytest.fixture
def batches_of_ten(monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 10)


def step(screen):
    return screen.css(".stepper [aria-current]").text


def is_at(screen, name):
    screen.until(lambda: step(screen) == name)
    return screen


def choose(screen, file):
    screen.open("/admin/contacts/importjob/").sees("No imports yet.")
    screen.driver.find_element(By.LINK_TEXT, "Import a file").click()
    screen.css("#file").send_keys(str(file))
    screen.button("Next: match columns").click()
    return is_at(screen, "Match columns")


def field(screen, name, header):
    place = HEADER.index(header)
    return screen.css(f"#{name}-{place}")


def select(screen, name, header, words):
    Select(field(screen, name, header)).select_by_visible_text(words)


def chosen(screen, name, header):
    return Select(field(screen, name, header)).first_selected_option.text


def checked(screen, file):
    choose(screen, file)
    screen.button("Next: check").click()
    is_at(screen, "Check").sees("Waits for its turn")
    work()
    return screen.sees("Nothing is written yet. 300 rows")


# --- all of it, by mouse ---------------------------------------------------------------------------------------------


def test_ana_imports_a_file_with_the_mouse(ana, people, file, batches_of_ten, tmp_path):
    add(people, "Ana 7", external_id="c7", email="c7@example.com", plan="free")
    choose(ana, file)
    ana.sees("CSV in UTF-8, cells separated by commas")
    assert Select(ana.css("#key")).first_selected_option.text == "Customer ID (suggested)"
    assert [chosen(ana, "target", header) for header in HEADER] == [
        "External id", "E-mail", "First name", "New property", "New property", "New property", "Note", "New property"
    ]  # fmt: skip
    assert chosen(ana, "date", "Member since") == "31/12/2026 (dd/MM/yyyy)"  # for there is a 13th
    ana.sees("Days as dd/MM/yyyy: line 16 holds “13/01/2024”")
    assert not field(ana, "date", "Plan").is_displayed()
    ana.sees("Text, because line 25 holds “unknown”; 299 of 300 look like a number")
    assert not field(ana, "name", "E-mail").is_displayed()
    assert not field(ana, "policy", "Customer ID").is_displayed()  # the key
    select(ana, "target", "Plan", "Plan")
    assert not field(ana, "name", "Plan").is_displayed()
    select(ana, "type", "Shoe size", "Number")
    assert not field(ana, "date", "Shoe size").is_displayed()
    select(ana, "policy", "E-mail", "Keep the contact's value")
    select(ana, "target", "Branch", "New substitution tag")
    assert field(ana, "name", "Branch").get_attribute("value") == "Branch"

    # What is wrong stands at its place, and the rest stays.
    field(ana, "name", "Shoe size").clear()
    ana.button("Next: check").click()
    ana.sees("There is a problem. To go on, change 1 thing: Shoe size goes to a property without a name", "#problems")
    assert field(ana, "name", "Shoe size").get_attribute("aria-invalid") == "true"
    assert ana.focused().get_attribute("id") == "problems"
    assert chosen(ana, "type", "Shoe size") == "Number"
    field(ana, "name", "Shoe size").send_keys("Shoes")

    # Back to the file and forth again keeps what was chosen.
    ana.button("Back").click()
    is_at(ana, "Choose a file").sees("8 columns:")
    ana.button("Next: match columns").click()
    is_at(ana, "Match columns")
    assert field(ana, "name", "Shoe size").get_attribute("value") == "Shoes"
    ana.button("Next: check").click()
    is_at(ana, "Check")
    ana.driver.back()  # the browser's own
    is_at(ana, "Match columns")
    assert chosen(ana, "policy", "E-mail") == "Keep the contact's value"
    assert chosen(ana, "target", "Plan") == "Plan"
    assert chosen(ana, "target", "Branch") == "New substitution tag"
    ana.button("Next: check").click()

    is_at(ana, "Check").sees("Waits for its turn")
    work()
    ana.sees("Nothing is written yet. 300 rows: 295 new, 1 changed, 0 unchanged, 4 rejected.")
    ana.sees("New properties: Member since (date), Shoes (number).")
    ana.sees("25 Shoe size unknown", ".importing table")
    assert Contact.objects.filter(external_id__startswith="c").count() == 1
    ana.button("Import 296 rows").click()

    # It moves, may be left and come back to, and says each quarter once to those who do not see it.
    is_at(ana, "Import").sees("Waits for its turn")
    seen = [0]
    assert ana.css("#progress progress").get_dom_attribute("value") is None
    ana.driver.execute_script(
        "window.said = []; new MutationObserver(() => said.push(document.querySelector('#progress-said').textContent))"
        ".observe(document.querySelector('#progress-said'), {childList: true})"
    )
    worker = Worker()
    try:
        worker.let_on(first_reading())
        ana.until(lambda: ImportJob.objects.get().state == "writing")
        for _ in range(3):
            before = ImportJob.objects.get().position
            worker.let_on(3)
            ana.until(lambda before=before: ImportJob.objects.get().position > before)
            seen.append(ana.until(lambda: further(ana, seen)))
            ana.sees("of 300 rows,")
        assert seen == sorted(set(seen))
        ana.sees("rows a minute, about ", "#progress")
        said = ana.driver.execute_script("return said")
        ana.open("/admin/").sees("customers of spring.csv writing,", ".tiles")
        ana.driver.find_element(By.LINK_TEXT, "customers of spring.csv").click()
        is_at(ana, "Import").sees("of 300 rows,")
    finally:
        worker.finish()
    is_at(ana, "Done").sees(
        "New 295 Changed 1 Unchanged 0 Rejected 4 300 rows from customers of spring.csv", ".importing"
    )
    assert "25%" in said
    assert set(said) <= {"25%", "50%", "75%", "100%"}
    assert len(said) == len(set(said))
    assert Contact.objects.filter(external_id__startswith="c").count() == 296
    assert [(row["column"], row["value"]) for row in downloaded(ana, tmp_path)] == [
        ("Shoe size", "unknown"), *[("E-mail", "nobody@")] * 3
    ]  # fmt: skip
    ana.driver.find_element(By.LINK_TEXT, "See the contacts").click()
    ana.sees("Ana 299")
    ana.open("/admin/contacts/importjob/").sees("customers of spring.csv Done ana")


def further(screen, seen):
    """Where the bar stands, once it has moved."""
    value = int(screen.css("#progress progress").get_dom_attribute("value") or 0)
    return value > seen[-1] and value


def first_reading():
    """The number of its batches."""
    job = ImportJob.objects.get()
    with uploads.opened(job) as opened:
        source = imports.source_of(opened, import_jobs.options_of(job))
        return sum(1 for _ in source.batches(len(HEADER), imports.ROWS_A_BATCH))


def downloaded(screen, folder):
    """The rejects, as the link gives them to whoever presses it."""
    folder = folder / f"downloads{len(os.listdir(folder))}"
    folder.mkdir()
    screen.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": False}
    )
    screen.driver.find_element(By.PARTIAL_LINK_TEXT, "Download all 4 rows").click()
    done = screen.until(lambda: [each for each in Path(folder).iterdir() if each.suffix == ".csv"])
    with done[0].open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


# --- by keyboard -----------------------------------------------------------------------------------------------------


def test_ana_imports_a_file_with_the_keyboard_alone(ana, people, file):
    ana.open("/admin/contacts/importjob/add/")
    ana.css("#file").send_keys(str(file))  # the system's own window is nobody's to test
    ana.driver.execute_script("document.querySelector('#file').focus()")
    ana.tab_to("Next: match columns").send_keys(Keys.ENTER)
    is_at(ana, "Match columns")
    ana.driver.execute_script("document.querySelector('#key').focus()")
    tab_to_field(ana, "target", "Branch").send_keys("Leave")
    tab_to_field(ana, "policy", "Note", back=True).send_keys("Keep")
    ana.tab_to("Next: check").send_keys(Keys.ENTER)
    is_at(ana, "Check").sees("Waits for its turn")
    work()
    ana.sees("300 rows: 297 new, 0 changed, 0 unchanged, 3 rejected.")
    ana.tab_to("Back")
    ana.driver.execute_script("document.activeElement.blur()")
    ana.tab_to("Import 297 rows").send_keys(Keys.ENTER)
    is_at(ana, "Import")
    work()
    is_at(ana, "Done").sees("New 297", ".tiles")
    assert ImportJob.objects.get().options["mapping"]["Branch"] == "-"
    assert ImportJob.objects.get().options["policies"] == {"Note": "keep"}
    ana.tab_to("Import another file").send_keys(Keys.ENTER)
    is_at(ana, "Choose a file")


def tab_to_field(screen, name, header, *, back=False):
    wanted = f"{name}-{HEADER.index(header)}"
    for _ in range(80):
        if screen.focused().get_attribute("id") == wanted:
            return screen.focused()
        screen.chord(Keys.SHIFT, Keys.TAB) if back else screen.keys(Keys.TAB)
    raise AssertionError(f"Tab never comes to {wanted}")


# --- what else happens -----------------------------------------------------------------------------------------------


def test_another_key_takes_the_external_id_and_gives_it_back(ana, file):
    choose(ana, file)
    Select(ana.css("#key")).select_by_visible_text("Branch")
    assert chosen(ana, "target", "Branch") == "External id"
    assert not field(ana, "policy", "Branch").is_displayed()
    Select(ana.css("#key")).select_by_visible_text("E-mail")
    assert chosen(ana, "target", "Branch") == "New property"
    assert chosen(ana, "target", "E-mail") == "E-mail"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(ana, file, settings):
    settings.IMPORT_LIMIT = 1_000
    ana.open("/admin/contacts/importjob/add/")
    ana.css("#file").send_keys(str(file))
    ana.sees("Error: customers of spring.csv has 0.1 MB; a file can have 0 MB.", "#upload-problem")
    ana.button("Next: match columns").click()
    assert step(ana) == "Choose a file"
    assert not ImportJob.objects.exists()


def half_imported(screen, file):
    """The worker of an import, which waits with a part of it written."""
    checked(screen, file)
    screen.button("Import 297 rows").click()
    is_at(screen, "Import")
    worker = Worker()
    worker.let_on(first_reading() + 5)
    screen.sees("of 300 rows,")
    return worker


def test_an_import_whose_worker_stops_goes_on_with_the_next_one(ana, people, file, batches_of_ten):
    worker = half_imported(ana, file)
    worker.aborting = True
    worker.finish()
    half = ImportJob.objects.get().position
    assert 0 < half < ROWS
    ImportJob.objects.update(updated_at="2024-01-01T00:00Z")
    tasks.rescue.func()
    work()
    is_at(ana, "Done").sees("New 297", ".tiles")


def test_a_running_import_is_cancelled_and_gone_on_with(ana, people, file, batches_of_ten):
    worker = half_imported(ana, file)
    ana.button("Cancel; what is written stays").click()
    is_at(ana, "Done").sees("Cancelled; what was written stays.")
    worker.finish()
    ana.button("Go on with the other rows").click()
    is_at(ana, "Import")
    work()
    is_at(ana, "Done").sees("New 297", ".tiles")


def test_who_is_signed_out_meanwhile_is_told(ana, people, file):
    checked(ana, file)
    ana.button("Import 297 rows").click()
    is_at(ana, "Import")
    ana.driver.delete_cookie("sessionid")
    ana.sees("You are signed out. The import goes on", "#progress")
    ana.driver.get_log("browser")


# --- for everybody -----------------------------------------------------------------------------------------------------


def screens(screen, file):
    """Goes through the steps; at each of them something is looked at."""
    screen.open("/admin/contacts/importjob/").sees("No imports yet.")
    yield "list-empty"
    screen.open("/admin/contacts/importjob/add/")
    yield "1-file"
    choose(screen, file)
    yield "2-columns"
    field(screen, "name", "Shoe size").clear()
    Select(screen.css("#key")).select_by_visible_text("Choose a column")
    screen.button("Next: check").click()
    screen.sees("There is a problem. To go on, change 2 things:")
    yield "2-problems"
    field(screen, "name", "Shoe size").send_keys("Shoes")
    Select(screen.css("#key")).select_by_visible_text("Customer ID (suggested)")
    screen.button("Back").click()
    is_at(screen, "Choose a file")
    yield "1-read"
    screen.button("Next: match columns").click()
    is_at(screen, "Match columns")
    screen.button("Next: check").click()
    is_at(screen, "Check").sees("Waits for its turn")
    yield "3-checking"
    work()
    screen.sees("Nothing is written yet. 300 rows")
    yield "3-checked"
    screen.button("Import 297 rows").click()
    is_at(screen, "Import")
    ImportJob.objects.update(state="writing", position=120, created=120, rejected=0, began_at="2026-01-01T00:00Z")
    screen.sees("120 of 300 rows")
    yield "4-run"
    screen.open("/admin/contacts/importjob/").sees("Importing 40%")
    yield "list"
    screen.open("/admin/").sees("writing, 120 of 300 rows")
    yield "dashboard"
    ImportJob.objects.update(state="waiting", position=0, created=0, began_at=None)
    screen.open(f"/admin/contacts/importjob/{ImportJob.objects.get().pk}/run/")
    work()
    is_at(screen, "Done")
    yield "5-done"
    job = ImportJob.objects.get()
    import_jobs.fail(job, Invalid([Problem("line 7", "is not UTF-8")]))
    screen.open(f"/admin/contacts/importjob/{job.pk}/change/").sees("The import has failed.")
    yield "5-failed"


def pictured(screen, name):
    if folder := os.environ.get("WIZARD_PICTURES"):
        height = screen.driver.execute_script("return document.documentElement.scrollHeight")
        width = screen.driver.execute_script("return innerWidth")
        screen.resize(width, min(height, 2500))
        screen.driver.save_screenshot(f"{folder}/{name}.png")
        screen.resize(width)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_any_step(ana, people, file, axe, dark):
    ana.dark(dark)
    for name in screens(ana, file):
        assert ana.violations(axe) == "", name
        pictured(ana, f"{name}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("width", [1024, 768, 390, 320])
def test_no_step_scrolls_sideways(ana, people, file, width):
    ana.resize(width)
    for name in screens(ana, file):
        assert ana.sideways() <= 0, name
        pictured(ana, f"{name}-{width}")
