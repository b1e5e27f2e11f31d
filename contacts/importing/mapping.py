"""Decide which column of a file goes to which property."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from contacts import properties
from contacts.builtin import BUILTIN
from contacts.importing import datepatterns
from contacts.importing.csvfile import header_name
from contacts.models import MOST_PROPERTIES
from contacts.schema import CUSTOM, TAG, Schema
from contacts.values import Kind, Refused, clean
from workspaces.problems import Invalid, Problem, listed

KEYS = ("externalId", "email", "phone")
ID = "_id"  # of a contact, in what we export
NONE: Mapping[str, str] = MappingProxyType({})
LEFT_OUT = "-"  # as a target: the column is not imported
TYPES = (Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.LIST)  # that a new property can be given

_PREFIXES = {CUSTOM: CUSTOM, "attributes.": CUSTOM, "properties.": CUSTOM, TAG: TAG}
_NAMES = ("firstName", "lastName")


class Policy(StrEnum):
    """What a cell does to what somebody has already. A blank cell does nothing."""

    OVERWRITE = "overwrite"
    KEEP = "keep"
    APPEND = "append"  # to a list what is not in it yet


@dataclass(frozen=True)
class Column:
    """A column of the file and the property that its cells go to."""

    header: str
    reference: str = ""  # "" where they go nowhere
    kind: Kind = Kind.TEXT
    is_new: bool = False  # a property that nobody has yet
    pattern: str = ""  # how its dates are written, where that is another way than ours
    policy: Policy = Policy.OVERWRITE
    is_guessed: bool = False  # its cells decide its kind

    def as_json(self) -> dict[str, object]:
        return {
            "header": self.header,
            "property": self.reference or None,
            "type": self.kind if self.reference else None,
            "isNew": self.is_new,
            "policy": self.policy if self.reference else None,
            **({"date": self.pattern} if self.pattern else {}),
        }


@dataclass(frozen=True)
class Plan:
    """Where each column of a file goes, and which of them says who somebody is."""

    columns: tuple[Column, ...]
    key: int  # its place among the columns

    @property
    def key_column(self) -> Column:
        return self.columns[self.key]

    def header(self, reference: str) -> str:
        """What the column that goes to this property is called; "" where there is none."""
        return next((column.header for column in self.columns if column.reference == reference), "")

    def typed(self, kinds: Mapping[str, Kind]) -> "Plan":
        """With these kinds for the properties that they name."""
        columns = (replace(column, kind=kinds.get(column.reference, column.kind)) for column in self.columns)
        return replace(self, columns=tuple(columns))


def plan(
    headers: Sequence[str],
    key: str,
    mapping: Mapping[str, str],
    schema: Schema,
    policies: Mapping[str, str] = NONE,
    dates: Mapping[str, str] = NONE,
    types: Mapping[str, str] = NONE,
) -> Plan:
    """Settle where each column goes: `mapping` from header to target counts before the header's own name.

    A target is a built-in, customProperties.x, substitutionTags.x, a bare custom name, or - to leave a column out.
    `policies`, `dates` and `types`, of new properties, are by header as well. Raises Invalid with everything wrong.
    """
    key, mapping = header_name(key), {header_name(header): target for header, target in mapping.items()}
    policies, dates, types = (
        {header_name(header): each for header, each in given.items()} for given in (policies, dates, types)
    )
    named = {"map": mapping, "policy": policies, "date": dates, "type": types}
    problems = [*header_problems(headers), *_unknown_columns(headers, key, named)]
    targets = dict.fromkeys(_of_an_export(headers, key), LEFT_OUT) | mapping
    columns = []
    for header in headers:
        try:
            column = _column(header, targets.get(header), schema, is_key=header == key)
            how = (policies.get(header, ""), dates.get(header, ""), types.get(header, ""))
            columns.append(_treated(column, *how, is_key=header == key))
        except Refused as error:
            if header:
                problems.append(Problem(f"column {header}", str(error)))
    problems += [*_same_targets(columns), *_too_many(columns, schema)]
    if problems:
        raise Invalid(problems)
    return Plan(_without_full_name(columns), headers.index(key))


def _column(header: str, target: str | None, schema: Schema, *, is_key: bool) -> Column:
    if is_key:
        reference = _key_reference(header, target, schema)
    elif target == LEFT_OUT:
        return Column(header)
    else:
        reference = meaning(target or header, schema)
    known = schema.get(reference)
    return Column(header, reference, known.kind if known else Kind.TEXT, not known and reference.startswith(CUSTOM))


def _of_an_export(headers: Sequence[str], key: str) -> set[str]:
    """What our own exports hold and nobody can set; elsewhere a column that is called so is asked about."""
    read_only = {ID, *(row.name for row in BUILTIN.values() if not row.writable)}
    return read_only & set(headers) if ID in headers and key != ID else set()


def _treated(column: Column, policy: str, pattern: str, kind: str, *, is_key: bool) -> Column:
    """With what is to be done with its cells. Raises Refused."""
    if policy and policy not in tuple(Policy):
        raise Refused(f"has no policy {policy}; choose {listed(Policy)}")
    if is_key and policy and policy != Policy.OVERWRITE:
        raise Refused("is the key, which is always overwritten")
    column = _typed(column, kind)
    if policy == Policy.APPEND and not (column.kind is Kind.LIST or column.is_guessed):
        raise Refused(f"is a {column.kind}; only to lists can be appended")
    if pattern:
        datepatterns.compiled(pattern)
        if not (column.kind is Kind.DATE or column.is_guessed):
            raise Refused(f"is a {column.kind}, so its cells are not read as dates")
    decided = Kind.LIST if policy == Policy.APPEND else Kind.DATE if pattern else column.kind
    is_guessed = column.is_guessed and not pattern and policy != Policy.APPEND
    how = Policy(policy or Policy.OVERWRITE)
    return replace(column, kind=decided, pattern=pattern, policy=how, is_guessed=is_guessed)


def _typed(column: Column, kind: str) -> Column:
    """With the kind that somebody gives to a new property. Raises Refused."""
    if kind and kind not in TYPES:
        raise Refused(f"cannot have the type {kind}; choose {listed(TYPES)}")
    if kind and not column.is_new and kind != column.kind:
        raise Refused(f"is a {column.kind} already; only a new property can be given a type")
    return replace(column, kind=Kind(kind) if kind else column.kind, is_guessed=column.is_new and not kind)


def header_problems(headers: Sequence[str]) -> Iterator[Problem]:
    for place, header in enumerate(headers, 1):
        if not header:
            yield Problem("header", f"column {place} has no name")
    for header, times in Counter(headers).items():
        if header and times > 1:
            yield Problem("header", f"{times} columns are called {header}")


def _unknown_columns(headers: Sequence[str], key: str, named: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    known = tuple(filter(None, headers))
    if key not in known:
        yield Problem("key", f"there is no column {key or 'without a name'}; there are {', '.join(known)}", known)
    for path, given in named.items():
        for header in given:
            if header not in known:
                yield Problem(path, f"there is no column {header or 'without a name'}", known)


def meaning(target: str, schema: Schema) -> str:
    """The property that a target names, in the order in which a reader would take it. Raises Refused."""
    for prefix, meaning in _PREFIXES.items():
        if target.startswith(prefix):
            return _own_reference(meaning, target.removeprefix(prefix), schema)
    if target in BUILTIN:
        if not BUILTIN[target].writable:
            raise Refused(f"{target} cannot be set by anybody; map the column to another name, or leave it out (-)")
        return target
    if schema.get(CUSTOM + target) is None and (alike := _LOOSELY.get(_loose(target))):
        return alike
    return _own_reference(CUSTOM, target, schema)


def _own_reference(prefix: str, name: str, schema: Schema) -> str:
    name = clean(name).strip()
    if not name:
        raise Refused(f"goes to a {'substitution tag' if prefix == TAG else 'property'} without a name")
    if prefix == TAG:
        if len(name) > properties.LONGEST_NAME:
            raise Refused(f"a substitution tag has 1 to {properties.LONGEST_NAME} characters")
        return TAG + name
    return CUSTOM + (name if schema.get(CUSTOM + name) else properties.check_name(name))


def _loose(name: str) -> str:
    return re.sub("[ _-]", "", name).casefold()


_LOOSELY = {_loose(name): row.name for row in BUILTIN.values() if row.writable for name in (row.name, row.label)}


def _key_reference(header: str, target: str | None, schema: Schema) -> str:
    if target is None:
        alike = _LOOSELY.get(_loose(header), "")
        return alike if alike in KEYS else "externalId"
    reference = "" if target == LEFT_OUT else meaning(target, schema)
    if reference not in KEYS:
        raise Refused(f"is the key, which can only go to {listed(KEYS)}")
    return reference


def _same_targets(columns: Iterable[Column]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for column in columns:
        other = first.setdefault(column.reference, column.header)
        if column.reference and other != column.header:
            advice = "map one of them to another property, or leave it out (-)"
            yield Problem(f"column {column.header}", f"goes to {column.reference}, as {other} does; {advice}")


def _too_many(columns: Iterable[Column], schema: Schema) -> Iterator[Problem]:
    known = sum(reference.startswith(CUSTOM) for reference in schema.own)
    new = sum(column.is_new for column in columns)
    if new and known + new > MOST_PROPERTIES:
        limit = f"a workspace can have {MOST_PROPERTIES}"
        yield Problem("header", f"there are {known} custom properties and this would add {new}; {limit}")


# --- what to propose to somebody who has not said anything yet -----------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """Where a column might go; `reference` is "" where it had better be left out, and `remark` says why."""

    header: str
    reference: str
    remark: str = ""


def proposals(headers: Sequence[str], schema: Schema) -> list[Proposal]:
    """For each column what its name suggests, no property twice."""
    proposed: list[Proposal] = []
    taken: dict[str, str] = {}
    for header in headers:
        try:
            reference = meaning(header, schema) if header else ""
        except Refused as error:
            proposed.append(Proposal(header, "", str(error)))
            continue
        if reference in taken:
            proposed.append(Proposal(header, "", f"{taken[reference]} goes to {reference} already"))
        else:
            proposed.append(Proposal(header, reference, "" if header else "has no name"))
            taken[reference] = header
    return proposed


def proposed_key(proposed: Sequence[Proposal]) -> str:
    """The column that most likely tells people apart; "" where none does."""
    by_reference = {each.reference: each.header for each in proposed}
    if "externalId" in by_reference:
        return by_reference["externalId"]
    named = [each.header for each in proposed if re.search(r"(?i)(^|[ _-])(id|key)$|[a-z](Id|ID)$", each.header)]
    return next(iter(named), "") or next((by_reference[name] for name in KEYS if name in by_reference), "")


def keyed(proposed: Iterable[Proposal], key: str) -> list[Proposal]:
    """With the key, where one is named, going to the external id unless it holds addresses or phone numbers."""
    return [
        replace(each, reference="externalId") if each.header == key and each.reference not in KEYS else each
        for each in proposed
    ]


def _without_full_name(columns: Sequence[Column]) -> tuple[Column, ...]:
    """A full name says nothing more where the first or the last name has a column of its own."""
    if not any(column.reference in _NAMES for column in columns):
        return tuple(columns)
    return tuple(Column(column.header) if column.reference == "fullName" else column for column in columns)
