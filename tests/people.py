"""Put people into a workspace, and ask who a rule finds, by their first names."""

from contacts import properties
from contacts.models import Contact
from contacts.values import Kind
from segments.engine import audience
from segments.rules.tree import Condition


def declare(workspace, **kinds):
    properties.declare(workspace, {name: Kind(kind) for name, kind in kinds.items()})


def add(workspace, name, profile=None, tags=(), **custom):
    names = ("email", "phone", "external_id", "last_name", "lifecycle", "created_at")
    fields = {field: custom.pop(field) for field in names if field in custom}
    return Contact.objects.create(
        workspace=workspace, first_name=name, profile=profile or {}, tags=list(tags), custom=custom, **fields
    )


def custom(name, operator, value=None):
    return Condition(f"customProperties.{name}", operator, value)


PRO = custom("plan", "is", "pro")


def found(workspace, rule):
    ids = list(audience.matching(workspace, rule).ids())
    return " ".join(sorted(Contact.objects.filter(pk__in=ids).values_list("first_name", flat=True)))
