"""What an image says about the containers that are made from it.

See: image-spec config.md; moby image/spec/v1.2.md for what Docker has added.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, str] = {}


class HealthCheck(Record):
    """How to find out whether a container works; a value of 0 leaves it to the engine.

    Attributes:
        test: empty to inherit, ("NONE",), ("CMD", word, ...) or ("CMD-SHELL", command).
        interval_ns: between two checks.
        timeout_ns: of one check.
        start_period_ns: in which failures do not count.
        start_interval_ns: between two checks in that time.
        retries: how many failures in a row make it unhealthy.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


class ImageConfig(Record):
    """Defaults for containers.

    Attributes:
        environment: NAME=VALUE, in order.
        entrypoint: what comes before the command; None where the image has none.
        command: the default command, or the default arguments of the entrypoint.
        user: as `USER[:GROUP]`, names or numbers; "" for root.
        directory: where the program starts; "" for /.
        volumes: container paths at which a container gets a volume.
        exposed_ports: as "80/tcp".
        labels: names with values.
        stop_signal: as "SIGTERM" or "15"; "" for the default.
        health: None where the image has none.
        shell: for commands in shell form; empty for /bin/sh -c.
        on_build: instructions for builds on top of it.
    """

    environment: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str = ""
    directory: str = ""
    volumes: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = NOTHING
    stop_signal: str = ""
    health: HealthCheck | None = None
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
