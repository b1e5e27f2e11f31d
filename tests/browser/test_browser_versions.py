"""Versions in a browser: what was changed, restoring it, and two people who save the same segment."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from segments.dialects.draft import Draft
from segments.models import Channel
from segments.rules import tree
from segments.saving import drafts, pins
from segments.saving.pins import Wish
from segments.saving.versions import By as Saver
from tests.browser.screen import OLD, PRO, WANTED, edit, make, pytestmark  # noqa: F401

SIZES = [(1440, False), (1440, True), (390, False), (390, True), (320, False)]
FREE = {**PRO, "value": "free"}


def looked_at(screen, axe, name):
    """In every width and both colours: nothing to complain of, and nothing that scrolls sideways."""
    for width, dark in SIZES:
        screen.resize(width)
        screen.dark(dark)
        screen.until(lambda: screen.driver.execute_script("return !document.getAnimations().length"))  # of colours
        assert screen.violations(axe) == "", (name, width, dark)
        assert screen.sideways() <= 0, (name, width)
        if folder := os.environ.get("LOOKED_AT"):
            screen.driver.save_screenshot(str(Path(folder) / f"{name}-{width}-{'dark' if dark else 'light'}.png"))
    screen.resize(1440)
    screen.dark(False)


@pytest.fixture
def bo():
    return User.objects.create(username="bo", first_name="Bo")


@pytest.fixture
def segment(people, bo):
    """With three versions; Bo made the last one."""
    segment = make(people, {"all": [PRO]}, "Paying")
    for name, rule in (("Paying", WANTED), ("Paying, gone quiet", {"all": [{**PRO, "value": ["pro"]}, OLD]})):
        drafts.update(segment, Draft(name, tree.read_node(rule, ""), rule_given=True), Saver(bo, Channel.ADMIN))
    return segment


def save_as_bo(segment, bo, rule):
    drafts.update(segment, Draft(rule=tree.read_node(rule, ""), rule_given=True), Saver(bo, Channel.ADMIN))


def test_ana_reads_the_history_and_restores_what_was_before(ana, people, segment, axe):
    edit(ana, segment)
    ana.sees("Version 3, saved")
    ana.driver.find_element(By.LINK_TEXT, "History").click()
    ana.sees("Version 3, as it is now")
    ana.sees("v1 → v2: added: none of (last order is more than 90 days ago)")
    for details in ana.all(".versions details"):
        details.find_element(By.TAG_NAME, "summary").click()
    ana.sees("v3 → v2:")
    looked_at(ana, axe, "history")
    ana.css("button[aria-label='Restore version 2']").click()
    ana.sees("Change who is in this segment?")
    ana.css("summary").click()
    looked_at(ana, axe, "restoring")
    ana.button("Keep it as it is").click()
    ana.sees("Version 3, as it is now")
    ana.css("button[aria-label='Restore version 2']").click()
    ana.css("button[value=change]").click()
    ana.sees("Paying is as it was in version 2; this is version 4.", ".messagelist")
    segment.refresh_from_db()
    assert (segment.name, segment.rule["rule"]) == ("Paying", WANTED)


def test_a_version_is_restored_by_keyboard_and_without_javascript(ana, people, segment):
    ana.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        ana.open(f"/admin/segments/segment/{segment.pk}/versions/")
        ana.tab_to("Restore version 1").send_keys(Keys.ENTER)
        ana.sees("Change who is in this segment?")
        ana.css("button[value=change]").send_keys(Keys.ENTER)
        ana.sees("Paying is as it was in version 1; this is version 4.")
    finally:
        ana.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [PRO]}


def test_an_old_version_is_deleted_after_a_question(ana, people, segment, axe):
    ana.open(f"/admin/segments/segment/{segment.pk}/versions/")
    ana.css("a[aria-label='Delete version 1']").click()
    ana.sees("Delete version 1?")
    looked_at(ana, axe, "deleting")
    ana.button("Delete version 1").click()
    ana.sees("Version 1 is deleted.", ".messagelist")
    assert list(segment.versions.values_list("number", flat=True)) == [3, 2]


def test_ana_is_told_what_bo_saved_and_chooses(ana, people, segment, bo, axe):
    edit(ana, segment)
    save_as_bo(segment, bo, {"all": [FREE, OLD]})
    ana.css("button[aria-label='Remove pro']").click()
    ana.combobox(0, "Value")
    ana.option("team")
    ana.button("Save").click()
    ana.sees("Bo saved version 4 a moment ago", "dialog")
    ana.sees("Bo's rule: People whose plan is free and whose last order is more than 90 days ago.", "dialog")
    ana.sees("Yours: People whose plan is team and", "dialog")
    ana.sees("What saving yours changes in it: plan is free → team.", "dialog")
    assert [each.text for each in ana.all("dialog mark")] == ["free", "team"]
    assert ana.focused().text == "Keep editing mine"
    ana.driver.get_log("browser")  # the 409
    looked_at(ana, axe, "told")
    ana.button("Keep editing mine").click()
    assert not ana.all("dialog")
    ana.button("Save").click()
    ana.css("dialog .seg-choices button:last-child").click()
    ana.sees("Version 4, saved")
    ana.driver.get_log("browser")
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [FREE, OLD]}


def test_ana_saves_hers_over_bos_as_the_next_version(ana, people, segment, bo):
    edit(ana, segment)
    save_as_bo(segment, bo, {"all": [PRO, OLD]})
    ana.css("#id_description").send_keys("Hers")
    ana.css("button[aria-label='Remove pro']").click()
    ana.combobox(0, "Value")
    ana.option("team")
    ana.button("Save").click()
    ana.button("Save mine as version 5").click()
    ana.until(lambda: ana.all(".messagelist") or "Change who" in ana.css("dialog").text)
    if ana.all("dialog"):
        ana.css("dialog .seg-choices button:nth-of-type(2)").click()
    ana.sees("was changed successfully", ".messagelist")
    ana.sees("Version 5, saved")
    ana.driver.get_log("browser")
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [{**PRO, "value": "team"}, OLD]}


def test_ten_of_those_who_change_are_shown_on_request(ana, people, segment, axe):
    drafts.update(segment, Draft(rule=tree.read_node({"all": [PRO]}, ""), rule_given=True))
    for number in (0, 1, 2):
        pins.pin(segment, [people.contacts.get(first_name=f"Person{number:02}").pk], Wish())
    edit(ana, segment)
    for value in ("pro", "team"):
        ana.css(f"button[aria-label='Remove {value}']").click()
    ana.combobox(0, "Value")
    ana.option("free")
    ana.button("Save").click()
    ana.sees("Three pinned people stay.", "dialog")
    for details in ana.all("dialog details"):
        details.find_element(By.TAG_NAME, "summary").click()
    ana.sees("Ten of the 11 people added", "dialog")
    ana.sees("Ten of the 22 people removed", "dialog")
    links = ana.all("dialog li a")
    assert len(links) == 20
    ana.driver.get_log("browser")  # the 409
    looked_at(ana, axe, "change")
    ana.keys(Keys.ESCAPE)
    assert not ana.all("dialog")
