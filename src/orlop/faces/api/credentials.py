"""Who a client is to a registry: the headers X-Registry-Auth and X-Registry-Config.

See: moby api/swagger.yaml, "Authentication"; RFC 4648 section 5.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec

from orlop.engine.images import Credentials
from orlop.errors import InvalidArgument
from orlop.faces.api import bodies

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

AUTH_HEADER = "X-Registry-Auth"


class AuthConfig(msgspec.Struct, frozen=True, rename="lower"):
    """Credentials for one registry."""

    username: str | None = None
    password: str | None = None
    auth: str | None = None
    email: str | None = None
    serveraddress: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


def credentials_of(body: AuthConfig) -> Credentials:
    """The credentials in a body or header."""
    return Credentials(
        username=body.username or "",
        password=body.password or "",
        identity_token=body.identitytoken or "",
        registry_token=body.registrytoken or "",
    )


def from_header(request: BaseRequest) -> Credentials:
    """The credentials that came with a request; anonymous without them.

    Raises:
        InvalidArgument: the header cannot be read.
    """
    text = request.headers.get(AUTH_HEADER, "")
    if text in ("", "null"):  # older clients in Java write the latter
        return Credentials()
    try:
        body = bodies.decode(_decoded(text), AuthConfig)
    except (binascii.Error, ValueError, InvalidArgument):
        raise InvalidArgument(
            f"invalid {AUTH_HEADER} header: it is not base64url of JSON"
        ) from None
    return credentials_of(body)


def _decoded(text: str) -> bytes:
    """Base64 in either alphabet, with or without padding: clients write all of these."""
    plain = text.strip().translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
