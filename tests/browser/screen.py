"""A browser window, by what people see in it, and the rules that are made in it."""

import json
import shutil

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from segments.engine import audience
from segments.rules import tree
from segments.saving import drafts
from segments.saving.drafts import Draft
from workspaces.models import Member

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium: apt-get install chromium chromium-driver"),
    pytest.mark.django_db(transaction=True),
]

LONG = "".join(f"Very long word{number} " for number in range(9))[:120]
PASSWORD = "correct horse battery"

PRO = {"property": "customProperties.plan", "operator": "is", "value": ["pro", "team"]}
OLD = {
    "property": "customProperties.lastOrder",
    "operator": "more_than_ago",
    "value": {"amount": 90, "unit": "days"},
}
WANTED = {"all": [PRO, {"not": {"any": [OLD]}}]}


class Screen:
    """A browser window, by what people see in it."""

    def __init__(self, driver, base):
        self.driver, self.base = driver, base
        self.resize(1440, 1000)
        self.dark(False)

    def resize(self, width, height=1000):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def dark(self, on):
        features = [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path):
        self.driver.get(self.base + path)
        return self

    def forget(self):
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def sign_in(self, user):
        """As after the form, which test_ana_signs_in_by_the_form fills in; here it would take a third of the time."""
        client = Client()
        client.force_login(user)
        self.forget()
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.driver.execute_cdp_cmd(
            "Network.setCookie", {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.base}
        )
        return self

    def css(self, selector):
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, text, within=""):
        path = f"{within}//button[normalize-space()='{text}'] | {within}//input[@value='{text}']"
        return self.until(
            lambda: next(each for each in self.driver.find_elements(By.XPATH, path) if each.is_displayed())
        )

    def until(self, condition, seconds=10):
        def holds(_):
            try:
                return condition()
            except (StaleElementReferenceException, StopIteration, IndexError):
                return False

        def tried(driver):
            try:
                return holds(driver)
            except Exception as error:
                # The second is what the driver says where a page is replaced while it looks.
                if any(words in str(error) for words in ("no such element", "does not belong to the document")):
                    return False
                raise

        return WebDriverWait(self.driver, seconds, 0.05).until(tried)

    def sees(self, text, selector="body"):
        def shown():
            return " ".join(self.driver.find_element(By.CSS_SELECTOR, selector).text.split())

        try:
            return self.until(lambda: text in shown())
        except Exception:
            raise AssertionError(f"{text!r} is not in {shown()!r}; log: {self.driver.get_log('browser')}") from None

    def rows(self):
        return self.all(".seg-row")

    def option(self, text):
        """Click an option of the list that is open."""

        def clicked():
            options = self.all(".seg-option")
            next(each for each in options if each.find_element(By.TAG_NAME, "span").text == text).click()
            return True

        self.until(clicked)  # the list may be drawn anew between looking and clicking

    def combobox(self, row, label):
        field = self.until(lambda: self.rows()[row].find_element(By.CSS_SELECTOR, f"input[aria-label='{label}']"))
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        if field.get_attribute("aria-expanded") == "false":
            field.click()
        return field

    def operator(self, row, words):
        Select(self.rows()[row].find_element(By.CSS_SELECTOR, ".seg-operator")).select_by_visible_text(words)

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, *keys):
        """All at once, the last one pressed while the others are held."""
        *held, last = keys
        chain = ActionChains(self.driver)
        for key in held:
            chain.key_down(key)
        chain.send_keys(last)
        for key in reversed(held):
            chain.key_up(key)
        chain.perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def focus_is(self, label):
        return self.until(lambda: label in (self.focused().get_attribute("aria-label") or self.focused().text))

    def tab_to(self, label, most=80):
        """Press Tab until something so called has the focus."""
        for _ in range(most):
            element = self.focused()
            name = element.get_attribute("aria-label") or element.text or element.get_attribute("value") or ""
            if name.startswith(label):
                return element
            self.keys(Keys.TAB)
        raise AssertionError(f"Tab never comes to {label!r}")

    def problems(self):
        """What the browser complains of: errors of scripts, and reports of the content security policy."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]

    def violations(self, axe):
        assert self.problems() == []
        # A colour on its way to another is neither; after the switch of the theme all are.
        fading = "return document.getAnimations().some(each => each instanceof CSSTransition)"
        self.until(lambda: not self.driver.execute_script(fading))
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(r => arguments[0](r.violations.map(v => "
            "v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200) + ' ' + n.failureSummary).join(' | '))))"
        )
        self.driver.get_log("browser")  # injecting axe is itself reported
        return "\n".join(found)

    def sideways(self):
        return self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )


def signed_in(driver, base, workspace, name, role):
    """The screen of a new member of staff; in the end the browser has complained of nothing on it."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    Member.objects.create(workspace=workspace, user=user, role=role)
    screen = Screen(driver, base).sign_in(user)
    driver.get_log("browser")
    yield screen
    assert screen.problems() == []
    driver.get("about:blank")  # whatever a page says against being left


def expected(people, rule=WANTED):
    return audience.matching(people, tree.read_node(rule, "")).count


def make(people, rule, name="Made"):
    return drafts.create(people, Draft(name, tree.read_node(rule, ""), rule_given=True))


def edit(screen, segment):
    screen.open(f"/admin/segments/segment/{segment.pk}/change/")
    screen.css(".seg-group")
    screen.sees("Exact, counted at", ".seg-count")
    return screen


def opens_and_is_saved_back_equal(screen, segment):
    before = segment.rule
    edit(screen, segment)
    written = screen.driver.execute_async_script(
        """
        const done = arguments[0];
        import("/static/segments/builder/tree.js").then(({ open, write }) => {
          const json = JSON.parse(document.querySelector("#id_rule").value).rule;
          done(JSON.stringify(write(open(json))));
        });
        """
    )
    assert json.loads(written) == before["rule"]
    screen.css("#id_description").send_keys("Looked at")
    screen.button("Save").click()
    screen.sees("was changed successfully", ".messagelist")
    segment.refresh_from_db()
    assert (segment.rule, segment.description) == (before, "Looked at")
