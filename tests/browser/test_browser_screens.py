"""Keys, properties, messages and the API's page in a browser: what people see, copy, type and are asked."""

import subprocess

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from contacts import properties
from contacts.models import Contact, SubstitutionTag
from tests.browser.screen import LONG, PRO, make, pytestmark, signed_in  # noqa: F401
from workspaces.models import ApiKey

# --- keys --------------------------------------------------------------------------------------------------------------


def new_key(bo, name="Website"):
    bo.open("/admin/workspaces/apikey/add/")
    bo.css("#id_name").send_keys(name)
    bo.button("Create key").click()
    bo.sees("You will not see this key again.")
    return bo.css("#key").get_attribute("value")


def asks_before_leaving(screen):
    """Drivers answer the browser's own question by themselves, so it is asked for here."""
    return screen.driver.execute_script(
        "const e = new Event('beforeunload', {cancelable: true}); window.dispatchEvent(e); return e.defaultPrevented"
    )


def test_a_key_is_copied_before_the_page_is_left(bo, people):
    secret = new_key(bo)
    assert ApiKey.objects.get().digest == ApiKey.digest_of(secret)
    bo.css("button[aria-label^='Copy: Try it']").click()
    assert asks_before_leaving(bo)
    bo.css("button[aria-label='Copy: The key']").click()
    bo.sees("Copied", ".copying")
    assert not asks_before_leaving(bo)
    bo.driver.find_element(By.LINK_TEXT, "Done").click()
    bo.until(lambda: bo.driver.current_url.endswith("/apikey/"))
    assert secret not in bo.driver.page_source


def test_the_curl_beside_a_new_key_works(bo, people):
    make(people, {"all": [PRO]}, "Payers")
    new_key(bo)
    curl = bo.css("#curl").get_attribute("value")
    bo.css("button[aria-label='Copy: The key']").click()
    bo.sees("Copied")
    answer = subprocess.run(["bash", "-c", curl], capture_output=True, timeout=30, check=True)
    assert b'"Payers"' in answer.stdout


def test_a_key_is_made_copied_and_revoked_by_keyboard_alone(bo):
    bo.open("/admin/workspaces/apikey/add/")
    bo.driver.execute_script("document.querySelector('#id_name').focus()")
    bo.keys("Nightly", Keys.TAB, "wri")
    bo.tab_to("Create key").send_keys(Keys.ENTER)
    bo.sees("You will not see this key again.")
    bo.tab_to("Copy: The key").send_keys(Keys.ENTER)
    bo.sees("Copied")
    bo.tab_to("Done").send_keys(Keys.ENTER)
    bo.until(lambda: bo.driver.current_url.endswith("/apikey/"))
    bo.tab_to("Revoke Nightly").send_keys(Keys.ENTER)
    bo.sees("Requests with it fail at once.")
    bo.tab_to("Keep it")
    bo.tab_to("Revoke Nightly").send_keys(Keys.ENTER)
    bo.sees("1 key is revoked", ".messagelist")
    key = ApiKey.objects.get()
    assert key.scope == "write"
    assert key.revoked_at


# --- properties --------------------------------------------------------------------------------------------------------


def test_bo_sees_what_another_type_would_do_and_does_it(bo, people):
    Contact.objects.filter(first_name="Person00").update(custom={"plan": "12"})
    segment = make(people, {"all": [PRO]})
    bo.open("/admin/contacts/property/").sees("Plan plan text 80% 48 of 60 Made")
    bo.driver.find_element(By.LINK_TEXT, "Plan").click()
    bo.driver.find_element(By.LINK_TEXT, "Change the type").click()
    Select(bo.css("#id_to")).select_by_visible_text("number")
    bo.button("Show what it would do").click()
    bo.sees("1 of 48 values convert; 47 do not.")
    bo.sees("It would break 1 segment Made: Plan: pro is not a number")
    assert people.properties.get(name="plan").type == "text"
    bo.button("Make it a number").click()
    bo.sees("would break 1 segment and 47 values. Choose what may become of them.")
    bo.css("#id_drop_rejects").click()
    bo.css("#id_delete_segments").click()
    bo.button("Make it a number").click()
    bo.sees("Plan is a number now.", ".messagelist")
    assert people.properties.get(name="plan").type == "number"
    assert not people.segments.live().filter(pk=segment.pk).exists()


