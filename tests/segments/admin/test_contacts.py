"""A contact's page in the admin: what is kept of what somebody types, and what is refused."""

import html

import pytest
from django.utils import timezone

from contacts import properties
from contacts.models import Contact, SubstitutionTag
from contacts.writing import upserts
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add, custom, declare
from tests.staff import edit, errors, page, people_of, saved
from workspaces.models import Member, Role

pytestmark = pytest.mark.django_db


def test_ana_adds_a_contact_and_its_values_are_normalised(browser, shop, lena):
    saved(
        browser("ana").post(
            page("contacts.contact", "add"),
            {
                "workspace": shop.pk,
                "email": " Mia.Groß@Example.ORG ",
                "phone": "+34 612 34 56 78",
                "first_name": "Mia",
                "tags": '["vip", "vip", "a, b"]',
                "profile": '{"country": "DE", "teamSize": "12"}',
                "custom": '{"orders": "7", "since": "2024-06-01", "interests": "running"}',
                "substitution_tags": '{"coupon": "SUMMER"}',
                "lifecycle": "active",
            },
        )
    )
    mia = Contact.objects.get(first_name="Mia")
    assert (mia.email, mia.phone, mia.tags) == ("Mia.Groß@example.org", "+34612345678", ["vip", "a, b"])
    assert mia.profile == {"country": "DE", "teamSize": 12}
    assert mia.custom == {"orders": 7, "since": "2024-06-01", "interests": ["running"]}
    assert mia.substitution_tags == {"coupon": "SUMMER"}
    assert SubstitutionTag.objects.filter(workspace=shop, tag="coupon").exists()
    assert mia.updated_at == mia.created_at


def test_every_wrong_value_of_a_contact_is_named_with_its_reason_and_stays_as_typed(browser, shop, lena):
    typed = '{"orders":   "many", "plann": "pro", "since": "2024-02-30", "email": "x", "plan": "free"}'
    response = edit(
        browser("ana"),
        lena,
        email="nobody",
        custom=typed,
        profile='{"teamSize": "few", "countri": "ES", "lastActivityDate": "2024-01-01"}',
        tags='"x"',
        substitution_tags='{"": "x"}',
    )
    found = errors(response)
    assert found["email"].startswith("E-mail is not an e-mail address")
    assert "orders is not a number" in found["custom"]
    assert "since is a date that does not exist" in found["custom"]
    assert "There is no property 'plann'; did you mean plan" in found["custom"]
    assert "email is the name of a built-in property" in found["custom"]
    assert "teamSize is not a number" in found["profile"]
    assert "There is no 'countri' here; did you mean country?" in found["profile"]
    assert "Nobody can set lastActivityDate" in found["profile"]
    assert "Give a list" in found["tags"]
    assert "1 to 200 characters" in found["substitution_tags"]
    assert typed in html.unescape(response.content.decode())
    lena.refresh_from_db()
    assert (lena.email, lena.custom) == ("lena@example.org", {"orders": 3, "plan": "pro"})


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("{", "This is not JSON"),
        ("[]", "Give an object"),
        ('{"plan": "a", "plan": "b"}', "This names 'plan' twice."),
        ('{"plan": NaN}', "This holds NaN"),
        ('{"orders": 1e999}', "too large"),
        ('{"plan": "\\u0000"}', "NUL"),
        ('{"\\ud800": 1}', "surrogate"),
        ('{"plan": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
        ('{"plan": ["a"]}', "plan is not a text"),
    ],
)
def test_json_that_cannot_be_kept_is_refused_and_stays_as_typed(browser, lena, typed, reason):
    response = edit(browser("ana"), lena, custom=typed)
    assert reason in errors(response)["custom"]
    assert typed in html.unescape(response.content.decode())


def test_a_number_becomes_true_when_somebody_types_true(browser, shop, lena):
    declare(shop, flag="opaque")
    Contact.objects.filter(pk=lena.pk).update(custom={"flag": 1})
    saved(edit(browser("ana"), lena, custom='{"flag": true}'))
    lena.refresh_from_db()
    assert lena.custom["flag"] is True


def test_a_value_without_a_property_that_is_there_already_is_in_nobodys_way(browser, shop, lena):
    Contact.objects.filter(pk=lena.pk).update(custom={"gone": "old", "plan": "pro"}, email="not an address")
    saved(edit(browser("ana"), lena, custom='{"gone": "old", "plan": "free"}', first_name="Lena Maria"))
    lena.refresh_from_db()
    assert (lena.custom, lena.first_name) == ({"gone": "old", "plan": "free"}, "Lena Maria")
    assert "gone" in errors(edit(browser("ana"), lena, custom='{"gone": "new"}'))["custom"]


def test_saving_a_contact_says_when_and_finds_it_in_its_segments_at_once(browser, shop, lena):
    before = timezone.now()
    segment = drafts.create(shop, Draft("Free", custom("plan", "is", "free"), rule_given=True))
    assert people_of(segment) == set()
    saved(edit(browser("ana"), lena, custom='{"plan": "free"}'))
    lena.refresh_from_db()
    assert lena.updated_at >= before
    assert people_of(segment) == {"Lena"}


def test_saving_one_field_leaves_what_is_written_into_others_meanwhile(browser, lena, monkeypatch):
    def read(*args, read=upserts.read):
        Contact.objects.filter(pk=lena.pk).update(profile={"country": "ES"})
        return read(*args)

    monkeypatch.setattr(upserts, "read", read)
    saved(edit(browser("ana"), lena, phone="1"))
    lena.refresh_from_db()
    assert (lena.phone, lena.profile) == ("1", {"country": "ES"})


def test_a_contacts_workspace_cannot_be_changed(browser, staff, rival, lena):
    Member.objects.create(workspace=rival, user=staff["ana"], role=Role.AGENT)
    saved(edit(browser("ana"), lena, workspace=rival.pk, first_name="Moved"))
    lena.refresh_from_db()
    assert (lena.workspace.name, lena.first_name) == ("Demo shop", "Moved")


def test_an_external_id_is_one_contacts(browser, shop, lena):
    jana = add(shop, "Jana")
    assert errors(edit(browser("ana"), jana, external_id="C-1")) == {
        "external_id": "Lena has this external id already."
    }
    saved(edit(browser("ana"), jana, external_id="C-2"))
    saved(edit(browser("ana"), lena, first_name="Still C-1"))


def test_substitution_tags_are_at_most_500(browser, shop, lena):
    there = shop.substitution_tags.count()
    properties.declare_tags(shop, [f"t{number}" for number in range(500 - there)])
    saved(edit(browser("ana"), lena, substitution_tags='{"t1": "x"}'))
    refused = edit(browser("ana"), lena, substitution_tags='{"t1": "x", "one more": "y"}')
    assert "500 substitution tags" in errors(refused)["substitution_tags"]
    asked = {"workspace": shop.pk, "tag": "one more", "fallback": "", "description": ""}
    refused = browser("ana").post(page("contacts.substitutiontag", "add"), asked)
    assert "500 substitution tags" in errors(refused)["__all__"]
    assert shop.substitution_tags.count() == 500
