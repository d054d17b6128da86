"""An engine in a process of its own that runs a container "box", and then waits to be killed.

    engine_child.py DIRECTORY ROOT WORDS EXECS CLIENT

WORDS is a JSON list of flags and, at its end, a shell command; without any, no container is run. So
many processes are executed in it, and CLIENT, a descriptor if it is not -1, is attached to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orlop.engine.engine import Engine
from orlop.engine.exec_request import ExecRequest
from orlop.intent.flags import parse_run
from orlop.launch.shim import Attach
from tests.integration.support.engines import settings_in
from tests.preconditions import ROOT

_FLAGS = ("--name", "box", "--network", "none")


@contextmanager
def engine_child(
    directory: Path, root: Path, *words: str, execs: int = 0, client: int = -1
) -> Iterator[int]:
    """Such a process, whose work is done; it is killed in the end."""
    command = [sys.executable, "-m", "tests.integration.support.engine_child"]
    given = [str(directory), str(root), json.dumps(words), str(execs), str(client)]
    with subprocess.Popen(
        [*command, *given],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/src"},
        stdout=subprocess.PIPE,
        pass_fds=(client,) if client >= 0 else (),
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.read(5) == b"done\n"
            yield child.pid
        finally:
            child.kill()


async def _work(directory: str, root: str, words: Sequence[str], execs: int, client: int) -> None:
    engine = await Engine.open(settings_in(Path(directory)))
    if words:
        *flags, script = words
        request = parse_run([*_FLAGS, *flags, root, "/bin/sh", "-c", script])
        made = await engine.containers.create(request)
        await engine.containers.start(made.id)
        for _ in range(execs):
            process = await engine.execs.create("box", ExecRequest(("sleep", "1000")))
            await engine.execs.start(process, None)
        if client >= 0:
            engine.containers.shim("box").attach(client, Attach(stdin=True, stdout=True))
            os.close(client)
    os.write(1, b"done\n")
    await asyncio.sleep(1000)


if __name__ == "__main__":
    at, image, text, count, descriptor = sys.argv[1:]
    asyncio.run(_work(at, image, json.loads(text), int(count), int(descriptor)))
