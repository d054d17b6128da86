"""`orlop` in front of an engine: the project's own, or dockerd, whose API is the same.

What holds with both is Docker's behaviour: then what a test says of the command is not owed to an
engine that was made for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.integration.support.deadlines import eventually
from tests.integration.support.images import IMAGE
from tests.integration.support.orlop import PROGRAM
from tests.integration.support.runtimes import Foreground, Result, execute
from tests.integration.support.terminals import TerminalSession, on_terminal


class Orlop:
    """The command, talking to one engine.

    Attributes:
        environment: of the command; nothing of the user's own settings is in it.
        docker_command: how docker's command is called for the same engine.
    """

    def __init__(self, url: str, directory: Path) -> None:
        config = directory / "config"
        config.mkdir()
        self.url = url
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/",
            "DOCKER_CONFIG": str(config),
            "ORLOP_HOST": url,
        }

    def command(self, *words: str | Path) -> list[str]:
        """The argument vector of a command."""
        return [str(PROGRAM), *map(str, words)]

    def __call__(self, *words: str | Path, **options: Any) -> Result:
        """Run a command to its end; `options` are those of `execute`."""
        return execute(self.command(*words), env=self.environment, **options)

    def docker(self, *words: str | Path, **options: Any) -> Result:
        """The same by docker's command."""
        return execute(
            ["docker", "-H", self.url, *map(str, words)], env=self.environment, **options
        )

    def run(self, *words: str | Path, **options: Any) -> Result:
        """`orlop run --rm` of the tests' image: flags, and behind the word "--" the command."""
        return self("run", "--rm", *with_image(words), **options)

    def start(self, *words: str | Path) -> str:
        """`orlop run -d`; returns the container's id."""
        return self("run", "-d", *with_image(words)).ok().out.strip()

    def foreground(self, *words: str | Path, **options: Any) -> Foreground:
        """Begin a command."""
        return Foreground(self.command(*words), env=self.environment, **options)

    def on_terminal(
        self, *words: str | Path, **size: int
    ) -> AbstractContextManager[TerminalSession]:
        """A command on a terminal of its own."""
        return on_terminal(self.command(*words), env=self.environment, **size)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine says of a container."""
        (answer,) = self.docker("container", "inspect", name).ok().json()
        return dict(answer)

    def runs(self, name: str) -> bool:
        """Whether a container runs."""
        return bool(self.inspect(name)["State"]["Running"])

    def is_gone(self, name: str) -> bool:
        """Whether there is no such container."""
        return self.docker("container", "inspect", name).status != 0

    def wait_for_log(self, name: str, text: str) -> None:
        """Until a container has written this."""
        eventually(lambda: text in self.docker("logs", name).out, f"{text!r} in the log")

    def remove_all(self) -> None:
        """Remove all containers by force."""
        if ids := self.docker("ps", "-aq").ok().out.split():
            self.docker("rm", "-f", "-v", *ids).ok()


def with_image(words: tuple[str | Path, ...]) -> list[str | Path]:
    """Flags and command, with a network and the image in between."""
    flags, command = list(words), []
    if "--" in words:
        at = words.index("--")
        flags, command = list(words[:at]), list(words[at + 1 :])
    return [*flags, "--network", "none", IMAGE, *command]


@contextlib.contextmanager
def without_containers(orlop: Orlop) -> Iterator[Orlop]:
    """Afterwards there is none."""
    try:
        yield orlop
    finally:
        orlop.remove_all()
