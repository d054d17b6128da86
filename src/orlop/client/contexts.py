"""Docker's contexts, which are read and never written.

See: docker-context(1); ~/.docker/contexts/meta/SHA256-OF-THE-NAME/meta.json.
"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.client.configuration import directory
from orlop.client.endpoint import SshHost, UnixSocket, parse_endpoint
from orlop.errors import InvalidArgument, NotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client.endpoint import Endpoint

DOCKER = "docker"
_DOCKERS_SOCKET = "/var/run/docker.sock"


def endpoint_of(name: str) -> Endpoint:
    """Where the engine of a context listens; `docker` is Docker's own, unless there is a context.

    Raises:
        NotFound: there is no such context.
        InvalidArgument: its file is malformed.
        Unsupported: it needs TLS.
    """
    text = _meta(name)
    if text is None and name == DOCKER:
        host = os.environ.get("DOCKER_HOST", "")
        return parse_endpoint(host) if host else UnixSocket(_DOCKERS_SOCKET)
    if text is None:
        raise NotFound("context", name, hint="docker context ls shows what there is")
    if os.path.exists(f"{directory()}/contexts/tls/{_digest(name)}"):
        raise Unsupported(f"the context {name!r}", needs="TLS")
    document = jsontext.loads(text)
    address = _address(document)
    if not address:
        raise InvalidArgument(f"the context {name!r} has no address for docker")
    endpoint = parse_endpoint(address)
    # What such a context leads to has to have Docker's command, for Docker's client.
    return endpoint.replace(program=DOCKER) if isinstance(endpoint, SshHost) else endpoint


def contexts() -> list[tuple[str, str, str]]:
    """Name, description and address of all that there are, in order of their names."""
    known = f"{directory()}/contexts/meta"
    found = [(DOCKER, "Docker's own engine", str(endpoint_of(DOCKER)))]
    try:
        entries = os.listdir(known)
    except OSError:
        return found
    for entry in entries:
        document = _read(f"{known}/{entry}/meta.json")
        name = document.get("Name")
        if isinstance(name, str) and name:
            described = document.get("Metadata")
            text = described.get("Description") if isinstance(described, dict) else ""
            found.append((name, str(text or ""), _address(document)))
    return sorted(found)


def _read(path: str) -> dict[str, object]:
    try:
        with open(path, "rb") as file:
            document = jsontext.loads(file.read())
    except (OSError, InvalidArgument):
        return {}
    return document if isinstance(document, dict) else {}


def _address(document: object) -> str:
    for member in ("Endpoints", "docker", "Host"):
        document = document.get(member) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""


def _meta(name: str) -> bytes | None:
    try:
        with open(f"{directory()}/contexts/meta/{_digest(name)}/meta.json", "rb") as file:
            return file.read()
    except OSError:
        return None


def _digest(name: str) -> str:
    from hashlib import sha256

    return sha256(name.encode()).hexdigest()
