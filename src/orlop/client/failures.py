"""What an engine refuses, as errors of the tree: the status decides which."""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import (
    Conflict,
    InvalidArgument,
    NotFound,
    OrlopError,
    PermissionDenied,
    Unauthorized,
    Unavailable,
    Unsupported,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Refused(OrlopError):
    """The engine has answered with an error.

    Attributes:
        status: of HTTP; 0 if the error came in the midst of a stream.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        OrlopError.__init__(self, message)
        self.status = status


class _Invalid(Refused, InvalidArgument):
    """400."""


class _Unauthorized(Refused, Unauthorized):
    """401."""


class _Denied(Refused, PermissionDenied):
    """403."""


class _Absent(Refused, NotFound):
    """404."""

    kind = ref = ""


class _Conflict(Refused, Conflict):
    """409."""


class _Unsupported(Refused, Unsupported):
    """501."""

    what = needs = ""


class _Unavailable(Refused, Unavailable):
    """503."""


_KINDS: Mapping[int, type[Refused]] = {
    400: _Invalid,
    401: _Unauthorized,
    403: _Denied,
    404: _Absent,
    405: _Unsupported,
    409: _Conflict,
    500: Refused,
    501: _Unsupported,
    503: _Unavailable,
}


def failure_of(status: int, body: bytes) -> Refused:
    """The error for a status of 400 and more, with the message of the answer."""
    kind = _KINDS.get(status, _Invalid if status < 500 else Refused)
    return kind(_message(status, body), status=status)


def _message(status: int, body: bytes) -> str:
    """Docker's {"message": ...}, or what else came, on one line."""
    try:
        document = jsontext.loads(body)
    except InvalidArgument:
        document = None
    text = document.get("message") if isinstance(document, dict) else body.decode(errors="replace")
    line = " ".join(str(text or "").split())
    return line or f"the engine answers with status {status} and no reason"
