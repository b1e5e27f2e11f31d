"""Answers that a browser keeps as a file."""

import re
from collections.abc import Iterable

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header


def download(content: Iterable[bytes], name: str, media_type: str) -> StreamingHttpResponse:
    """Handed on piece by piece. Of the name, which may be what somebody called a segment, letters and a few signs."""
    file = content_disposition_header(as_attachment=True, filename=re.sub(r"[^\w .()-]", "_", name))
    return StreamingHttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": file or "attachment"}
    )
