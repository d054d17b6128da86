"""Completion, as three shells perform it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.support.answering import Answering
from tests.integration.support.orlop import PROGRAM
from tests.integration.support.runtimes import execute
from tests.integration.support.terminals import on_terminal
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root]

PROMPT = "ready> "


@pytest.fixture
def environment(engine: Answering, workspace: Path) -> dict[str, str]:
    """Of a shell that finds `orlop`, which talks to the engine."""
    commands = workspace / "commands"
    commands.mkdir()
    (commands / "orlop").symlink_to(PROGRAM)
    return {
        **engine.environment,
        "PATH": f"{commands}:{os.environ['PATH']}",
        "ORLOP_HOST": engine.url,
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def script(workspace: Path, environment: dict[str, str]) -> dict[str, Path]:
    """The scripts, in files."""
    found = {}
    for shell in ("bash", "fish", "zsh"):
        done = execute([str(PROGRAM), "completion", shell], env=environment).ok()
        found[shell] = workspace / f"completion.{shell}"
        found[shell].write_text(done.out)
    return found


class TestAnswers:
    """What the hidden verb says."""

    def test_names_of_objects(self, engine: Answering) -> None:
        assert engine.orlop("__complete", "start", "").ok().lines()[-1] == ":none"
        assert "web\tdocker.io/library/debian:12, Up 2 minutes (healthy)" in (
            engine.orlop("__complete", "stop", "").ok().lines()
        )
        assert engine.orlop("__complete", "volume", "rm", "v").ok().lines() == [
            "v10\tvolume, local",
            "v9\tvolume, local",
            ":none",
        ]
        images = engine.orlop("__complete", "run", "deb").ok().lines()
        assert images == ["debian:12\timage", ":none"]

    def test_an_id_once_it_has_begun(self, engine: Answering) -> None:
        assert "a" * 12 in engine.orlop("__complete", "logs", "aaa").ok().out
        assert "a" * 12 not in engine.orlop("__complete", "logs", "").ok().out

    def test_silence_without_an_engine(self, workspace: Path) -> None:
        environment = {"ORLOP_HOST": f"unix://{workspace}/none", "PATH": os.environ["PATH"]}
        done = execute([str(PROGRAM), "__complete", "rm", ""], env=environment)
        assert (done.status, done.out, done.err) == (0, ":none\n", "")

    def test_the_engine_that_the_line_names(self, engine: Answering, workspace: Path) -> None:
        environment = {"ORLOP_HOST": f"unix://{workspace}/none", "PATH": os.environ["PATH"]}
        words = ["__complete", "-H", engine.url, "rm", "we"]
        assert execute([str(PROGRAM), *words], env=environment).lines()[0].startswith("web\t")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("orlop stats --no-st", "orlop stats --no-stream "),
        ("orlop stop w", "orlop stop web "),
        ("orlop volume inspect --f", "orlop volume inspect --format "),
        ("orlop ps --filter=sta", "orlop ps --filter=status="),
        ("orlop ps --filter status=exi", "orlop ps --filter status=exited "),
        ("orlop run debian", "orlop run debian:12 "),
        ("orlop rmi debian:1", "orlop rmi debian:12 "),
    ],
)
class TestTyped:
    """A tabulator behind what was typed; `echo` then shows the line."""

    def test_bash(
        self, typed: str, completed: str, environment: dict[str, str], script: dict[str, Path]
    ) -> None:
        start = ["bash", "--noprofile", "--norc", "-i"]
        environment["PS1"] = PROMPT
        with on_terminal(start, env=environment, columns=200) as session:
            session.screen.until(PROMPT)
            session.type(f"source {script['bash']}; PS1='second> '\n")
            session.screen.until("\nsecond> ")
            session.type(f"{typed}\t")
            session.screen.until(completed)
            session.type("\x15exit\n")

    def test_zsh(
        self, typed: str, completed: str, environment: dict[str, str], script: dict[str, Path]
    ) -> None:
        need("zsh")
        with on_terminal(["zsh", "-f", "-i"], env=environment, columns=200) as session:
            session.type(f"PS1='{PROMPT}'; autoload -Uz compinit && compinit -D -u\n")
            session.type(f"source {script['zsh']}; PS1='second> '\n")
            session.screen.until("\rsecond> ")
            session.type(f"{typed}\t")
            session.screen.until(completed)
            session.type("\x15exit\n")

    def test_fish(
        self, typed: str, completed: str, environment: dict[str, str], script: dict[str, Path]
    ) -> None:
        need("fish")
        word = typed.rpartition(" ")[2]
        command = f"source {script['fish']}; complete -C '{typed}'"
        done = execute(["fish", "--no-config", "-c", command], env=environment).ok()
        expected = completed.removeprefix(typed.removesuffix(word)).strip()
        assert expected in [line.partition("\t")[0] for line in done.lines()]
