"""What an image says about its containers, merged into what somebody asks, as Docker does it.

Pure. What somebody asks counts more than the image; lists (environment, labels, ports, volumes)
are joined. A new entrypoint makes the image's command mean nothing.

See: moby daemon/commit.go (merge), image-spec config.md.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.image.config import HealthCheck
from orlop.intent.request import Port, User, Volume
from orlop.records import fields
from orlop.runtime.lifecycle.kill import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.image.config import ImageConfig
    from orlop.intent.request import Handling, Health, Mount, Pairs, Request

FROM_IMAGE = "the image"
"""Who has written a field that the image says."""

SECOND_NS = 10**9
HEALTH_DEFAULTS = HealthCheck((), 30 * SECOND_NS, 30 * SECOND_NS, 0, 5 * SECOND_NS, 3)
"""What counts where neither says anything; moby daemon/health.go."""


def with_image(request: Request, config: ImageConfig) -> Request:
    """The request with everything that the image adds; what somebody asked keeps its place.

    Raises:
        InvalidArgument: the image says nonsense.
    """
    entrypoint, command = _program(request, config)
    lists = {
        "environment": _environment(request, config),
        "labels": _labels(request, config),
        "ports": _ports(request, config),
        "mounts": _volumes(request, config),
    }
    single = {
        "user": _user(config.user) if request.user is None and config.user else request.user,
        "directory": request.directory or config.directory,
    }
    return request.replace(
        entrypoint=entrypoint,
        command=command,
        handling=_handling(request.handling, config),
        **single,
        **{name: (*getattr(request, name), *added) for name, added in lists.items()},
        written={**_causes(request, lists, single), **request.written},
    )


def _causes(
    request: Request, lists: Mapping[str, tuple[object, ...]], single: Mapping[str, object]
) -> Mapping[str, str]:
    """What the image has written."""
    causes = {name: FROM_IMAGE for name, value in single.items() if value != getattr(request, name)}
    for name, added in lists.items():
        first = len(getattr(request, name))
        causes |= {f"{name}[{first + index}]": FROM_IMAGE for index in range(len(added))}
    return causes


def _program(
    request: Request, config: ImageConfig
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Entrypoint and command. An entrypoint of "" is one that somebody has taken away."""
    entrypoint, command = request.entrypoint, request.command
    if entrypoint is None:
        entrypoint = config.entrypoint
        command = command or config.command or ()
    return () if entrypoint == ("",) else entrypoint, command


def check_program(request: Request) -> None:
    """There is something to execute.

    Raises:
        InvalidArgument: there is nothing.
    """
    if not request.entrypoint and not request.command:
        raise InvalidArgument(
            "there is no command: neither the image nor the request says what to execute",
            hint="write one behind the image",
        )


# --- what is added to lists -------------------------------------------------------------------


def _environment(request: Request, config: ImageConfig) -> tuple[tuple[str, str], ...]:
    """The image's variables, but those that are asked otherwise, or taken away."""
    asked = {name for name, _ in request.environment}
    inherited = (entry.partition("=") for entry in config.environment)
    return tuple((name, value) for name, _, value in inherited if name and name not in asked)


def _labels(request: Request, config: ImageConfig) -> Pairs:
    asked = {name for name, _ in request.labels}
    return tuple((name, value) for name, value in config.labels.items() if name not in asked)


def _ports(request: Request, config: ImageConfig) -> tuple[Port, ...]:
    """The image's ports, declared but not published."""
    asked = {(port.port, port.protocol) for port in request.ports}
    declared = (_port(text) for text in config.exposed_ports)
    return tuple(port for port in declared if (port.port, port.protocol) not in asked)


def _port(text: str) -> Port:
    number, _, protocol = text.partition("/")
    if not (number.isascii() and number.isdecimal()) or not 0 < int(number) < 1 << 16:
        raise InvalidArgument(f"the image exposes {text!r}, which is no port")
    return Port(int(number), protocol or "tcp", published=False)


def _volumes(request: Request, config: ImageConfig) -> tuple[Mount, ...]:
    """Anonymous volumes where the image wants them and nothing else is mounted."""
    asked = {mount.target for mount in request.mounts}
    wanted = (path.rstrip("/") for path in config.volumes)
    return tuple(
        Volume("", path, driver=request.volume_driver)
        for path in dict.fromkeys(wanted)
        if path and path not in asked
    )


# --- the rest ---------------------------------------------------------------------------------


def _user(text: str) -> User:
    """`USER[:GROUP]` as an image has it."""
    user, colon, group = text.partition(":")
    return User(_id(user) if user else 0, _id(group) if colon and group else None)


def _id(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


def _handling(handling: Handling, config: ImageConfig) -> Handling:
    if not handling.stop_signal and config.stop_signal:
        try:
            number = parse_signal(config.stop_signal)
        except InvalidArgument as error:
            raise InvalidArgument(f"the image's stop signal: {error.message}") from None
        return handling.replace(stop_signal=number)
    return handling


def health_check(health: Health, config: ImageConfig) -> HealthCheck | None:
    """How to find out whether a container works, all values filled in; None for not at all."""
    image = config.health or HealthCheck()
    test = health.test or image.test
    if health.off or not test or test == ("NONE",):
        return None
    filled = HealthCheck(test)
    for field in fields(HealthCheck)[1:]:
        asked, default = getattr(health, field), getattr(HEALTH_DEFAULTS, field)
        filled = filled.replace(**{field: asked or getattr(image, field) or default})
    return filled
