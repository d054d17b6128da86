"""dockerd with a runtime that only keeps what it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.dockerd import RUNTIME, Docker, running_daemon
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Result
from tests.preconditions import need

# A runtime that keeps the configuration of what it should create, and says that it could not.
KEEPER = """#!/bin/sh
kept={kept}
next=
for word; do
  [ "$next" = bundle ] && bundle=$word
  case $word in --bundle) next=bundle ;; *) next= ;; esac
done
case " $* " in
  *" create "*) cp "$bundle/config.json" "$kept.new" && mv "$kept.new" "$kept"; exit 1 ;;
  *" features "*|*" --version "*) exec runc "$@" ;;
esac
"""


class Composer:
    """What dockerd makes of flags: the configuration that it hands to its runtime."""

    def __init__(self, docker: Docker, kept: Path) -> None:
        self._docker = docker
        self._kept = kept

    def __call__(self, *words: str) -> dict[str, Any]:
        """The config.json of `docker run` with these flags, the image at the word IMAGE."""
        result = self._run(words)
        assert self._kept.exists(), result
        config: dict[str, Any] = json.loads(self._kept.read_text())
        return config

    def refuses(self, *words: str) -> bool:
        """Whether Docker refuses to make such a container."""
        assert self._run(words).status != 0  # as it always is, since the runtime makes none
        return not self._kept.exists()

    def _run(self, words: tuple[str, ...]) -> Result:
        self._kept.unlink(missing_ok=True)
        given = [IMAGE if word == "IMAGE" else word for word in words]
        rm = [] if "--restart" in words else ["--rm"]
        return self._docker("run", *rm, "--runtime", RUNTIME, *given)


@pytest.fixture(scope="session")
def dockers(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Composer]:
    """The session's dockerd."""
    need("docker")
    directory = session_directory / "docker-intent"
    directory.mkdir()
    kept = directory / "config.json"
    keeper = directory / "keeper"
    keeper.write_text(KEEPER.format(kept=kept))
    keeper.chmod(0o755)
    with running_daemon(directory, keeper, archive(rootfs_template, directory)) as docker:
        yield Composer(docker, kept)
