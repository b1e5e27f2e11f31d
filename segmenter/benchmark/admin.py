"""Open the admin's pages over HTTP as a member does: the editor, its live panel, the list of contacts, its search."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import orjson
from django.contrib.auth.models import User

from contacts.columnar import catalogue
from contacts.columnar.refresh import refresh
from segmenter.benchmark import data, report, rules, segments
from segmenter.benchmark.goals import Goal
from segmenter.benchmark.measure import Spread, in_turn
from segmenter.benchmark.run import Say, Timing
from segmenter.benchmark.server import ServerProblem, serving
from segments.engine import audience
from segments.engine.cursors import Cursor
from segments.models import Segment
from segments.rules import tree
from segments.rules.tree import All
from workspaces.models import ApiKey, Member, Role, Scope, Workspace

NAME, PASSWORD = "benchmark", "correct horse battery"
SHORT = ("u", "er", "34", "-", "mail")  # what somebody has typed who types on
EDITOR, PANEL, LIST, SEARCH = "editor opens", "live panel", "contact list", "contact search"
SUGGESTION = "a contact is suggested for a pin"
MOST = {EDITOR: 300, PANEL: 150, LIST: 100, SEARCH: 100, SUGGESTION: 100}  # milliseconds, 95 in 100


@dataclass(frozen=True)
class Result:
    contacts: int
    rounds: int
    pages: list[Timing]


def run(contacts: int, rounds: int, say: Say) -> Result:
    say(f"making {contacts:,} contacts with phone numbers and external ids ...")
    workspace = data.workspace_with(contacts)
    data.give_numbers(workspace)
    refresh(workspace)
    catalogue.keep(workspace)
    saved = segments.save(workspace, [(each.name, each.rule) for each in rules.table(datetime.now(UTC))])
    Member.objects.create(
        workspace=workspace,
        user=User.objects.create_user(NAME, password=PASSWORD, is_staff=True),
        role=Role.AGENT,
    )
    _, key = ApiKey.objects.issue(workspace, "Benchmark", Scope.READ)
    with serving(key) as server:
        member = Browser(server.port)
        member.sign_in()
        say("opening pages of the admin ...")
        works = {
            EDITOR: _editors(member, workspace, saved),
            PANEL: _panels(member, workspace, saved),
            LIST: _lists(member, workspace),
            SEARCH: _searches(member, contacts),
            SUGGESTION: _suggestions(member, contacts),
        }
        pages = [Timing(name, _spread(each, rounds)) for name, each in works.items()]
    return Result(contacts, rounds, pages)


def _spread(works: Mapping[str, Callable[[], Any]], rounds: int) -> Spread:
    return in_turn(works, rounds).spread(*works)


class Browser:
    """One member with one connection and a session."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._cookies = SimpleCookie()

    def sign_in(self) -> None:
        self.ask("GET", "/admin/login/")
        typed = {"username": NAME, "password": PASSWORD, "next": "/admin/", "csrfmiddlewaretoken": self._token}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.ask("POST", "/admin/login/", urlencode(typed).encode(), form, expected=302)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> bytes:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, document: Any) -> bytes:
        return self.ask("POST", path, orjson.dumps(document), {"Content-Type": "application/json"})

    @property
    def _token(self) -> str:
        return self._cookies["csrftoken"].value

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, expected: int = 200
    ) -> bytes:
        """Raises ServerProblem."""
        sent = {"Cookie": "; ".join(f"{name}={held.value}" for name, held in self._cookies.items()), **(headers or {})}
        if method == "POST":
            sent["X-CSRFToken"] = self._token
        self._connection.request(method, path, body or None, sent)
        answer = self._connection.getresponse()
        content = answer.read()
        self._keep(answer)
        if answer.status != expected:
            raise ServerProblem(f"{method} {path} was answered with {answer.status}: {content[:500]!r}")
        return content

    def _keep(self, answer: HTTPResponse) -> None:
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies.load(header)


# --- what is opened ------------------------------------------------------------------------------------------------

Works = dict[str, Callable[[], Any]]
_SEGMENTS, _CONTACTS = "/admin/segments/segment", "/admin/contacts/contact/"


def _editors(member: Browser, workspace: Workspace, saved: list[Segment]) -> Works:
    """The page, the choices that it is built with, and the first answer of its panel."""

    def opened(segment: Segment) -> None:
        member.get(f"{_SEGMENTS}/{segment.pk}/change/")
        member.get(f"{_SEGMENTS}/live/{workspace.pk}/choose/", {"segment": segment.pk})
        _counted(member, workspace, segment)

    return {segment.pk: partial(opened, segment) for segment in saved}


def _panels(member: Browser, workspace: Workspace, saved: list[Segment]) -> Works:
    return {segment.pk: partial(_counted, member, workspace, segment) for segment in saved}


def _counted(member: Browser, workspace: Workspace, segment: Segment) -> None:
    rule = tree.write_node(segment.tree or All())
    member.post(f"{_SEGMENTS}/live/{workspace.pk}/count/", {"rule": rule, "segment": segment.pk})


def _lists(member: Browser, workspace: Workspace) -> Works:
    """Of everybody at both ends and in the middle, both ways, and narrowed."""
    everybody = audience.matching(workspace, All())
    ids = everybody.ids()
    middle, first = (Cursor(ids[place], everybody.now).write() for place in (len(ids) // 2, 60))
    queries: list[dict[str, str]] = [
        {},
        {"older": middle},
        {"newer": middle},
        {"older": first},
        {"newer": first},
        {"email": "yes", "since": "2025-01-01"},
        {"state": "active", "phone": "yes", "until": "2024-12-31", "segment": "and, or, not"},
        {"segment": "seats at most 90", "older": middle},
        {"tag": "nobody has this"},
        {"state": "trashed"},
    ]
    return {str(query): partial(member.get, _CONTACTS, query) for query in queries}


def _searches(member: Browser, contacts: int) -> Works:
    """Of all kinds: rare and frequent, one word and several, each column, and what nobody has."""
    someone = [1 + place * (contacts // len(SHORT) + 37) % contacts for place in range(len(SHORT))]
    texts = [
        text
        for number, short in zip(someone, SHORT, strict=True)
        for text in (
            f"user{number}@mail",
            f"first{number % 500} last{number % 3001}",
            f"last{number % 3001}",
            f"mail{number % 20} first{number % 500} c-",
            f"+346{data.digits(number)[:4]}",
            data.digits(number),
            f"c-{number}",
            short,
            f"nobody{number}",
            f"first{number % 500}",
        )
    ]
    return {text: partial(member.get, _CONTACTS, {"q": text}) for text in texts}


def _suggestions(member: Browser, contacts: int) -> Works:
    asked = {"app_label": "segments", "model_name": "pin", "field_name": "contact"}
    texts = ["", "first7", "first7 last30", data.digits(contacts // 2), f"user{contacts // 2}", "nobody"]
    return {text: partial(member.get, "/admin/autocomplete/", {**asked, "term": text}) for text in texts}


# --- what is printed -----------------------------------------------------------------------------------------------


def goals(result: Result) -> list[Goal]:
    return [Goal(f"{page.name}, 95 in 100", page.times.p95, MOST[page.name], "ms") for page in result.pages]


def as_json(result: Result) -> str:
    return report.document(result, goals(result))


def as_text(result: Result) -> str:
    return report.page(_lines(result), goals(result), f"{result.contacts:,} contacts")


def _lines(result: Result) -> Iterator[str]:
    yield "The admin over HTTP, in milliseconds: median [lowest-highest]"
    yield from map(report.timing_line, result.pages)
