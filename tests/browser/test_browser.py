"""The admin in a browser, as Ana uses it: mouse, keyboard, what she sees, what is saved, what a screen reader gets."""

import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from segments.dialects.draft import Draft
from segments.models import Segment
from segments.saving import drafts
from tests.browser.screen import (  # noqa: F401
    OLD,
    PASSWORD,
    PRO,
    WANTED,
    edit,
    expected,
    make,
    opens_and_is_saved_back_equal,
    pytestmark,
)
from workspaces.models import Member, Role


def test_ana_signs_in_by_the_form(ana, people):
    ana.forget()
    ana.open("/admin/").css("#id_username").send_keys("ana")
    ana.css("#id_password").send_keys(PASSWORD, Keys.ENTER)
    ana.sees(people.name)
    assert "/login/" not in ana.driver.current_url


# --- building ------------------------------------------------------------------------------------------------------


def test_ana_builds_a_rule_with_the_mouse_and_saves_edits_and_undoes_it(builder, people):
    builder.css("#id_name").send_keys("Paying, ordered lately")
    builder.combobox(0, "Property")
    builder.option("Plan")
    for value in ("pro", "team"):
        builder.combobox(0, "Value")
        builder.option(value)
        builder.sees(value, ".seg-tokens ul")
    builder.button("Add group").click()
    Select(builder.all(".seg-heading")[1]).select_by_visible_text("none of")
    builder.combobox(1, "Property")
    builder.option("Last order")
    builder.operator(1, "is more than … ago")
    amount = builder.until(lambda: builder.rows()[1].find_element(By.CSS_SELECTOR, "input[aria-label='Amount']"))
    amount.click()
    amount.send_keys("90")
    builder.sees(f"{expected(people)} people", ".seg-count")
    builder.sees("People whose plan is pro or team and whose last order is not more than 90 days ago", ".seg-sentence")
    builder.sees("Unsaved:", "#saving")
    builder.button("Save").click()
    builder.until(lambda: "/change/" in builder.driver.current_url)
    segment = Segment.objects.get()
    assert segment.rule == {"version": 1, "rule": WANTED}

    builder.sees(f"{expected(people)} people", ".seg-count")
    builder.until(lambda: len(builder.rows()) == 2)
    assert builder.all(".seg-unsaved")[0].text == ""
    builder.css("button[aria-label='Remove team']").click()
    less = expected(people, {"all": [{**PRO, "value": "pro"}, WANTED["all"][1]]})
    builder.sees(f"{less} people", ".seg-count")
    builder.sees(f"Saving adds 0 and removes {expected(people) - less}.", ".seg-count")
    builder.sees("Unsaved: 1 change", "#saving")
    builder.css("#seg-undo").click()
    builder.sees(f"{expected(people)} people", ".seg-count")
    assert builder.all(".seg-unsaved")[0].text == ""
    builder.css("#seg-redo").click()
    builder.sees(f"{less} people", ".seg-count")
    builder.button("Discard").click()
    builder.sees(f"{expected(people)} people", ".seg-count")


def test_ana_builds_the_same_rule_with_the_keyboard_alone(builder, people):
    builder.driver.execute_script("document.querySelector('#id_name').focus()")
    builder.keys("By keyboard")
    builder.tab_to("How these are joined")
    builder.keys(Keys.TAB)
    builder.focus_is("Property")
    builder.keys("plan")
    builder.sees("Plan", ".seg-list")
    builder.until(lambda: builder.focused().get_attribute("aria-activedescendant"))
    builder.keys(Keys.ENTER)
    builder.focus_is("Value")
    builder.keys("pro", Keys.ENTER)
    builder.sees("pro", ".seg-tokens ul")
    builder.focus_is("Value")
    builder.keys("team", Keys.TAB)  # leaving the field takes what is typed
    builder.sees("team", ".seg-tokens ul")
    builder.focus_is("Actions for condition 1")
    builder.tab_to("Add group").send_keys(Keys.ENTER)
    builder.focus_is("Property")
    builder.keys("last ord")
    builder.until(lambda: builder.focused().get_attribute("aria-activedescendant"))
    builder.keys(Keys.ENTER)
    builder.focus_is("Amount")
    builder.chord(Keys.SHIFT, Keys.TAB)
    builder.focus_is("Operator")
    builder.keys("is more than")
    builder.until(lambda: builder.focused().get_attribute("value") == "more_than_ago")
    builder.keys(Keys.TAB, "90")
    while builder.focused().get_attribute("aria-label") != "How these are joined":
        builder.chord(Keys.SHIFT, Keys.TAB)
    builder.focus_is("How these are joined")
    builder.keys("none")
    builder.sees(f"{expected(people)} people", ".seg-count")
    builder.chord(Keys.CONTROL, "s")
    builder.until(lambda: "/change/" in builder.driver.current_url)
    assert Segment.objects.get().rule == {"version": 1, "rule": WANTED}


