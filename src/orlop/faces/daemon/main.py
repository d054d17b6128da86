"""A daemon's life: pidfile, sockets, engine, signals, end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from orlop.engine.engine import Engine
from orlop.errors import AlreadyExists, OrlopError
from orlop.faces.api.serving import Serving
from orlop.faces.daemon import sockets
from orlop.faces.daemon.configuration import reloaded
from orlop.faces.daemon.notices import notify, tell
from orlop.faces.daemon.pidfile import PidFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from orlop.faces.daemon.configuration import Configuration

log = logging.getLogger("orlop.daemon")

READY = "ready\n"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}


def run(configuration: Configuration) -> None:
    """Serves until a signal ends it; containers go on.

    Raises:
        AlreadyExists: another engine has the pidfile, or a socket.
        As `Engine.open`, `sockets.listeners`.
    """
    if configuration.ready_fd >= 0:
        os.set_inheritable(configuration.ready_fd, False)
    try:
        with _place(configuration) as listening:
            asyncio.run(_serve(configuration, listening))
    except AlreadyExists:
        if not configuration.on_demand:
            raise
        tell(configuration.ready_fd, READY)  # two clients wanted one at the same time
    except OrlopError as error:
        tell(configuration.ready_fd, f"{error}\n")
        raise


@contextlib.contextmanager
def _place(configuration: Configuration) -> Iterator[list[socket]]:
    """This process is the one daemon of its pidfile and sockets, and in the background if asked.

    The sockets take connections at once; who comes early waits until the engine is there.
    """
    pidfile = PidFile(configuration.pidfile)
    try:
        listening = sockets.listeners(configuration.hosts, configuration.group)
    except BaseException:
        pidfile.remove()
        raise
    try:
        if configuration.on_demand:
            _into_background(configuration)
            pidfile.write()
        yield listening
    finally:
        sockets.remove(configuration.hosts)
        pidfile.remove()


def _into_background(configuration: Configuration) -> None:
    """A child goes on, in a session of its own; what it logs goes to a file. See: daemon(7)."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    nothing = os.open("/dev/null", os.O_RDWR)
    file = f"{configuration.settings.exec_root}/daemon.log"
    output = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    for fd, source in enumerate((nothing, output, output)):
        os.dup2(source, fd)
    os.close(nothing)
    os.close(output)


async def _serve(configuration: Configuration, listening: list[socket]) -> None:
    _set_log_level(configuration)
    told = _told_to_end()
    engine = await Engine.open(configuration.settings)
    serving = Serving(engine)
    try:
        await serving.listen(listening)
        _reload_on_hangup(engine, configuration)
        gc.freeze()  # what is there now stays, and need not be looked through
        log.info("listening at %s", ", ".join(configuration.hosts))
        notify("READY=1")
        tell(configuration.ready_fd, READY)
        await told.wait()
        notify("STOPPING=1")
        await serving.close(configuration.shutdown_timeout_s)
    finally:
        await engine.close()
    log.info("ended; containers go on")


def _told_to_end() -> asyncio.Event:
    """Is set by SIGTERM and SIGINT."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


def _reload_on_hangup(engine: Engine, configuration: Configuration) -> None:
    """SIGHUP has the configuration file read again."""
    current = [configuration]

    def reload() -> None:
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        current[0] = _reload(engine, current[0])
        notify("READY=1")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _reload(engine: Engine, before: Configuration) -> Configuration:
    """The configuration that counts from now on; a file with mistakes changes nothing."""
    try:
        configuration = reloaded(before)
    except OrlopError as error:
        log.error("the configuration stays as it is: %s", error)  # noqa: TRY400 - nobody's bug
        return before
    engine.settings = configuration.settings
    _set_log_level(configuration)
    log.info("configuration read again")
    return configuration


def _set_log_level(configuration: Configuration) -> None:
    level = logging.DEBUG if configuration.debug else _LEVELS[configuration.settings.log_level]
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(level)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
