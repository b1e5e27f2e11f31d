"""Properties and tags in the admin: made, described, of another type, deleted."""

import pytest
from django.utils import timezone

from contacts.models import Contact, Property
from segments.models import Segment
from segments.rules import tree
from segments.saving import drafts
from segments.saving.drafts import Draft
from tests.people import add, custom, declare
from tests.staff import act, edit, errors, fields_of, page, saved, text

pytestmark = pytest.mark.django_db


def test_bo_adds_a_property(browser, shop, lena):
    asked = {"workspace": shop.pk, "name": " Colour ", "type": "text", "label": "", "options": "red\n 1 \n\n"}
    saved(browser("bo").post(page("contacts.property", "add"), asked))
    assert Property.objects.filter(workspace=shop, name="Colour", type="text", options=["red", "1"]).exists()


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("name", "email", "built-in"),
        ("name", "a\tb", "control character"),
        ("name", "", "required"),
        ("type", "money", "money"),
    ],
)
def test_a_property_that_cannot_be_is_refused(browser, shop, staff, field, typed, reason):
    asked = {"workspace": shop.pk, "name": "colour", "type": "text", "label": "", "options": "", field: typed}
    assert reason in errors(browser("bo").post(page("contacts.property", "add"), asked))[field]


def test_a_property_is_declared_once_and_there_are_at_most_500(browser, shop, lena):
    def asked(name):
        return {"workspace": shop.pk, "name": name, "type": "text", "label": "", "options": ""}

    client = browser("bo")
    assert "exists" in errors(client.post(page("contacts.property", "add"), asked("plan")))["__all__"]
    declare(shop, **{f"p{number}": "text" for number in range(500 - shop.properties.count())})
    assert "500" in errors(client.post(page("contacts.property", "add"), asked("more")))["__all__"]
    assert shop.properties.count() == 500


def test_a_propertys_name_cannot_be_changed_but_its_label_and_options_can(browser, shop, lena):
    plan = shop.properties.get(name="plan")
    saved(edit(browser("bo"), plan, name="tariff", type="number", label="Tariff", options='pro\n"a\\nb"'))
    plan.refresh_from_db()
    assert (plan.name, plan.type, plan.label, plan.options) == ("plan", "text", "Tariff", ["pro", "a\nb"])
    saved(edit(browser("bo"), plan, label="Plan"))
    plan.refresh_from_db()
    assert (plan.label, plan.options) == ("Plan", ["pro", "a\nb"])


def test_options_are_of_the_propertys_type(browser, shop, lena):
    orders = shop.properties.get(name="orders")
    refused = errors(edit(browser("bo"), orders, options="5\nmany\nx"))["options"]
    assert "many is not a number" in refused
    assert "x is not a number" in refused
    saved(edit(browser("bo"), orders, options="5\n7.5"))
    orders.refresh_from_db()
    assert orders.options == [5, 7.5]


def test_a_property_says_who_has_it_and_which_segments_use_it(browser, shop, rival, lena):
    add(shop, "Mia", plan="pro")
    segment = drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client = browser("bo")
    words = " ".join(text(client.get(page("contacts.property", "changelist"))).split())
    assert "orders number 50% 1 of 2 No segment Demo shop" in words
    assert "plan text 100% 2 of 2 Pros Demo shop" in words
    plan = client.get(page("contacts.property", "change", shop.properties.get(name="plan").pk)).content.decode()
    assert page("segments.segment", "change", segment.pk) in plan
    declare(rival, plan="text")
    assert "Choose a workspace" in text(browser("root").get(page("contacts.property", "changelist")))


def test_a_list_of_properties_costs_the_same_number_of_queries_however_many(
    browser, shop, lena, django_assert_num_queries, django_assert_max_num_queries
):
    client, address = browser("bo"), page("contacts.property", "changelist")
    client.get(address)
    with django_assert_max_num_queries(20) as first:
        client.get(address)
    queries = len(first)
    declare(shop, **{f"p{number}": "text" for number in range(9)})
    for number in range(5):
        drafts.create(shop, Draft(f"More {number}", custom("p1", "is", "x"), rule_given=True))
    client.get(address)  # brings the catalogue up to date
    with django_assert_num_queries(queries):
        client.get(address)