def test_rows_are_moved_duplicated_and_removed_by_keys_and_the_focus_stays(ana, people):
    a, b, c = ({**PRO, "value": value} for value in ("pro", "team", "free"))
    segment = make(people, {"any": [a, b, c]})
    edit(ana, segment)
    ana.driver.execute_script("document.querySelectorAll('.seg-more')[0].focus()")
    ana.chord(Keys.ALT, Keys.ARROW_DOWN)
    ana.focus_is("Actions for condition 2")
    ana.keys(Keys.DELETE)
    ana.focus_is("Actions for condition 2")
    assert len(ana.rows()) == 2
    ana.sees("team", ".seg-line:nth-child(1)")
    ana.sees("free", ".seg-line:nth-child(2)")
    ana.chord(Keys.CONTROL, "z")
    ana.until(lambda: len(ana.rows()) == 3)
    ana.keys(Keys.ENTER)
    ana.focus_is("Duplicate")
    ana.keys(Keys.ENTER)
    ana.until(lambda: len(ana.rows()) == 4)
    ana.focus_is("Value")


def test_typing_a_value_offers_its_property(builder):
    builder.combobox(0, "Property")
    builder.keys("starter")
    builder.option('Plan is "starter"')
    builder.sees("starter", ".seg-tokens ul")
    builder.sees("12 people", ".seg-count")


def test_every_type_has_its_fields(builder, people):
    for property, operator, typed, says in [
        ("orders", "is at least", "1,0", "People whose orders is at least 10."),
        ("vip", "is not yes", "", "People whose vip is not true (or who have none)."),
        ("likes", "includes all of", "music\n", "People whose likes include all of music."),
        ("Last order", "is in the last", "2", "People whose last order is in the last 2 days."),
        ("E-mail", "ends with", "example.org\n", "People whose e-mail ends with example.org."),
    ]:
        field = builder.combobox(0, "Property")
        field.send_keys(Keys.CONTROL + "a" + Keys.NULL, property)
        builder.option(property)
        builder.operator(0, operator)
        if typed:
            builder.driver.execute_script("document.querySelector('.seg-row [id$=-value]').focus()")
            builder.keys(typed.replace("1,0", "10").replace("\n", Keys.ENTER))
        builder.sees(says, ".seg-sentence")


# --- what it says ----------------------------------------------------------------------------------------------------


def test_an_unfinished_condition_is_never_counted_as_absent_and_not_saved(builder, people):
    builder.css("#id_name").send_keys("Half")
    builder.combobox(0, "Property")
    builder.option("Plan")
    builder.combobox(0, "Value")
    builder.option("pro")
    builder.sees("12 people", ".seg-count")
    builder.button("Add condition").click()
    builder.sees("waiting for condition 2", ".seg-count")
    builder.keys(Keys.ESCAPE)
    builder.button("Save").click()
    builder.sees("To save this segment, change this: Condition 2: choose a property", ".seg-summary")
    builder.sees("Error: Choose a property.", ".seg-row [id$=error]:not(:empty)")
    assert not Segment.objects.exists()


def test_a_problem_stands_at_its_condition(ana, people):
    segment = make(people, {"all": [PRO, {"property": "customProperties.orders", "operator": "at_least", "value": 3}]})
    people.properties.filter(name="orders").delete()
    ana.open(f"/admin/segments/segment/{segment.pk}/change/")
    ana.until(lambda: len(ana.rows()) == 2)
    ana.sees("There is no property 'customProperties.orders'", ".seg-line:nth-child(2)")
    ana.css("button[aria-label='Remove team']").click()
    ana.button("Save").click()
    ana.sees("Condition 2: There is no property", ".seg-summary")
    assert "seg-summary" in ana.focused().get_attribute("class")
    ana.driver.get_log("browser")  # the refused requests


