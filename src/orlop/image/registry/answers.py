"""What a registry's answers mean when they are not what was hoped for.

See: distribution-spec spec.md#error-codes.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from orlop.errors import InvalidArgument, NotFound, OrlopError, Unauthorized, Unavailable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_BODY_LIMIT = 64 << 10
_TEXT_LIMIT = 300
_REST = 16 << 10


def failure(answer: BaseHTTPResponse, host: str, what: str, kind: str, ref: str) -> OrlopError:
    """The error that an answer stands for; its body is read.

    Args:
        answer: of the registry.
        host: of the registry.
        what: was asked for, as "pull debian".
        kind: of the thing, for `NotFound`: "manifest" or "blob".
        ref: its name.
    """
    said = _said(answer)
    status = answer.status
    if status == 404:
        return NotFound(kind, ref, hint=f"the registry {host} has none")
    if status in {401, 403}:
        return Unauthorized(
            f"the registry {host} refuses to {what}{said}",
            hint="the repository does not exist, or wants other credentials",
        )
    if status in {429, 408} or status >= 500:
        return Unavailable(f"cannot {what}: the registry {host} answers {status}{said}")
    if status in {400, 405, 413, 415}:
        return InvalidArgument(f"cannot {what}: the registry {host} does not take it{said}")
    return Unavailable(f"cannot {what}: the registry {host} answers {status}{said}")


def finish(answer: BaseHTTPResponse) -> None:
    """Nobody wants more of the answer: its connection can serve the next request.

    Unless there is much more, which would take longer than a new connection.
    """
    try:
        while answer.read(_REST) and answer.tell() <= _BODY_LIMIT:
            pass
        is_read = not answer.read(1)
    except (HTTPError, OSError):
        is_read = False
    if is_read:
        answer.release_conn()
    else:
        answer.close()


def _said(answer: BaseHTTPResponse) -> str:
    """What the registry says about it, as the end of a sentence."""
    data = b""
    with contextlib.suppress(HTTPError, OSError):  # the answer is bad anyway
        data = answer.read(_BODY_LIMIT)
    finish(answer)
    try:
        first = json.loads(data)["errors"][0]
        text = str(first.get("message") or first.get("code") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    words = " ".join(text.split())[:_TEXT_LIMIT]
    return f": {words}" if words.isprintable() and words else ""
