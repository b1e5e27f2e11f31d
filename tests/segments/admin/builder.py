"""Rules as the builder sends them, and what it asks."""

import json

from django.urls import reverse

PRO = {"property": "customProperties.plan", "operator": "is", "value": ["pro", "team"]}
STALE = {
    "property": "customProperties.last",
    "operator": "more_than_ago",
    "value": {"amount": 90, "unit": "days"},
}
JSON = {"Accept": "application/json"}
NO_PINS = {"pins-TOTAL_FORMS": "0", "pins-INITIAL_FORMS": "0"}


def live(client, workspace, what, body=None, **query):
    address = reverse(f"admin:segments_live_{what}", args=[workspace.pk])
    if body is None:
        return client.get(address, query)
    return client.post(address, json.dumps(body), content_type="application/json")


def write(client, workspace, rule, **typed):
    asked = {"workspace": workspace.pk, "name": "Some", "description": "", "rule": json.dumps(rule), **typed}
    return client.post(reverse("admin:segments_segment_add"), asked)


def edit(client, segment, rule, headers=None, **typed):
    asked = {"name": segment.name, "description": "", "rule": json.dumps(rule), **NO_PINS, **typed}
    return client.post(reverse("admin:segments_segment_change", args=[segment.pk]), asked, headers=headers)