def test_a_segment_of_everyone_is_asked_about(ana, people):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    Select(ana.css(".seg-heading")).select_by_visible_text("any of")
    ana.button("Add condition").click()
    ana.option("Plan")
    ana.operator(1, "is none of")
    ana.combobox(1, "Value")
    ana.option("pro")
    ana.sees("This is everyone in Demo shop.", ".seg-count")
    ana.button("Save").click()
    ana.sees("This rule matches all 60 people in Demo shop.", "dialog")
    assert ana.focused().text == "Keep editing"
    ana.keys(Keys.ESCAPE)
    assert not ana.all("dialog")
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [PRO]}
    ana.button("Save").click()
    ana.button("Save for everyone").click()
    ana.sees("was changed successfully", ".messagelist")
    segment.refresh_from_db()
    assert len(segment.rule["rule"]["any"]) == 2
    ana.driver.get_log("browser")  # the 409


def test_the_second_of_two_editors_is_told_and_may_still_save(ana, people):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    drafts.update(segment, Draft("Renamed meanwhile"))
    ana.css("button[aria-label='Remove team']").click()
    ana.button("Save").click()
    ana.sees("Somebody saved version 2 a moment ago", "dialog")
    ana.button("Save mine as version 3").click()
    ana.sees("was changed successfully", ".messagelist")
    segment.refresh_from_db()
    assert (segment.name, segment.rule["rule"]) == ("Made", {"all": [{**PRO, "value": "pro"}]})
    ana.driver.get_log("browser")


ANY_RULE = [
    PRO,
    {"not": {"not": PRO}},
    {"not": {"not": {"not": {"any": [PRO]}}}},
    {"all": []},
    {"any": []},
    {"not": {"all": [{"not": OLD}, {"any": [PRO, {"all": []}]}]}},
    {"all": [{**PRO, "operator": "greater_than", "value": "m"}]},
    {"all": [{**OLD, "value": "90"}, {**OLD, "operator": "in_the_last", "value": 30}]},
    {"all": [{**OLD, "operator": "before", "value": "2026-01-01T10:00:00.5+02:00"}]},
    {"all": [{"property": "customProperties.vip", "operator": "is", "value": [True, False]}]},
    {"all": [{"property": "customProperties.vip", "operator": "is", "value": "true"}]},
    {"all": [{"property": "customProperties.orders", "operator": "between", "value": ["1", 2.5]}]},
    {"all": [{"property": "customProperties.likes", "operator": "is_known"}]},
]


def save_and_agree(screen):
    """Whether or not a question comes first."""
    screen.button("Save").click()
    screen.until(lambda: screen.all("dialog") or screen.all(".messagelist"))
    if screen.all("dialog"):
        screen.driver.get_log("browser")
        screen.css("dialog button:nth-of-type(2)").click()
    screen.sees("was changed successfully", ".messagelist")


def test_every_rule_that_the_api_takes_opens_and_is_saved_back_equal(ana, people):
    deep = PRO
    for level in range(10):
        deep = {"any": [deep, OLD]} if level % 2 else {"all": [deep]}
    used = make(people, PRO, "Used")
    for rule in [*ANY_RULE, deep, {"not": {"segment": used.pk}}]:
        segment = make(people, rule, f"Rule {json.dumps(rule)[:300]}")
        opens_and_is_saved_back_equal(ana, segment)


def test_a_segment_is_chosen_and_one_that_makes_a_circle_is_not(ana, people):
    first = make(people, {"all": [PRO]}, "First")
    make(people, {"segment": first.pk}, "Second")
    apart = make(people, {"all": [OLD]}, "Apart")
    edit(ana, first)
    ana.button("Add condition").click()
    ana.keys("Apart")
    ana.option("In Apart")
    ana.sees("who are in Apart", ".seg-sentence")
    ana.combobox(1, "Segment")
    ana.sees("Second First → Second → First", ".seg-list")
    ana.option("Second")
    ana.keys(Keys.ESCAPE)
    save_and_agree(ana)
    first.refresh_from_db()
    assert first.rule["rule"] == {"all": [PRO, {"segment": apart.pk}]}


def test_why_somebody_is_in(ana, people):
    edit(ana, make(people, {"all": [PRO]}))
    ana.css(".seg-who input").send_keys("person02", Keys.ENTER)
    ana.sees("Person02: Would be in if plan were one of pro, team.", ".seg-why")