# --- messages ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def message(bo, people):
    SubstitutionTag.objects.create(workspace=people, tag="coupon", fallback="NONE")
    for number, contact in enumerate(people.contacts.order_by("id")):
        Contact.objects.filter(pk=contact.pk).update(substitution_tags={"coupon": "<b>X1</b>"} if number % 4 else {})
    segment = make(people, {"all": [PRO]})
    bo.open(f"/admin/segments/segment/{segment.pk}/change/")
    bo.driver.find_element(By.LINK_TEXT, "Preview a message").click()
    bo.css("#text").clear()
    return bo


def person(screen):
    return next(each for each in screen.all("article") if each.is_displayed())


def test_a_message_is_filled_in_while_it_is_typed(message):
    message.css("#text").send_keys("Dear {{firstName}}, {{coupon}}, {{lastOrder|never}}")
    message.sees("coupon is missing for 25%: the fallback is used for 6 people", ".coverage")
    message.sees("firstName: everybody has it", ".coverage")
    first = person(message).text
    assert first.splitlines()[1].startswith("Dear Person")
    message.css("button[aria-label='Next person']").click()
    message.sees("2 of 5", ".turning")
    assert person(message).text != first
    message.css("#text").send_keys(" bye")
    message.sees("bye", "article:not([hidden])")
    message.sees("2 of 5", ".turning")  # still the same person
    message.css("button[aria-label='Previous person']").click()
    message.css("button[aria-label='Previous person']").click()
    message.sees("5 of 5", ".turning")


def test_a_name_that_is_nobodys_is_marked_at_its_place_and_put_right(message):
    message.driver.execute_script(
        "const t = document.querySelector('#text'); t.value = '🎉 Hi {{cupon|x}} and {{ no'; t.dispatchEvent(new Event('input'))"
    )
    message.sees("Line 1: 🎉 Hi {{cupon|x}} and {{ no", ".marks")
    assert [each.text for each in message.all(".marks mark")] == ["{{cupon|x}}", "{{"]
    message.css("button[aria-label='Use coupon']").click()
    message.until(lambda: len(message.all(".marks mark")) == 1)
    assert message.css("#text").get_attribute("value") == "🎉 Hi {{coupon|x}} and {{ no"


def test_a_message_is_written_put_right_and_read_by_keyboard_alone(message):
    message.driver.execute_script("document.querySelector('#text').focus()")
    message.keys("Hi {{cupon}}")
    message.sees("Did you mean", ".marks")
    message.tab_to("Use coupon").send_keys(Keys.ENTER)
    message.sees("coupon is missing for 25%", ".coverage")
    assert message.focused().get_attribute("id") == "text"
    assert message.focused().get_attribute("value") == "Hi {{coupon}}"
    message.tab_to("Next person").send_keys(Keys.ENTER, Keys.ENTER)
    message.sees("3 of 5", ".turning")


def test_names_are_put_in_from_the_list(message):
    message.css("summary").click()
    message.css("#text").send_keys("Hi ")
    next(each for each in message.all(".names button") if each.text == "{{coupon}}").click()
    assert message.css("#text").get_attribute("value") == "Hi {{coupon}}"
    message.sees("coupon is missing for 25%", ".coverage")


def test_a_message_that_is_html_is_shown_as_it_looks_without_scripts(message):
    message.css("#html").click()
    styled = '<p style="color: rgb(1, 2, 3)">Hi {{coupon}}</p>'
    message.css("#text").send_keys(styled)
    message.until(lambda: 'style="color' in message.css("article:not([hidden]) iframe").get_attribute("srcdoc"))
    message.driver.switch_to.frame(message.css("article:not([hidden]) iframe"))
    shown = message.css("p")
    assert shown.text in ("Hi <b>X1</b>", "Hi NONE")
    assert shown.value_of_css_property("color") == "rgba(1, 2, 3, 1)"
    message.driver.switch_to.default_content()


