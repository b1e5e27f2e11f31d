"""Fill messages for the people of a segment: how many lack what, a few of them as they would read it, or all."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import psycopg
from django.db import connection

from contacts import export_formats, properties
from contacts.export_formats import BLOCK, FORMATS
from contacts.models import wire_id
from contacts.schema import TAG
from segments import rendering
from segments.engine import audience
from segments.engine.audience import Audience
from segments.engine.exports import Blocks, Stream, settled, stream
from segments.references import RuleWithPins
from segments.rendering import LONGEST_TEMPLATE, Coverage, Slot
from workspaces.models import Workspace
from workspaces.problems import Invalid, Problem

USUAL_SAMPLES, MOST_SAMPLES = 5, 100


@dataclass(frozen=True)
class Order:
    """What is to be rendered. A message that came alone is called ""."""

    texts: Mapping[str, str]
    html: Collection[str] = ()  # those in which values are escaped
    strict: bool = False
    limit: int = USUAL_SAMPLES
    full: bool = False


def read(body: Any) -> Order:
    """{"template": text} or {"templates": {name: text}}, and html, strict, limit, full. Raises Invalid."""
    if not isinstance(body, dict) or ("template" in body) == ("templates" in body):
        raise Invalid([Problem("", "give an object with one of template and templates")])
    problems: list[Problem] = []
    texts = _texts(body, problems)
    flags = {name: body.get(name, False) for name in ("strict", "full")}
    problems += [Problem(name, "give true or false") for name, flag in flags.items() if not isinstance(flag, bool)]
    html, limit = body.get("html", False), body.get("limit", USUAL_SAMPLES)
    escaped = html if isinstance(html, list) else list(texts) if html else []
    if not isinstance(html, bool | list) or any(name not in list(texts) for name in escaped):
        problems.append(
            Problem("html", "give true, false or a list of the names of templates that are HTML", tuple(texts))
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= MOST_SAMPLES:
        problems.append(Problem("limit", f"give a whole number from 0 to {MOST_SAMPLES}"))
    if problems:
        raise Invalid(problems)
    return Order(texts, escaped, flags["strict"], limit, flags["full"])


def _texts(body: dict[str, Any], problems: list[Problem]) -> dict[str, str]:
    named = {"": body["template"]} if "template" in body else body["templates"]
    if not isinstance(named, dict) or not named:
        problems.append(Problem("templates", "give an object of names and texts"))
        return {}
    for name, text in named.items():
        if not isinstance(text, str):
            problems.append(Problem(_path(name), "is not a text"))
        elif len(text) > LONGEST_TEMPLATE:
            problems.append(Problem(_path(name), f"is longer than {LONGEST_TEMPLATE:,} characters"))
    return named


def _path(name: str) -> str:
    return f"templates.{name}" if name else "template"


# --- rendering -------------------------------------------------------------------------------------------------------


def preview(workspace: Workspace, wanted: RuleWithPins, order: Order) -> dict[str, Any]:
    """For how many each slot can be filled, and what some people picked at random would read. Raises Invalid."""
    with settled(workspace):
        messages = _Messages(workspace, order)
        people = audience.several(workspace, [wanted], also=messages.references)[0]
        samples = messages.filled(connection.connection, people.some(order.limit))
        return {
            "people": people.count,
            "coverage": [each.as_json() for each in messages.coverage(people)],
            "unknown": messages.unknown(),
            "samples": [{**person, "missing": missing} for person, missing in samples],
        }


def full(workspace: Workspace, wanted: RuleWithPins, order: Order) -> Stream:
    """What everybody would read, as NDJSON. Raises Invalid. Not to be called in a transaction."""
    with settled(workspace, durable=True):
        messages = _Messages(workspace, order)
        people = audience.several(workspace, [wanted])[0]
        return stream(people, FORMATS["ndjson"], lambda held, ids: _blocks(messages.filled(held[0], ids)))


def _blocks(people: Iterable[tuple[dict[str, Any], list[str]]]) -> Blocks:
    block, written = bytearray(), 0
    for written, (person, _) in enumerate(people, 1):
        block += orjson.dumps(person, option=orjson.OPT_APPEND_NEWLINE)
        if len(block) >= BLOCK:
            yield written, bytes(block)
            block.clear()
    yield written, bytes(block)


class _Messages:
    """The templates of an order, read against the properties of a workspace."""

    def __init__(self, workspace: Workspace, order: Order) -> None:
        self.workspace, self.order, self.schema = workspace, order, properties.schema(workspace)
        self.templates = {name: rendering.parse(text, self.schema) for name, text in order.texts.items()}
        if order.strict:
            self._refuse()
        slots = [slot for template in self.templates.values() for slot in template.slots]
        self.slots = list({(slot.name, slot.fallback): slot for slot in slots}.values())
        self.types = {slot.reference: type_ for slot in slots if (type_ := self.schema.get(slot.reference))}
        self.references = list(self.types)
        tags = [name.removeprefix(TAG) for name in self.references if name.startswith(TAG)]
        held = workspace.substitution_tags.filter(tag__in=tags).exclude(fallback="").values_list("tag", "fallback")
        self.fallbacks = {TAG + tag: fallback for tag, fallback in held}

    def _refuse(self) -> None:
        found = (rendering.problems(each, self.schema, _path(name)) for name, each in self.templates.items())
        if problems := [problem for each in found for problem in each]:
            raise Invalid(problems)

    @cached_property
    def unknowns(self) -> dict[str, list[tuple[Slot, list[str]]]]:
        return {name: rendering.unknown(template, self.schema) for name, template in self.templates.items()}

    def unknown(self) -> list[dict[str, Any]]:
        return [
            {
                **({"template": name} if name else {}),
                "tag": slot.name,
                "line": line,
                "column": column,
                "nearest": nearest,
            }
            for name, template in self.templates.items()
            for slot, nearest in self.unknowns[name]
            for line, column in [template.place(slot.at)]
        ]

    def coverage(self, people: Audience) -> list[Coverage]:
        """The engine counts; nobody is rendered for it."""
        total = people.count
        known = {reference: people.known(reference) for reference in self.references}
        likely = {slot.name: names for found in self.unknowns.values() for slot, names in found}
        return [
            self._coverage(slot, known.get(slot.reference, 0), total, likely.get(slot.name, [])) for slot in self.slots
        ]

    def _coverage(self, slot: Slot, known: int, total: int, nearest: Sequence[str]) -> Coverage:
        of_tag = self.fallbacks.get(slot.reference)
        fallback = of_tag if slot.fallback is None else slot.fallback
        source = None if fallback is None else "tag" if slot.fallback is None else "message"
        return Coverage(slot.name, slot.reference, known, total - known, fallback, source, tuple(nearest))

    def filled(self, held: psycopg.Connection[Any], ids: Iterable[int]) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Each of these people with the rendered texts, and the names of what they lack."""
        types, zone = self.types.values(), self.schema.zone
        for pk, email, *texts in export_formats.values(held, self.workspace.pk, ["email", *self.references], ids):
            pairs = zip(types, texts, strict=True)
            values = {type_.reference: rendering.shown(type_.kind, text, zone) for type_, text in pairs}
            rendered = {
                name: template.render(values, self.fallbacks, as_html=name in self.order.html)
                for name, template in self.templates.items()
            }
            said = {"text": rendered[""]} if "" in rendered else {"texts": rendered}
            missing = [slot.name for slot in self.slots if values.get(slot.reference) is None]
            yield {"id": wire_id(pk), "email": email or None, **said}, list(dict.fromkeys(missing))
