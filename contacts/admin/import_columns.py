"""The form in which somebody says where each column of a file goes, as the wizard shows and reads it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from contacts.builtin import BUILTIN
from contacts.importing.datepatterns import LONGEST
from contacts.importing.guesses import Undated
from contacts.importing.import_jobs import Options
from contacts.importing.imports import Head, Sampled
from contacts.importing.mapping import KEYS, LEFT_OUT, TYPES, Policy, meaning
from contacts.schema import CUSTOM, TAG, PropertyType, Schema
from contacts.values import Kind, Refused
from workspaces.problems import Problem

# As targets these two are not finished: the name stands in a field beside them.
BY_NAME = {CUSTOM: "property", TAG: "substitution tag"}
MOST_OPTIONS = 20_000  # for properties of the workspace on a page; where there are more, they are named

TYPE_WORDS = {
    Kind.TEXT: "Text",
    Kind.NUMBER: "Number",
    Kind.BOOLEAN: "Yes or no",
    Kind.DATE: "Date",
    Kind.LIST: "List",
    Kind.OPAQUE: "As it stands",
}
TYPE_CHOICES: dict[str, str] = {kind: TYPE_WORDS[kind] for kind in TYPES}
POLICIES = {
    Policy.OVERWRITE: "Take the file's value",
    Policy.KEEP: "Keep the contact's value",
    Policy.APPEND: "Add to the contact's list",
}
PATTERNS = {
    "": "2026-12-31 or 2026-12-31T18:30Z",
    "dd/MM/yyyy": "31/12/2026",
    "MM/dd/yyyy": "12/31/2026",
    "dd.MM.yyyy": "31.12.2026",
    "dd-MM-yyyy": "31-12-2026",
    "MM-dd-yyyy": "12-31-2026",
    "yyyy/MM/dd": "2026/12/31",
    "yyyyMMdd": "20261231",
    "dd/MM/yyyy HH:mm": "31/12/2026 18:30",
    "MM/dd/yyyy HH:mm": "12/31/2026 18:30",
    "dd.MM.yyyy HH:mm": "31.12.2026 18:30",
    "yyyy-MM-dd HH:mm:ss": "2026-12-31 18:30:00",
}


@dataclass(frozen=True)
class Chosen:
    """What has been said of the columns, by header, right or wrong: the parts of an import's options."""

    key: str
    mapping: Mapping[str, str]
    policies: Mapping[str, str]
    dates: Mapping[str, str]
    types: Mapping[str, str]


def read(sent: Mapping[str, str], headers: Sequence[str]) -> Chosen:
    """From a submitted form. Fields that a choice has no use for are left aside."""
    mapping, policies, dates, types = {}, {}, {}, {}
    for place, header in enumerate(headers):
        target = sent.get(f"target-{place}", LEFT_OUT)
        mapping[header] = target + sent.get(f"name-{place}", "").strip() if target in BY_NAME else target
        if target == LEFT_OUT:
            continue
        if (policy := sent.get(f"policy-{place}", "")) != Policy.OVERWRITE:
            policies[header] = policy
        dates[header] = sent.get(f"date-{place}", "")[: LONGEST + 1]
        types[header] = sent.get(f"type-{place}", "") if target == CUSTOM else ""
    filled = ({header: each for header, each in given.items() if each} for given in (policies, dates, types))
    return Chosen(sent.get("key", ""), mapping, *filled)


def proposed(head: Head, schema: Schema) -> Chosen:
    """What the file itself suggests."""
    targets = {column.proposal.header: _target(column, head) for column in head.columns}
    dates = {
        column.proposal.header: column.doubt.patterns[0]
        for column in head.columns
        if isinstance(column.doubt, Undated)
        and len(column.doubt.patterns) == 1
        and _kind(targets[column.proposal.header], schema) in (None, Kind.DATE)
    }
    return Chosen(head.key, targets, {}, dates, {})


def kept(options: Options, head: Head, schema: Schema) -> Chosen:
    """What was chosen before; for columns of which nothing was said, what is suggested."""
    suggested, headers = proposed(head, schema), set(head.headers)
    silent = {header for header in headers if header not in options.mapping}
    dates = {header: each for header, each in suggested.dates.items() if header in silent}
    of_these = (
        {header: each for header, each in given.items() if header in headers}
        for given in (
            {**suggested.mapping, **options.mapping},
            options.policies,
            {**dates, **options.dates},
            options.types,
        )
    )
    return Chosen(options.key if options.key in headers else suggested.key, *of_these)


def _target(column: Sampled, head: Head) -> str:
    reference = column.proposal.reference or LEFT_OUT
    return "externalId" if column.proposal.header == head.key and reference not in KEYS else reference


def _kind(target: str, schema: Schema) -> Kind | None:
    """None for a property that is still to be made."""
    known = schema.get(target)
    return known.kind if known else None if target.startswith(CUSTOM) else Kind.TEXT