def test_a_bar_becomes_a_condition(ana, people):
    edit(ana, make(people, {"all": [OLD]}))
    Select(ana.css("select[aria-label='Look inside by']")).select_by_visible_text("Plan")
    ana.button("pro").click()
    ana.button('Add "Plan is pro" to the rule').click()
    ana.until(lambda: len(ana.rows()) == 2)
    ana.sees("whose plan is pro", ".seg-sentence")


# --- for everybody ---------------------------------------------------------------------------------------------------

PAGES = [
    "/admin/",
    "/admin/segments/segment/",
    "/admin/contacts/contact/",
    "/admin/contacts/contact/add/",
    "/admin/segments/pin/add/",
]


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(ana, people, axe, dark):
    ana.dark(dark)
    segment = make(people, {"all": [PRO, {"not": {"any": [OLD]}}]})
    contact = people.contacts.first()
    of_contact = f"/admin/contacts/contact/{contact.pk}"
    of_people = f"/admin/segments/segment/{segment.pk}/people/"
    for page in [*PAGES, f"{of_contact}/change/", f"{of_contact}/why/{segment.pk}/", of_people]:
        assert ana.open(page).violations(axe) == "", page
    edit(ana, segment)
    ana.sees("10 of them", ".seg-people")
    assert ana.violations(axe) == ""
    ana.css(".seg-more").click()
    assert ana.violations(axe) == "", "menu"
    ana.keys(Keys.ESCAPE)
    ana.combobox(0, "Value")
    ana.css(".seg-option")
    assert ana.violations(axe) == "", "list"
    ana.keys(Keys.ESCAPE)
    ana.button("Add condition").click()
    ana.keys(Keys.ESCAPE)
    ana.button("Save").click()
    ana.sees("There is a problem", ".seg-summary")
    assert ana.violations(axe) == "", "errors"
    ana.css("#seg-undo").click()
    Select(ana.css(".seg-heading")).select_by_visible_text("none of")
    ana.until(lambda: "Exact" in ana.css(".seg-count").text)
    ana.button("Save").click()
    ana.css("dialog")
    ana.driver.get_log("browser")  # the 409
    assert ana.violations(axe) == "", "dialog"
    ana.keys(Keys.ESCAPE)


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 320])
def test_nothing_scrolls_sideways(ana, people, width):
    long = "".join(f"Very long word{number} " for number in range(9))[:120]
    people.properties.filter(name="plan").update(label=long)
    rule = {
        "all": [{**PRO, "value": ["pro", long, "مرحبا 🎉"]}, {"not": {"any": [OLD, {"all": [{"any": [OLD]}, OLD]}]}}]
    }
    segment = make(people, rule, long)
    ana.resize(width)
    for page in ("/admin/", "/admin/segments/segment/", f"/admin/segments/segment/{segment.pk}/change/"):
        ana.open(page)
        if "change" in page:
            ana.sees("people", ".seg-count")
        assert ana.sideways() <= 0, page


# --- nothing is lost -------------------------------------------------------------------------------------------------


def test_signed_out_in_another_tab_nothing_is_lost(ana, people):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    ana.css("button[aria-label='Remove team']").click()
    session = ana.driver.get_cookie("sessionid")
    ana.driver.delete_cookie("sessionid")
    ana.button("Save").click()
    ana.sees("You are signed out. Sign in in another tab, then press Save again.", ".seg-summary")
    ana.driver.get_log("browser")  # the refused requests
    ana.driver.add_cookie({name: session[name] for name in ("name", "value", "path")})
    ana.button("Save").click()
    ana.sees("was changed successfully", ".messagelist")
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [{**PRO, "value": "pro"}]}


def test_what_was_not_saved_is_offered_when_the_page_comes_back(ana, people):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    ana.css("button[aria-label='Remove team']").click()
    ana.sees("Unsaved: 1 change", "#saving")
    ana.driver.execute_script("window.addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)")
    edit(ana, segment)
    ana.sees("Unsaved changes from", ".seg-banner")
    ana.button("Use them").click()
    ana.sees("12 people", ".seg-count")
    ana.button("Save").click()
    ana.sees("was changed successfully", ".messagelist")
    ana.sees("Exact", ".seg-count")
    assert not ana.all(".seg-banner")
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [{**PRO, "value": "pro"}]}


