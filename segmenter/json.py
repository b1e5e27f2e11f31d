"""Read JSON bodies and write JSON answers, whatever the client says that it accepts."""

import io
from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from workspaces.problems import Invalid, Problem

# Levels of lists and objects. A rule of ten takes about fifty; what is stored is shown again, a few further down.
DEEPEST = 100


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = "The body is too large."


def read(text: bytes, line: int = 1) -> Any:
    """JSON that begins in this line of a body. Raises ParseError with line and column."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"line {line + error.lineno - 1}, column {error.colno}: {error.msg}") from None
    level = [document]
    for _ in range(DEEPEST + 1):
        level = [part for each in level if isinstance(each, dict | list) for part in _parts(each)]
        if not level:
            return document
    raise ParseError(f"line {line}: lists and objects can be {DEEPEST} deep")


def _parts(whole: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return whole.values() if isinstance(whole, dict) else whole


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises ParseError with line and column, BodyTooLarge."""
        return read(_body(stream))


class LinesParser(BaseParser):
    """NDJSON: a document a line, given one by one; in the place of a line that is no JSON, what is wrong with it."""

    media_type = "application/x-ndjson"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """An iterator. Raises BodyTooLarge."""
        lines = io.BytesIO(_body(stream))
        return (_document(text, line) for line, text in enumerate(lines, 1) if text.strip())


def _document(text: bytes, line: int) -> Any:
    try:
        return read(text, line)
    except ParseError as error:
        return Invalid([Problem("", str(error.detail))])


def _body(stream: IO[Any]) -> bytes:
    body: bytes = stream.read(settings.BODY_LIMIT + 1)
    if len(body) > settings.BODY_LIMIT:
        raise BodyTooLarge(f"The body is larger than {settings.BODY_LIMIT // 2**20} MB.")
    return body


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class AnyAccept(BaseContentNegotiation):
    """There is one form of answer; a client that asks for another is still better off with it than with a 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)
