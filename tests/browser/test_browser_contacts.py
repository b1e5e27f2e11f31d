"""The list of contacts in a browser: searched while somebody types, chosen and pinned by mouse and by keyboard."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from segments.dialects.draft import Draft
from segments.engine import audience
from segments.models import Segment
from segments.saving import drafts
from tests.browser.screen import LONG, PRO, make, pytestmark  # noqa: F401
from tests.people import add

LIST = "/admin/contacts/contact/"


@pytest.fixture
def listed(ana):
    ana.open(LIST).sees("1–50 of 60 contacts")
    return ana


def names(screen):
    return screen.driver.execute_script(
        "return [...document.querySelectorAll('#result_list tbody th')].map(each => each.textContent)"
    )


def shows(screen, *expected):
    return screen.until(lambda: names(screen) == list(expected))


def without_scripts(screen, off=True):
    screen.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": off})


# --- searching -------------------------------------------------------------------------------------------------------


def test_the_list_follows_what_is_typed(listed):
    search = listed.css("#searchbar")
    search.send_keys("person4")
    listed.sees("1–10 of 10 contacts")
    search.send_keys("2")
    shows(listed, "Person42")
    assert "q=person42" in listed.driver.current_url
    assert listed.focused() == search
    listed.sees("1 contact", "#state")
    search.send_keys("x")
    listed.sees("Nothing called 'person42x'. Clear search")
    listed.driver.find_element(By.LINK_TEXT, "Clear search").click()
    listed.sees("1–50 of 60 contacts")
    assert listed.css("#searchbar").get_attribute("value") == ""


def test_what_was_found_is_there_after_going_back(listed):
    listed.css("#searchbar").send_keys("person42")
    shows(listed, "Person42")
    listed.driver.find_element(By.LINK_TEXT, "Person42").click()
    listed.until(lambda: "/change/" in listed.driver.current_url)
    listed.button("Save").click()
    shows(listed, "Person42")
    listed.driver.back()
    listed.driver.back()
    shows(listed, "Person42")


def test_pages_turn_and_a_filter_is_a_word_that_can_be_taken_away(listed, people):
    make(people, {"all": [PRO]}, "Payers")
    listed.driver.find_element(By.LINK_TEXT, "Next").click()
    listed.sees("51–60 of 60 contacts")
    listed.driver.find_element(By.LINK_TEXT, "Previous").click()
    listed.sees("1–50 of 60 contacts")
    listed.css(".filtering summary").click()
    listed.css("#id_segment").send_keys("Payers")
    listed.button("Apply filters").click()
    listed.sees("1–24 of 24 contacts")
    listed.sees("In segment: Payers", ".words")
    listed.css("#searchbar").send_keys("person0")
    listed.sees("1–4 of 4 contacts")
    listed.css("a[aria-label='Remove the filter In segment: Payers']").click()
    listed.sees("1–10 of 10 contacts")


def test_signed_out_in_another_tab_is_said(listed):
    listed.driver.delete_cookie("sessionid")
    listed.css("#searchbar").send_keys("person4")
    listed.sees("You are signed out. Sign in in another tab, then press Search.", "#state")
    assert listed.css("#searchbar").get_attribute("value") == "person4"
    listed.driver.get_log("browser")


# --- choosing and pinning --------------------------------------------------------------------------------------------


@pytest.fixture
def vip(people):
    return drafts.create(people, Draft("VIP", None, rule_given=True))


def test_three_are_chosen_and_added_with_the_mouse(listed, vip):
    boxes = listed.all("tbody input[type=checkbox]")
    for box in boxes[:3]:
        box.click()
    listed.sees("3 chosen")
    listed.button("Add 3 chosen to a segment…").click()
    listed.sees("Add 3 people to a segment")
    listed.css("#id_segment").send_keys("VIP")
    listed.css("#id_reason").send_keys("beta tester")
    listed.button("Show what it does").click()
    listed.sees("Nobody of them is in yet. 3 join: 0 people now, 3 then.")
    listed.button("Add 3 to VIP").click()
    listed.sees("3 people pinned into VIP: 3 new, 0 changed, 0 as before.", ".messagelist")
    assert sorted(contact.first_name for contact in audience.of(Segment.objects.get()).page(9)) == [
        "Person57", "Person58", "Person59"]  # fmt: skip


def test_everybody_found_is_added_with_the_keyboard_alone(listed, vip):
    listed.driver.execute_script("document.querySelector('#searchbar').focus()")
    listed.keys("person4")
    listed.sees("1–10 of 10 contacts")
    listed.tab_to("Choose everybody on this page").send_keys(Keys.SPACE)
    listed.sees("10 chosen")
    listed.tab_to("Choose Person49").send_keys(Keys.SPACE)
    listed.sees("9 chosen")
    listed.tab_to("Add 9 chosen").send_keys(Keys.ENTER)
    listed.sees("Add 9 people to a segment")
    listed.driver.execute_script("document.querySelector('#id_segment').focus()")
    listed.keys("VIP", Keys.ENTER)
    listed.sees("9 join: 0 people now, 9 then.")
    listed.tab_to("Add 9 to VIP").send_keys(Keys.ENTER)
    listed.sees("9 people pinned into VIP", ".messagelist")
    assert "q=person4" in listed.driver.current_url
    assert Segment.objects.get().pins.count() == 9


def test_everything_goes_without_javascript(ana, people, vip):
    without_scripts(ana)
    try:
        ana.open(LIST)
        ana.css("#searchbar").send_keys("person4")
        ana.button("Search").click()
        ana.sees("1–10 of 10 contacts")
        ana.all("tbody input[type=checkbox]")[0].click()
        ana.button("Add chosen to a segment…").click()
        ana.sees("Add 1 person to a segment")
        ana.css("#id_segment").send_keys("VIP")
        ana.button("Show what it does").click()
        ana.button("Add 1 to VIP").click()
        ana.sees("1 person pinned into VIP: 1 new", ".messagelist")
        ana.all("tbody input[type=checkbox]")[0].click()
        ana.button("Delete chosen…").click()
        ana.sees("Are you sure")
        ana.css("input[type=submit][value^='Yes']").click()
        ana.sees("1–9 of 9 contacts")
    finally:
        without_scripts(ana, off=False)
    assert people.contacts.count() == 59
    assert not vip.pins.exists()


def test_what_is_found_opens_as_a_rule_in_the_editor(listed):
    listed.css("#searchbar").send_keys("person4")
    listed.sees("1–10 of 10 contacts")
    listed.driver.find_element(By.LINK_TEXT, "Build a segment of these").click()
    listed.until(lambda: len(listed.rows()) == 4)
    listed.sees("10 people", ".seg-count")


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(listed, people, vip, axe, dark):
    listed.dark(dark)
    assert listed.violations(axe) == ""
    listed.open(f"{LIST}?email=yes&segment=VIP&q=zzz").sees("Nothing called 'zzz' with these filters.")
    assert listed.violations(axe) == "", "nothing found"
    listed.open(f"{LIST}?email=yes&since=2020-01-01").css("tbody input[type=checkbox]").click()
    assert listed.violations(axe) == "", "narrowed"
    listed.button("Add 1 chosen to a segment…").click()
    listed.sees("Add 1 person to a segment")
    listed.css("#id_segment").send_keys("VIP")
    listed.button("Show what it does").click()
    listed.sees("1 joins: 0 people now, 1 then.")
    assert listed.violations(axe) == "", "adding"
    listed.open(f"{LIST}?since=never").sees("Enter a valid date")
    assert listed.violations(axe) == "", "a problem"
    listed.open(f"/admin/segments/segment/{vip.pk}/people/?q=a")
    assert listed.violations(axe) == "", "people"
    listed.open(f"/admin/segments/segment/{vip.pk}/change/").sees("Tiledesk: who is in, as leads")
    assert listed.violations(axe) == "", "curls"
    people.contacts.all().delete()
    listed.open(LIST).sees("No contacts yet")
    listed.css("button[aria-label='Copy: Send a contact']")
    assert listed.violations(axe) == "", "empty"


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 320])
def test_nothing_scrolls_sideways(listed, people, vip, width):
    long = add(people, LONG, email=f"{'x' * 100}@example.org", external_id="y" * 120, tags=[LONG])
    add(people, "مرحبا 🎉")
    listed.resize(width)
    for page in (LIST, f"{LIST}?tag={LONG}&email=yes&since=2020-01-01&segment=VIP", f"{LIST}?q={'z' * 120}"):
        assert listed.open(page).sideways() <= 0, page
    listed.open(f"{LIST}?q={long.external_id}").css("tbody input[type=checkbox]").click()
    listed.css("#pin-chosen").click()
    listed.sees("Add 1 person to a segment")
    listed.css("#id_segment").send_keys("VIP")
    listed.button("Show what it does").click()
    listed.sees("1 joins: 0 people now, 1 then.")
    assert listed.sideways() <= 0


def test_a_curl_of_the_segments_page_is_copied(listed, vip):
    listed.open(f"/admin/segments/segment/{vip.pk}/change/")
    listed.css("button[aria-label^='Copy: Swipe One']").click()
    listed.sees("Copied", ".copying")
