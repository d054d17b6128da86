"""What `run` and `create` have in common: a request, an image that is there, an id."""

from __future__ import annotations

import os
import sys

from orlop.errors import AlreadyExists, NotFound, Unavailable
from orlop.faces.cli.detaching import chosen
from orlop.faces.cli.notes import note, warn
from orlop.faces.cli.terminal import size_of_terminal
from orlop.intent.docker_json import to_docker
from orlop.intent.request import Named, Size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from orlop.client import Client
    from orlop.intent.request import Request


def prepared(request: Request) -> Request:
    """The request with what a command line adds: streams, keys, the size of the terminal.

    Raises:
        InvalidArgument: the keys to leave by are none.
    """
    handling = request.handling
    attach = handling.attach
    if not attach and not handling.detach:
        attach = (*(("stdin",) if handling.interactive else ()), "stdout", "stderr")
    once = handling.interactive and "stdin" in attach
    keys = chosen(handling.detach_keys)
    size = size_of_terminal() if request.terminal else None
    return request.replace(
        handling=handling.replace(attach=attach, stdin_once=once, detach_keys=keys),
        terminal_size=Size(*size) if size else None,
    )


def create_container(client: Client, request: Request) -> str:
    """A container is there, and its image if that may be pulled; returns its id.

    What the engine warns of is said on standard error.

    Raises:
        As `Client`, and `pull_image`.
    """
    image, handling = request.image, request.handling
    if isinstance(image, Named) and handling.pull == "always":
        _pull(client, image.ref, request)
    try:
        made = _create(client, request)
    except NotFound:
        if not isinstance(image, Named) or handling.pull != "missing":
            raise
        if not handling.quiet:
            note(f"there is no image {image.ref} here yet")
        _pull(client, image.ref, request)
        made = _create(client, request)
    return made


def _create(client: Client, request: Request) -> str:
    handling = request.handling
    query = {"name": handling.name or None, "platform": handling.platform or None}
    made = client.post("/containers/create", to_docker(request), query)
    warn(*made.get("Warnings") or ())
    return str(made["Id"])


def _pull(client: Client, ref: str, request: Request) -> None:
    from orlop.faces.cli.progress import Progress
    from orlop.faces.cli.registries import pull_image

    handling = request.handling
    with Progress(sys.stderr, quiet=handling.quiet) as progress:
        pull_image(client, ref, platform=handling.platform, show=progress.show)


class IdFile:
    """A file for a container's id, made before the container is, and removed if that fails.

    Raises:
        AlreadyExists: the file is there.
        Unavailable: it cannot be made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        if not path:
            return
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o644)
        except FileExistsError:
            hint = "is there another container? remove the file if not"
            raise AlreadyExists("id file", path, hint=hint) from None
        except OSError as error:
            raise Unavailable(f"cannot make the id file {path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._fd < 0:
            return
        os.close(self._fd)
        if kind is not None:
            os.unlink(self._path)

    def write(self, container_id: str) -> None:
        """The id is in the file, if there is to be one."""
        if self._fd >= 0:
            os.write(self._fd, container_id.encode())
