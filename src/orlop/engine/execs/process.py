"""From a request and the container's own process to the process that is to be started."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orlop.engine.containers.copies import copy_of
from orlop.errors import InvalidArgument, SpecError
from orlop.intent.docker_defaults import TERM
from orlop.intent.host_facts import Lookup
from orlop.intent.process import accounts_of, group_of, ids_of
from orlop.intent.request import Copied, Directory, HostImage, Unpacked
from orlop.kernel import capabilities
from orlop.kernel.features import read_features
from orlop.launch.detach_keys import parse_detach_keys
from orlop.runtime import spec

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.exec_request import ExecRequest
    from orlop.intent.image_accounts import AccountFiles
    from orlop.intent.request import Image


def check(request: ExecRequest) -> None:
    """Looks for what can be seen to be wrong without the container.

    Raises:
        InvalidArgument: there is no command, the directory is relative, or the keys are none.
    """
    if not request.command or not request.command[0]:
        raise InvalidArgument("cannot exec: no command is given")
    if request.directory and not request.directory.startswith("/"):
        raise InvalidArgument(f"cannot exec in {request.directory!r}: the path is not absolute")
    words = (*request.command, *(word for pair in request.environment for word in pair if word))
    if any("\0" in word for word in words):
        raise InvalidArgument("cannot exec: a word has a zero byte in it")
    parse_detach_keys(request.detach_keys)


def process_of(container: Container, own: spec.Spec, request: ExecRequest) -> spec.Process:
    """The process, which has of the container's own what nobody asked to be different.

    Raises:
        NotFound: the container's accounts have no such user or group.
        SpecError: the container has no process to start from.
    """
    first = own.process
    if first is None:
        raise SpecError("process", "the container has none")
    user = _user(container, first, request)
    size = request.size
    return first.replace(
        args=request.command,
        env=_environment(first, request),
        cwd=request.directory or first.cwd,
        user=user,
        terminal=request.terminal,
        console_size=spec.Box(size.rows, size.columns) if request.terminal and size else None,
        capabilities=_capabilities(first, request, user),
    )


def _environment(first: spec.Process, request: ExecRequest) -> tuple[str, ...]:
    """The container's variables, changed and added to; without HOME, which is the user's."""
    known: dict[str, str | None] = dict(pair.partition("=")[::2] for pair in first.env)
    if request.user is not None:
        known.pop("HOME", None)
    if request.terminal:
        known.setdefault("TERM", TERM)
    asked = known | dict(request.environment)
    return tuple(f"{name}={value}" for name, value in asked.items() if value is not None)


def _user(container: Container, first: spec.Process, request: ExecRequest) -> spec.User:
    if request.user is None:
        return first.user
    accounts = partial(_accounts, container)
    uid, gid, groups = ids_of(request.user, accounts)
    further = (group_of(group, accounts) for group in container.request.groups)
    return spec.User(uid, gid, additional_gids=tuple(dict.fromkeys((gid, *groups, *further))))


def _accounts(container: Container) -> Lookup | AccountFiles:
    image: Image = Unpacked(container.image.lowers)
    if container.image.ref == "host":
        image = HostImage()
    elif copy := copy_of(container):
        image = Copied(copy)
    elif not container.image.lowers:
        image = Directory(container.image.ref)
    return accounts_of(image, container.directory, Lookup())


def _capabilities(first: spec.Process, request: ExecRequest, user: spec.User) -> spec.Capabilities:
    """All that the container may have at most, for root; none in force for others."""
    if request.privileged:
        bounding = capabilities.names(read_features().capabilities.bounding)
    else:
        bounding = first.capabilities.bounding if first.capabilities else ()
    if user.uid and not request.privileged:
        return spec.Capabilities(bounding=bounding)
    return spec.Capabilities(bounding=bounding, effective=bounding, permitted=bounding)