def mark(headers: Sequence[str]) -> str:
    """By which a submitted form is known to be about these columns."""
    return hashlib.blake2b("\n".join(headers).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    kind: str = ""


def targets(schema: Schema, columns: int) -> list[tuple[str, list[Choice]]]:
    """What a column may go to, in groups."""
    own = sorted(schema.own.values(), key=lambda each: each.label.casefold())
    if len(own) * columns > MOST_OPTIONS:
        own = []
    word = "Another" if len(own) < len(schema.own) else "New"
    groups = {
        "": [Choice(LEFT_OUT, "Leave it out")],
        "Contact": [Choice(row.name, row.label, row.kind) for row in BUILTIN.values() if row.writable],
        "Properties": [_choice(each) for each in own if each.reference.startswith(CUSTOM)],
        "Substitution tags": [_choice(each) for each in own if each.reference.startswith(TAG)],
        "By name": [Choice(value, f"{word} {what}") for value, what in BY_NAME.items()],
    }
    return [(title, choices) for title, choices in groups.items() if choices]


def _choice(type_: PropertyType) -> Choice:
    return Choice(type_.reference, type_.label, type_.kind)


@dataclass(frozen=True)
class Row:
    """A column with the fields of its line in the form."""

    place: int
    column: Sampled
    target: str  # the value of a choice
    name: str  # where that is not finished without one
    type: str
    policy: str
    pattern: str
    suggestion: str
    looks: str
    problems: tuple[str, ...]

    @property
    def header(self) -> str:
        return self.column.proposal.header

    @property
    def lacks_a_name(self) -> bool:
        return bool(self.problems) and self.target in BY_NAME and not self.name

    @property
    def is_of_days(self) -> bool:
        return isinstance(self.column.doubt, Undated)

    @property
    def types(self) -> dict[str, str]:
        word = TYPE_WORDS[self.column.kind].lower() if self.column.known and not self.is_of_days else ""
        return {"": f"As its cells look: {word}" if word else "As its cells look", **TYPE_CHOICES}

    @property
    def patterns(self) -> dict[str, str]:
        return PATTERNS if self.pattern in PATTERNS else {**PATTERNS, self.pattern: self.pattern}


class Form:
    """The lines of the form, with what has been chosen and what is wrong with it."""

    def __init__(self, head: Head, chosen: Chosen, schema: Schema, problems: Iterable[Problem] = ()) -> None:
        self.head, self.chosen, self.schema = head, chosen, schema
        self.problems = list(problems)
        self.groups = targets(schema, len(head.columns))
        self._labels = {choice.value: choice.label for _, choices in self.groups for choice in choices}
        self._suggested = proposed(head, schema)

    @property
    def keys(self) -> list[str]:
        """The columns that may say who somebody is."""
        return [header for header in self.head.headers if header]

    @cached_property
    def rows(self) -> list[Row]:
        return [self._row(place, column) for place, column in enumerate(self.head.columns)]

    @property
    def key_problems(self) -> list[str]:
        return [problem.message for problem in self.problems if problem.path == "key"]

    @property
    def other_problems(self) -> list[str]:
        """Those that no field is to blame for."""
        fields = {"key", *(f"column {row.header}" for row in self.rows)}
        others = [problem for problem in self.problems if problem.path not in fields]
        return [problem.message if problem.path == "header" else str(problem) for problem in others]

    @cached_property
    def unlisted(self) -> list[str]:
        """The names of properties that are too many to be choices."""
        properties = [each for each in self.schema.own if each.startswith(CUSTOM)]
        return [each.removeprefix(CUSTOM) for each in properties if each not in self._labels]

    def _row(self, place: int, column: Sampled) -> Row:
        header = column.proposal.header
        target, name = self._split(self.chosen.mapping.get(header, LEFT_OUT))
        return Row(
            place,
            column,
            target,
            name,
            self.chosen.types.get(header, ""),
            self.chosen.policies.get(header, Policy.OVERWRITE),
            self.chosen.dates.get(header, ""),
            self._suggestion(column),
            looks(column, self.head.rows),
            tuple(problem.message for problem in self.problems if problem.path == f"column {header}"),
        )

    def _split(self, target: str) -> tuple[str, str]:
        """The choice that stands for a target, and the name beside it."""
        with suppress(Refused):  # told as a problem; what was typed stays
            target = target if target == LEFT_OUT else meaning(target, self.schema)
        if target in self._labels:
            return target, ""
        prefix = TAG if target.startswith(TAG) else CUSTOM
        return prefix, target.removeprefix(prefix)

    def _suggestion(self, column: Sampled) -> str:
        target, name = self._split(self._suggested.mapping[column.proposal.header])
        if target == LEFT_OUT:
            return f"leave it out, because {_because(column)}"
        label = self._labels[target]
        return f"{label[0].lower()}{label[1:]} “{name}”" if name else label


def _because(column: Sampled) -> str:
    return column.proposal.remark.partition("; ")[0] or "it says nothing"


def looks(column: Sampled, rows: int) -> str:
    """What its cells look like, and which of them decides that."""
    doubt, among = column.doubt, f"in the first {rows:,} rows"
    if not column.known:
        return f"No values {among}"
    if isinstance(doubt, Undated):
        if len(doubt.patterns) == 1:
            return f"Days as {doubt.patterns[0]}: line {doubt.line} holds “{doubt.cell}”"
        return f"Days, but {' or '.join(doubt.patterns)}? No cell {among} tells; unless you do they become text"
    if doubt:
        cell = doubt.cell if len(doubt.cell) <= 40 else f"{doubt.cell[:39]}…"
        return (
            f"Text, because line {doubt.line} holds “{cell}”; "
            f"{doubt.alike:,} of {doubt.known:,} look like a {TYPE_WORDS[doubt.kind].lower()}"
        )
    word = TYPE_WORDS[column.kind]
    if column.kind is Kind.TEXT:
        return word
    return f"{word}, as {f'all {column.known:,} values' if column.known > 1 else 'the one value'} {among}"
