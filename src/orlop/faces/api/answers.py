"""Answers: JSON, nothing, and streams whose headers go out at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp.web_response import Response, StreamResponse
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp.web_request import BaseRequest

JSON = "application/json"
TAR = "application/x-tar"
RAW_STREAM = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""A value as JSON."""


def json(value: Any, status: int = 200) -> Response:
    """A value as JSON, with the line feed that Docker ends it with."""
    return Response(body=encode(value) + b"\n", status=status, content_type=JSON)


def message(text: str, status: int) -> Response:
    """An error."""
    return json({"message": text}, status)


def nothing(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status=status)


def text(body: str, content_type: str = "text/plain") -> Response:
    """A text."""
    return Response(text=body, content_type=content_type, charset="utf-8")


async def stream(
    request: BaseRequest, content_type: str, headers: Mapping[str, str] | None = None
) -> StreamResponse:
    """An answer that has begun: the client has its status and headers, the body is chunked."""
    response = StreamResponse(headers=CIMultiDict(headers or {}))
    response.content_type = content_type
    await response.prepare(request)
    return response


async def pour(answer: StreamResponse, parts: AsyncIterator[bytes]) -> StreamResponse:
    """The parts go out as they come; whoever makes them is told when the client goes away."""
    try:
        async for part in parts:
            await answer.write(part)
    finally:
        if close := getattr(parts, "aclose", None):  # of a generator
            await close()
    return answer