def test_a_condition_is_dragged_into_a_group(ana, people):
    segment = make(people, {"all": [PRO, {"any": [OLD, {"property": "email", "operator": "is_known"}]}]})
    edit(ana, segment)
    handle, target = ana.all(".seg-handle")[0], ana.rows()[2]
    below = (0, target.size["height"] // 2 - 2)
    chain = (
        ActionChains(ana.driver)
        .click_and_hold(handle)
        .move_to_element(target)
        .move_to_element_with_offset(target, *below)
    )
    chain.release().perform()
    ana.until(lambda: len(ana.all(".seg-group")) == 2 and len(ana.all(".seg-group .seg-group .seg-row")) == 3)
    save_and_agree(ana)
    segment.refresh_from_db()
    assert segment.rule["rule"] == {"all": [{"any": [OLD, {"property": "email", "operator": "is_known"}, PRO]}]}


def test_a_change_that_was_not_saved_and_undone_is_not_saved_later(ana, people):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    Select(ana.css(".seg-heading")).select_by_visible_text("none of")
    ana.sees("Saving adds", ".seg-count")
    ana.button("Save").click()
    ana.button("Keep editing").click()
    ana.driver.get_log("browser")  # the 409
    ana.css("#seg-undo").click()
    ana.sees("Saving changes nobody.", ".seg-count")
    ana.css("#id_description").send_keys("Only this")
    ana.button("Save").click()
    ana.sees("was changed successfully", ".messagelist")
    segment.refresh_from_db()
    assert (segment.rule["rule"], segment.description) == ({"all": [PRO]}, "Only this")


# --- without JavaScript ------------------------------------------------------------------------------------------------


def test_without_javascript_a_segment_is_checked_asked_about_and_saved(ana, people):
    ana.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        ana.open("/admin/segments/segment/add/")
        Select(ana.css("#id_workspace")).select_by_visible_text("Demo shop")
        ana.css("#id_name").send_keys("Plain")
        ana.css("#id_rule").send_keys(json.dumps({"all": []}))
        ana.button("Check").click()
        ana.sees("Everyone. 60 of 60 in Demo shop. Nothing is saved yet.")
        ana.button("Save").click()
        ana.sees("Save a segment of everyone?")
        ana.button("Keep editing").click()
        assert ana.css("#id_rule").get_attribute("value") == json.dumps({"all": []})
        ana.button("Save").click()
        ana.sees("This rule matches all 60 people in Demo shop.")
        asked = ana.driver.page_source
        ana.button("Save for everyone").click()
        ana.sees("was added successfully")
    finally:
        ana.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert Segment.objects.get().rule == {"version": 1, "rule": {"all": []}}
    assert "<script>" not in asked


def test_axe_finds_nothing_on_a_page_that_asks_and_for_a_guest(ana, people, axe):
    segment = make(people, {"all": [PRO]})
    edit(ana, segment)
    ana.driver.execute_script(
        "document.querySelector('#id_rule').value = '{\"all\": []}';"
        "HTMLFormElement.prototype.submit.call(document.querySelector('#segment_form'))"
    )
    ana.sees("Save a segment of everyone?")
    assert ana.violations(axe) == ""
    Member.objects.update(role=Role.GUEST)
    ana.open(f"/admin/segments/segment/{segment.pk}/change/")
    ana.sees("Agents and above can change it.")
    assert ana.violations(axe) == ""


def test_the_documentation_of_the_api_is_readable_under_the_same_policy(ana):
    ana.open("/api/docs")
    ana.sees("/api/segments/{segment_id}")
    assert ana.problems() == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_switch_wins_over_the_systems_setting(ana, people, axe, dark):
    """Ana chooses light in a dark system, and the other way round."""
    ana.dark(not dark)
    edit(ana, make(people, {"all": [PRO]}))
    ana.driver.execute_script("document.documentElement.dataset.theme = arguments[0]", "dark" if dark else "light")
    page = ana.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert page == ("rgb(16, 22, 29)" if dark else "rgb(255, 255, 255)")
    assert ana.violations(axe) == ""


def test_what_changed_is_said_to_those_who_do_not_see_it(ana, people):
    def said():
        return ana.driver.execute_script("return document.querySelector('main > [role=status]').textContent")

    edit(ana, make(people, {"all": [PRO, OLD]}))
    ana.css("button[aria-label='Actions for condition 2']").send_keys(Keys.DELETE)
    ana.until(lambda: said() == "Removed Last order is more than 90 days ago. Undo is available.")
    ana.until(lambda: said() == "24 people match, 40.0 percent.")
    assert "Condition 1 of 1: Plan is pro or team" in ana.rows()[0].get_attribute("aria-label")