def retype(client, held, to, **ticked):
    return client.post(page("contacts.property", "type", held.pk), {"to": to, **ticked})


def test_a_property_becomes_one_of_another_type_and_its_values_with_it(browser, shop, lena):
    client, orders = browser("bo"), shop.properties.get(name="orders")
    shop.properties.filter(name="orders").update(options=[3])
    trial = text(client.get(page("contacts.property", "type", orders.pk), {"to": "list"}))
    assert "The one value converts." in trial
    assert shop.properties.get(name="orders").type == "number"
    done = retype(client, orders, "list")
    orders = shop.properties.get(name="orders")
    assert (orders.type, orders.options, done.url) == ("list", ["3"], page("contacts.property", "change", orders.pk))
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": ["3"], "plan": "pro"}
    assert "1 value: 0 kept as they were, 1 converted" in text(client.get(done.url))
    assert "Type: number → list" in text(client.get(page("contacts.property", "history", orders.pk)))


def test_another_type_shows_the_segments_and_values_in_its_way_before_anything_is_done(browser, shop, lena):
    segment = drafts.create(shop, Draft("Pros", custom("plan", "contains", "pro"), rule_given=True))
    add(shop, "Mia", plan="12")
    client, plan = browser("bo"), shop.properties.get(name="plan")
    trial = " ".join(text(client.get(page("contacts.property", "type", plan.pk), {"to": "number"})).split())
    assert "1 of 2 values convert; 1 does not." in trial
    assert 'Lena "pro" is not a number' in trial
    assert "It would break 1 segment Pros :" in trial
    for ticked in ({}, {"drop_rejects": "on"}, {"delete_segments": "on"}):
        assert "would break 1" in text(retype(client, plan, "number", **ticked))
        assert shop.properties.get(name="plan").pk == plan.pk
        assert shop.segments.live().filter(pk=segment.pk).exists()
    assert retype(client, plan, "number", drop_rejects="on", delete_segments="on").status_code == 302
    assert shop.properties.get(name="plan").type == "number"
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": 3}
    assert not shop.segments.live().exists()


def test_a_type_that_is_none_is_refused(browser, shop, lena):
    plan = shop.properties.get(name="plan")
    for to in ("money", "text", ""):
        assert retype(browser("bo"), plan, to).status_code == 200
    assert shop.properties.get(name="plan").pk == plan.pk


def test_the_rules_name_another_property_instead_of_the_deleted_one(browser, shop, lena):
    declare(shop, tariff="text")
    segment = drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client, plan = browser("bo"), shop.properties.get(name="plan")
    address = page("contacts.property", "delete", plan.pk)
    shown = client.get(address)
    words = " ".join(text(shown).split())
    assert "1 person has a value, which goes with it." in words
    assert "It would break 1 segment Pros : " in words
    assert "customProperties.tariff" in shown.content.decode()
    assert "customProperties.orders" not in shown.content.decode()
    refused = client.post(address, {"post": "yes"})
    assert "To delete customProperties.plan would break 1 segment" in text(refused)
    assert client.post(address, {"instead": "customProperties.orders"}).status_code == 200
    assert client.post(address, {"instead": "customProperties.tariff"}).status_code == 302
    segment.refresh_from_db()
    assert segment.rule["rule"]["property"] == "customProperties.tariff"
    assert not shop.properties.filter(name="plan").exists()


def test_a_property_is_deleted_with_the_segments_that_use_it_if_somebody_says_so(browser, shop, lena):
    drafts.create(shop, Draft("Pros", custom("plan", "is", "pro"), rule_given=True))
    client, plan = browser("bo"), shop.properties.get(name="plan")
    shown = client.post(page("contacts.property", "delete", plan.pk), {"delete_segments": "on"}, follow=True)
    assert "1 value removed; 1 segment deleted" in text(shown)
    assert not shop.segments.live().exists()


