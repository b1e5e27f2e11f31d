"""What the rule builder says and offers beside the rule itself: starters, limits, contradictions, copies, cards."""

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import User
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from segments.models import Segment
from segments.saving import deleted_properties
from tests.browser.screen import OLD, PRO, edit, expected, make, opens_and_is_saved_back_equal, pytestmark  # noqa: F401
from tests.people import declare

ONLY_PRO, ONLY_TEAM = ({**PRO, "value": value} for value in ("pro", "team"))
ORDERS = {"property": "customProperties.orders", "operator": "at_least"}


def offline(screen, on):
    screen.driver.execute_cdp_cmd("Network.enable", {})
    conditions = {"offline": on, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    screen.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


def look_at(screen, segment):
    """Where there is no room the strip leaves the time away."""
    screen.open(f"/admin/segments/segment/{segment.pk}/change/")
    screen.until(lambda: screen.all(".seg-big"))
    return screen


def link(screen, text):
    screen.button(text, "//section[contains(@class, 'seg-builder')]").click()


# --- beginning -----------------------------------------------------------------------------------------------------


def test_a_new_rule_may_begin_with_what_most_people_have(builder, people):
    builder.until(lambda: builder.focused().get_attribute("id") == "id_name")
    builder.sees("60 people: everyone in Demo shop. Add a condition to narrow it.", ".seg-count")
    assert [each.text for each in builder.all(".seg-starters button")] == [
        "Plan is …",
        "Last order in the last 30 days",
    ]
    builder.button("Last order in the last 30 days").click()
    lately = {**OLD, "operator": "in_the_last", "value": {"amount": 30, "unit": "days"}}
    builder.sees(f"{expected(people, lately)} people", ".seg-count")
    assert not builder.css(".seg-starters").is_displayed()
    builder.css("#seg-undo").click()
    builder.button("Plan is …").click()
    builder.option("free")
    builder.sees("12 people", ".seg-count")


def test_a_new_rule_may_begin_with_the_rule_of_another_segment(ana, people):
    make(people, {"all": [PRO, {"not": {"any": [OLD]}}]}, "Paying")
    ana.open("/admin/segments/segment/add/")
    ana.button("Copy another segment").click()
    ana.sees(f"Paying {expected(people)} people People whose plan is pro or team and", ".seg-list")
    ana.option("Paying")
    ana.sees(f"{expected(people)} people", ".seg-count")
    ana.css("#id_name").send_keys("Like it")
    ana.button("Save").click()
    ana.until(lambda: "/change/" in ana.driver.current_url)
    assert Segment.objects.get(name="Like it").rule == Segment.objects.get(name="Paying").rule


def test_without_contacts_the_way_to_import_them_is_shown(ana, people):
    people.contacts.all().delete()
    ana.open("/admin/segments/segment/add/")
    ana.sees("This workspace has no contacts yet, so every rule counts 0.", ".seg-count")
    shown = ana.css(".seg-importing")
    assert (
        shown.text,
        shown.get_attribute("href").endswith(f"/admin/contacts/importjob/add/?workspace={people.pk}"),
    ) == (
        "Import contacts",
        True,
    )
    ana.combobox(0, "Property")
    ana.option("Plan")
    ana.sees("Nobody has a value for Plan yet.", ".seg-row")
    ana.combobox(0, "Value")
    ana.keys("pro", Keys.ENTER)
    ana.sees("0 people", ".seg-count")
    ana.operator(0, "is none of")
    ana.sees("Nobody has a value for Plan yet, so this condition lets everyone through.", ".seg-row")


# --- nobody and everyone -------------------------------------------------------------------------------------------


def test_what_removes_the_last_is_named_and_counted_without(ana, people):
    rule = {"all": [{"any": [ONLY_PRO]}, {**ORDERS, "value": 30}, {**ORDERS, "value": 1000}]}
    edit(ana, make(people, rule))
    last = expected(people, {"all": rule["all"][:2]})
    ana.sees("0 people 0% of 60 Exact", ".seg-count")
    ana.sees(f"Condition 3 removes the last {last}.", ".seg-count")
    link(ana, "Count without condition 3")
    ana.sees(f"Without condition 3: {last} people.", ".seg-count")
    assert len(ana.rows()) == 3  # it shows, and does not edit
    assert ana.all(".seg-unsaved")[0].text == ""


def test_what_nobody_can_have_is_said_and_any_of_offered(ana, people):
    edit(ana, make(people, {"all": [ONLY_PRO, ONLY_TEAM]}))
    ana.sees("Nobody can have plan pro and plan team at once.", ".seg-count")
    link(ana, "Use any of instead")
    ana.sees("24 people", ".seg-count")
    ana.sees("People whose plan is pro or whose plan is team.", ".seg-sentence")
    assert Select(ana.css(".seg-heading")).first_selected_option.text == "any of"


def test_what_everyone_meets_is_said_and_all_of_offered(ana, people):
    edit(ana, make(people, {"all": [PRO, {"any": [{"not": ONLY_PRO}, {"not": ONLY_TEAM}]}]}))
    ana.sees("Every person lacks one of the two, so this matches everyone.", ".seg-group .seg-group > .seg-hint")
    link(ana, "Use all of instead")
    ana.sees("0 people", ".seg-count")
    ana.css("#seg-undo").click()
    ana.sees("24 people", ".seg-count")


def test_a_condition_that_does_nothing_and_those_without_a_value_are_named(ana, people):
    edit(
        ana,
        make(
            people, {"all": [ONLY_PRO, {**PRO, "operator": "is_known", "value": None}, {"not": {**OLD, "value": 90}}]}
        ),
    )
    ana.sees("Changes nothing: all 12 already match.", ".seg-line:nth-child(2)")
    ana.sees("Includes 3 people with no last order · Leave them out", ".seg-line:nth-child(3)")
    before = expected(people, {"all": [ONLY_PRO, {"not": OLD}]})
    link(ana, "Leave them out")
    ana.sees(f"{before - 3} people", ".seg-count")
    ana.sees("all shown below", ".seg-count")


# --- values --------------------------------------------------------------------------------------------------------


def test_pasted_lines_become_values_and_commas_stay_until_somebody_splits_them(ana, people):
    edit(ana, make(people, {"all": [ONLY_TEAM]}))
    field = ana.combobox(0, "Value")
    ana.driver.execute_script(
        "const data = new DataTransfer(); data.setData('text', 'pro\\nfree, starter\\n\\n team ');"
        "arguments[0].dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))",
        field,
    )
    ana.sees("free, starter", ".seg-tokens ul")

    def shown():
        return [each.text for each in ana.all(".seg-token-text")]

    assert shown() == ["team", "pro", "free, starter"]
    ana.sees("24 people", ".seg-count")
    ana.sees("Split at the commas?", ".seg-row")
    link(ana, "Split")
    ana.sees("48 people", ".seg-count")
    assert shown() == ["team", "pro", "free", "starter"]
    assert "Split" not in ana.css(".seg-row").text


def test_a_number_is_shown_as_it_was_read(ana, people):
    edit(ana, make(people, {"all": [{**ORDERS, "value": 3}]}))
    field = ana.css(".seg-number")
    field.send_keys(Keys.CONTROL + "a" + Keys.NULL, "1,200.50")
    ana.sees("orders is at least 1200.5", ".seg-sentence")
    field.send_keys(Keys.TAB)
    assert field.get_attribute("value") == "1200.5"


def test_a_long_funnel_is_folded(ana, people):
    edit(ana, make(people, {"all": [{**ORDERS, "value": number} for number in range(20)]}))
    ana.sees("9 more lines", ".seg-funnel")
    ana.css(".seg-folded summary").click()
    ana.sees("and orders is at least 19 41", ".seg-funnel")


def test_a_day_says_whether_it_is_included_itself(ana, people):
    edit(ana, make(people, {"all": [{**OLD, "operator": "before", "value": "2026-01-01"}]}))
    ana.sees("That day is not included.", ".seg-row")


def test_another_property_of_the_same_type_keeps_the_value(ana, people):
    declare(people, tier="text")
    edit(ana, make(people, {"all": [PRO]}))
    ana.combobox(0, "Property").send_keys(Keys.CONTROL + "a" + Keys.NULL, "tier")
    ana.option("tier")
    ana.sees("People whose tier is pro or team.", ".seg-sentence")


@pytest.mark.parametrize(("property", "bar", "offer"), [
    ("Plan", "team", 'Add "Plan is team" to the rule'),
    ("orders", "from 55", 'Add "orders is at least 55" to the rule'),
    ("likes", "music", 'Add "likes includes music" to the rule'),
])  # fmt: skip
def test_a_bar_offers_to_be_added_and_then_counts_the_same(ana, people, property, bar, offer):
    edit(ana, make(people, {"any": [PRO, OLD]}))
    Select(ana.css("select[aria-label='Look inside by']")).select_by_visible_text(property)
    button = ana.button(bar)
    count = button.find_element(By.XPATH, "./ancestor::li//span[contains(@class, 'seg-bar-number')]").text
    button.click()
    assert ana.button(bar).get_attribute("aria-expanded") == "true"
    assert len(ana.rows()) == 2
    ana.button(offer).click()
    ana.until(lambda: len(ana.rows()) == 3)
    ana.sees(f"{count} people", ".seg-count")


# --- groups --------------------------------------------------------------------------------------------------------


def test_taking_out_of_a_group_says_what_it_changes(ana, people):
    edit(ana, make(people, {"all": [PRO, {"any": [OLD, {**ORDERS, "value": 50}]}]}))
    before = expected(people, {"all": [PRO, {"any": [OLD, {**ORDERS, "value": 50}]}]})
    after = expected(people, {"all": [PRO, {"any": [OLD]}, {**ORDERS, "value": 50}]})
    ana.css("button[aria-label='Actions for condition 3']").click()
    ana.button("Take out of the group").click()
    ana.sees(f"Taken out of the group: {before} → {after} people.", ".seg-notice")
    ana.css("#seg-undo").click()
    ana.until(lambda: not ana.css(".seg-notice").is_displayed())


def test_at_its_limits_the_page_answers(ana, people):
    deep = {"all": [ONLY_PRO]}
    for _ in range(9):
        deep = {"any": [deep]}
    full = {"all": [{"any": [{**ORDERS, "value": number} for number in range(499)]}, ONLY_PRO]}
    edit(ana, make(people, full, "Full"))
    ana.button("Add condition").click()
    ana.sees("A rule can have 500 conditions. This one has 500.", ".seg-notice")
    edit(ana, make(people, deep, "Deep"))
    assert len(ana.all(".seg-group")) == 6  # the last of which is shown as its sentence
    ana.sees("any of: (any of: (any of: (any of: (all of: Plan is pro.).).).). Open", ".seg-group")
    while ana.all("[id$='-open']"):
        ana.css("[id$='-open']").click()
    ana.until(lambda: len(ana.all(".seg-group")) == 10)
    ana.all("[id$='-add-group']")[0].click()
    ana.sees("Groups can be 10 deep.", ".seg-notice")


def test_a_full_rule_of_ten_levels_opens_and_is_saved_back_equal(ana, people):
    rule = {"not": {"not": {"any": [ONLY_PRO, {"all": []}]}}}
    for level in range(7):
        parts = [{"not": {**ORDERS, "value": number}} for number in range(70)]
        rule = {"any": [*parts, rule]} if level % 2 else {"all": [rule, *parts]}
    segment = make(people, rule, "Full")
    opens_and_is_saved_back_equal(ana, segment)


def test_the_lines_of_a_group_in_the_funnel_unfold(ana, people):
    edit(ana, make(people, {"all": [PRO, {"any": [OLD, {**ORDERS, "value": 50}]}]}))
    ana.css(".seg-folded summary").click()
    ana.sees("or orders is at least 50", ".seg-folded")


# --- saving, and what keeps one from it ----------------------------------------------------------------------------


def test_a_copy_is_saved_beside_the_original(ana, people):
    segment = make(people, {"all": [PRO]}, "Paying")
    edit(ana, segment)
    ana.css("button[aria-label='Remove team']").click()
    ana.sees("12 people", ".seg-count")
    ana.button("Save as a copy").click()
    ana.sees("was added successfully", ".messagelist")
    copy = Segment.objects.get(name="Paying (copy)")
    assert ana.driver.current_url.endswith(f"/{copy.pk}/change/")
    segment.refresh_from_db()
    assert (segment.rule["rule"], copy.rule["rule"]) == ({"all": [PRO]}, {"all": [ONLY_PRO]})
    edit(ana, segment)
    assert not ana.all(".seg-banner")  # what became a copy is not unsaved any more


def test_a_copy_of_everyone_is_asked_about(ana, people):
    edit(ana, make(people, {"all": []}, "All"))
    ana.button("Save as a copy").click()
    ana.sees("This rule matches all 60 people in Demo shop.", "dialog")
    ana.driver.get_log("browser")  # the 409
    ana.button("Save for everyone").click()
    ana.sees("was added successfully", ".messagelist")
    assert Segment.objects.filter(name="All (copy)").exists()


def test_without_a_connection_the_page_says_so_and_goes_on_when_it_is_back(ana, people):
    edit(ana, make(people, {"all": [PRO]}))
    offline(ana, True)
    ana.sees("Not connected. Your changes are kept on this page.", ".seg-trouble")
    ana.css("button[aria-label='Remove team']").click()
    ana.sees("Could not count just now. This is from", ".seg-count")
    ana.sees("24 people", ".seg-count")
    offline(ana, False)
    ana.sees("12 people", ".seg-count")
    assert not ana.css(".seg-trouble").is_displayed()
    ana.driver.get_log("browser")  # the failed requests


def test_signed_out_the_page_says_so_before_anybody_saves(ana, people):
    edit(ana, make(people, {"all": [PRO]}))
    session = ana.driver.get_cookie("sessionid")
    ana.driver.delete_cookie("sessionid")
    ana.css("button[aria-label='Remove team']").click()
    ana.sees("You are signed out. Sign in in another tab, then press Save again.", ".seg-trouble")
    ana.driver.add_cookie({name: session[name] for name in ("name", "value", "path")})
    link(ana, "Try again")
    ana.sees("12 people", ".seg-count")
    assert not ana.css(".seg-trouble").is_displayed()
    ana.driver.get_log("browser")  # the refused requests


def test_a_property_that_is_gone_keeps_its_row_and_says_who_deleted_it(ana, people):
    segment = make(people, {"all": [PRO, {**ORDERS, "value": 3}]})
    orders = people.properties.get(name="orders")
    bo = User.objects.create(username="bo", first_name="Bo")
    said = deleted_properties.message(people.pk, "customProperties.orders")
    LogEntry.objects.log_actions(bo.pk, [orders], DELETION, said)
    orders.delete()
    ana.open(f"/admin/segments/segment/{segment.pk}/change/")
    ana.sees("by Bo; choose another property or remove this condition.", ".seg-line:nth-child(2)")
    ana.css("button[aria-label='Actions for condition 2']").send_keys(Keys.DELETE)
    ana.sees("24 people", ".seg-count")
    ana.driver.get_log("browser")  # the refused request


# --- on a telephone, and for everybody -----------------------------------------------------------------------------


def test_on_a_telephone_a_finished_row_is_its_sentence_until_it_is_tapped(ana, people):
    ana.resize(390)
    look_at(ana, make(people, {"all": [PRO, {**ORDERS, "value": 3}]}))
    ana.sees("22 people", ".seg-count")
    first, second = ana.rows()
    assert (first.find_element(By.CSS_SELECTOR, ".seg-closed").text, ana.all(".seg-operator")[0].is_displayed()) == (
        "Plan is pro or team",
        False,
    )
    second.find_element(By.CSS_SELECTOR, ".seg-closed").click()
    ana.focus_is("Value")
    assert [each.is_displayed() for each in ana.all(".seg-operator")] == [False, True]
    assert "Operator" in second.text
    ana.keys("0")
    later = expected(people, {"all": [PRO, {**ORDERS, "value": 30}]})
    ana.sees(f"{later} people", ".seg-count")
    ana.all(".seg-closed")[0].click()
    assert ana.all(".seg-closed")[1].text == "orders is at least 30"
    ana.button("Add condition").click()
    ana.focus_is("Property")
    ana.keys(Keys.ESCAPE)
    assert ana.sideways() <= 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 1024, 390, 320])