def test_a_signed_out_writer_keeps_the_message(message):
    message.driver.delete_cookie("sessionid")
    message.css("#text").send_keys("Long text")
    message.sees("You are signed out. Sign in in another tab, then press Show.", "#state")
    assert message.css("#text").get_attribute("value") == "Long text"
    message.driver.get_log("browser")


# --- the API's page ----------------------------------------------------------------------------------------------------


def test_the_apis_page_tries_requests_out_with_a_key(bo, people):
    _, secret = ApiKey.objects.issue(people, "docs", "read")
    make(people, {"all": [PRO]}, "Payers")
    bo.open("/api/docs")
    bo.css("button.authorize").click()
    bo.css(".auth-container input").send_keys(secret)
    bo.css(".auth-container button.authorize").click()
    bo.css(".btn-done").click()
    path = "[data-path='/api/workspaces/{workspace_id}/segments']"
    block = bo.css(f".opblock-get:has({path})")
    block.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
    bo.css(".try-out__btn").click()
    bo.css(".parameters input[placeholder=workspace_id]").send_keys(people.pk)
    bo.css("button.execute").click()
    bo.sees('"Payers"', ".live-responses-table")
    loaded = bo.driver.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert all(each.startswith(bo.base) or each.startswith("data:") for each in loaded), loaded


# --- for everybody -----------------------------------------------------------------------------------------------------


def screens(people):
    """An address of each screen, with what has to be there before it is looked at."""
    people.properties.filter(name="plan").update(label=LONG, options=["pro", LONG])
    properties.declare_tags(people, [LONG, "coupon"])
    key, _ = ApiKey.objects.issue(people, LONG, "write")
    segment = make(people, {"all": [PRO]}, LONG)
    plan, tag = people.properties.get(name="plan"), people.substitution_tags.get(tag="coupon")
    return [
        "/admin/workspaces/apikey/",
        "/admin/workspaces/apikey/add/",
        f"/admin/workspaces/apikey/{key.pk}/change/",
        f"/admin/workspaces/apikey/{key.pk}/revoke/",
        "/admin/contacts/property/",
        "/admin/contacts/property/add/",
        f"/admin/contacts/property/{plan.pk}/change/",
        f"/admin/contacts/property/{plan.pk}/type/",
        f"/admin/contacts/property/{plan.pk}/type/?to=number",
        f"/admin/contacts/property/{plan.pk}/delete/",
        "/admin/contacts/substitutiontag/",
        f"/admin/contacts/substitutiontag/{tag.pk}/change/",
        f"/admin/contacts/substitutiontag/{tag.pk}/delete/",
        f"/admin/segments/segment/{segment.pk}/message/",
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_these_screens(bo, people, axe, dark):
    bo.dark(dark)
    for address in screens(people):
        assert bo.open(address).violations(axe) == "", address
    bo.css("#text").send_keys(" {{cupon}} {{ open {{phone}}")
    bo.sees("Did you mean", ".marks")
    bo.css("summary").click()
    assert bo.violations(axe) == "", "marks"
    bo.css("#html").click()
    bo.css("iframe")
    assert bo.violations(axe) == "", "html"
    new_key(bo)
    bo.css("button[aria-label='Copy: The key']").click()
    assert bo.violations(axe) == "", "new key"


@pytest.mark.parametrize("width", [1440, 1024, 768, 390, 320])
def test_these_screens_do_not_scroll_sideways(bo, people, width):
    bo.resize(width)
    for address in screens(people):
        assert bo.open(address).sideways() <= 0, address
    bo.css("#text").send_keys(LONG, LONG.replace(" ", ""), "{{cupon}}")
    bo.sees("Did you mean", ".marks")
    assert bo.sideways() <= 0, "marks"
