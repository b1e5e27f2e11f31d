"""Read JSON bodies and write JSON answers, whatever the client says that it accepts."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

DEEPEST = 150  # whatever reads a document may recurse into it; a rule of ten levels takes about fifty


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = "The body is too large."


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises ParseError with line and column, BodyTooLarge."""
        body = stream.read(settings.BODY_LIMIT + 1)
        if len(body) > settings.BODY_LIMIT:
            raise BodyTooLarge(f"The body is larger than {settings.BODY_LIMIT // 2**20} MB.")
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
        if body.count(b"[") + body.count(b"{") > DEEPEST and _deeper(document, DEEPEST):
            raise ParseError(f"lists and objects are nested more than {DEEPEST} deep")
        return document


def _deeper(document: Any, most: int) -> bool:
    """Whether lists and objects lie deeper in one another than so many. Level by level: nothing here may recurse."""
    level = [document]
    for _ in range(most + 1):
        containers = [each for each in level if isinstance(each, list | dict)]
        if not containers:
            return False
        level = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
    return True


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
