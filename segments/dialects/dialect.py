"""What the module of a dialect holds: functions that read requests and write answers, each in the words of its API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any as Json
from typing import Protocol

from contacts.schema import Schema
from segments.dialects.draft import Draft
from segments.rules.tree import Rule
from workspaces.problems import Problem

SavedPerson = tuple[str, str, str]  # id, external id, e-mail address


@dataclass(frozen=True)
class Shown:
    """A segment as a dialect is to write it; `document` is its rule as this dialect says it."""

    id: str
    workspace: str
    name: str
    document: Json
    author: str  # 24 hex digits, or "system"
    created: datetime
    updated: datetime
    deleted: bool = False
    people: Sequence[SavedPerson] = ()  # those who were sent with it


@dataclass(frozen=True)
class Listing:
    """Which of the segments a list is to give; `field` is one of the model's."""

    field: str = "id"
    descending: bool = False
    start: int = 0
    limit: int | None = None


class Dialect(Protocol):
    """What every dialect has."""

    NAME: str
    UNIQUE_NAMES: bool
    CREATED: int  # the status of a create

    def read_segment(self, body: Json, schema: Schema, current: Json = None) -> Draft: ...
    def write(self, rule: Rule | None, schema: Schema) -> Json: ...
    def write_segment(self, shown: Shown) -> dict[str, Json]: ...
    def write_one(self, segment: dict[str, Json], warnings: Sequence[str] = ()) -> dict[str, Json]: ...
    def write_error(self, status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> Json: ...


class ListingDialect(Dialect, Protocol):
    """What one has whose addresses have a list of segments."""

    def read_listing(self, query: Mapping[str, str]) -> Listing: ...
    def write_list(self, segments: Sequence[dict[str, Json]], count: int, listing: Listing) -> dict[str, Json]: ...
