"""Which engine is meant.

`orlop` talks to orlop: what selects Docker's engine for Docker's command (DOCKER_HOST, the context
that `docker context use` has chosen) does not count here, unless it is asked for by a context's
name. In order: a host or context that is given, ORLOP_HOST, ORLOP_CONTEXT, and then the engine of
this machine, which is started when it is needed.
"""

from __future__ import annotations

import os

from orlop.client.endpoint import UnixSocket, parse_endpoint
from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client.endpoint import Endpoint

_SYSTEM = "/run/orlop/orlop.sock"


class Target(Record):
    """An engine.

    Attributes:
        endpoint: where it listens.
        daemon: the words behind `orlop daemon` that start it there; None if it is nobody's to
            start, because it was named by its address.
    """

    endpoint: Endpoint
    daemon: tuple[str, ...] | None = None


def select(host: str = "", context: str = "") -> Target:
    """The engine that this process is to talk to.

    Args:
        host: as `parse_endpoint` has it; "" if nobody says.
        context: a context of Docker's; `default` is orlop's own engine, `docker` Docker's.

    Raises:
        InvalidArgument: an address is malformed, there is no such context, or both are given.
    """
    if host and context:
        raise InvalidArgument("a host and a context cannot be given together")
    if not host and not context:
        host = os.environ.get("ORLOP_HOST", "")
        context = "" if host else os.environ.get("ORLOP_CONTEXT", "")
    if host:
        return Target(parse_endpoint(host))
    if context and context != "default":
        from orlop.client.contexts import endpoint_of

        return Target(endpoint_of(context))
    return _own()


def current() -> str:
    """The name of the context that `select` takes; "" if an address takes its place."""
    if os.environ.get("ORLOP_HOST"):
        return ""
    return os.environ.get("ORLOP_CONTEXT") or "default"


def _own() -> Target:
    """The engine below ORLOP_HOME, the machine's, or the user's own."""
    home = os.environ.get("ORLOP_HOME", "")
    if home:
        return _below(os.path.abspath(home))
    if os.geteuid() == 0 or os.access(_SYSTEM, os.W_OK):
        return Target(UnixSocket(_SYSTEM), () if os.geteuid() == 0 else None)
    run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    return Target(UnixSocket(f"{run}/orlop/orlop.sock"), ())


def _below(home: str) -> Target:
    """An engine that has everything below one directory, beside others on the same machine."""
    file = f"{home}/daemon.json"
    words = ("--data-root", f"{home}/data", "--exec-root", f"{home}/run")
    configuration = file if os.path.exists(file) else "/dev/null"
    endpoint = UnixSocket(f"{home}/run/orlop.sock")
    return Target(endpoint, (*words, "--config-file", configuration))