@pytest.mark.parametrize("way", ["page", "action"])
def test_a_property_is_deleted_with_everybodys_value(browser, shop, lena, way):
    client, plan = browser("bo"), shop.properties.get(name="plan")
    if way == "action":
        shown = act(client, "contacts.property", "delete_selected", [plan.pk], post="yes")
    else:
        shown = client.post(page("contacts.property", "delete", plan.pk), {"post": "yes"}, follow=True)
    assert "1 value removed" in text(shown)
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": 3}


def test_a_contacts_page_that_was_open_while_a_type_changed_does_not_bring_old_values_back(browser, shop, lena):
    client, address = browser("ana"), page("contacts.contact", "change", lena.pk)
    typed = fields_of(client.get(address))
    assert retype(browser("bo"), shop.properties.get(name="orders"), "list").status_code == 302
    typed["custom"] = '{"orders": 3, "plan": "free"}'
    assert "not a list" in errors(client.post(address, typed))["custom"]
    typed["custom"] = '{"orders": ["3"], "plan": "free"}'
    saved(client.post(address, typed))
    assert Contact.objects.get(pk=lena.pk).custom == {"orders": ["3"], "plan": "free"}


def test_a_tags_name_cannot_be_changed_but_its_fallback_can(browser, shop, staff):
    saved(browser("ana").post(page("contacts.substitutiontag", "add"), {"workspace": shop.pk, "tag": "coupon"}))
    coupon = shop.substitution_tags.get()
    saved(edit(browser("ana"), coupon, tag="voucher", fallback="NONE"))
    coupon.refresh_from_db()
    assert (coupon.tag, coupon.fallback) == ("coupon", "NONE")
    again = browser("ana").post(page("contacts.substitutiontag", "add"), {"workspace": shop.pk, "tag": "coupon"})
    assert "exists" in errors(again)["__all__"]


@pytest.mark.parametrize("way", ["page", "action"])
@pytest.mark.parametrize("kind", ["contacts.property", "contacts.substitutiontag"])
def test_what_a_segment_uses_is_not_deleted_until_the_segment_is(browser, shop, ours, theirs, kind, way):
    coupon = tree.Not(tree.Condition("substitutionTags.demo-coupon", "is_known"))
    asking = drafts.create(shop, Draft("Without coupon", coupon, rule_given=True))
    user = {"contacts.property": ours["segments.segment"], "contacts.substitutiontag": asking}[kind]
    client, used = browser("bo"), ours[kind]

    def delete():
        if way == "action":
            return act(client, kind, "delete_selected", [used.pk], post="yes")
        return client.post(page(kind, "delete", used.pk), {"post": "yes"}, follow=True)

    refused = delete()
    assert user.name in text(refused)
    assert type(used).objects.filter(pk=used.pk).exists()
    Segment.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
    delete()
    assert not type(used).objects.filter(pk=used.pk).exists()


def test_the_property_of_the_same_name_in_another_workspace_is_deleted(browser, staff, shop, rival):
    declare(shop, plan="text")
    declare(rival, plan="text")
    drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))
    saved(browser("mallory").post(page("contacts.property", "delete", rival.properties.get().pk), {"post": "yes"}))
    assert not rival.properties.exists()


def test_a_superuser_deletes_properties_of_two_workspaces_at_once(browser, staff, shop, rival):
    declare(shop, plan="text", colour="text")
    declare(rival, plan="text")
    drafts.create(shop, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))
    gone = [shop.properties.get(name="colour").pk, rival.properties.get().pk]
    act(browser("root"), "contacts.property", "delete_selected", gone, post="yes")
    assert [(each.workspace, each.name) for each in Property.objects.all()] == [(shop, "plan")]


def test_nothing_is_taken_from_under_a_rule_that_nobody_can_read(browser, shop, ours):
    Segment.objects.filter(pk=ours["segments.segment"].pk).update(rule={"version": 99, "rule": {}})
    refused = browser("bo").post(page("contacts.property", "delete", ours["contacts.property"].pk), {"post": "yes"})
    assert refused.status_code == 200
    assert "demo VIP" in text(refused)