def test_axe_finds_nothing_in_any_of_it(ana, people, axe, dark, width):
    ana.dark(dark)
    ana.resize(width)
    ana.open("/admin/segments/segment/add/")
    ana.css(".seg-starters button")
    assert ana.violations(axe) == "", "new"
    look_at(
        ana, make(people, {"all": [ONLY_PRO, ONLY_TEAM, {"any": [{"not": ONLY_PRO}, {"not": ONLY_TEAM}]}]}, "Nobody")
    )
    ana.sees("Nobody can have plan pro", ".seg-count")
    assert ana.violations(axe) == "", "nobody"
    look_at(ana, make(people, {"all": [PRO, {"not": {"any": [OLD, {"not": {**ORDERS, "value": 900}}]}}]}, "Zero"))
    if width < 1200:
        ana.button("Details").click()
    ana.sees("removes the last", ".seg-count")
    ana.css(".seg-folded summary").click()
    link(ana, 'Count without the group "none of these, 2 conditions"')
    ana.sees("Without the group", ".seg-count")
    assert ana.sideways() <= 0
    assert ana.violations(axe) == "", "zero"
    look_at(ana, make(people, {"all": [PRO]}, "Paying"))
    if width < 1200:
        ana.button("Details").click()
    Select(ana.css("select[aria-label='Look inside by']")).select_by_visible_text("Plan")
    ana.button("pro").click()
    ana.css(".seg-offer")
    assert ana.violations(axe) == "", "offer"
    ana.all(".seg-more")[0].click()
    assert ana.violations(axe) == "", "menu"
    ana.keys(Keys.ESCAPE)
    assert ana.sideways() <= 0
