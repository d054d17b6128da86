"""Documents whose commands are run: what they show has to be what happens.

A fenced block of the language `console` is a session: lines that begin with `$ ` are commands (a
command goes on in lines that begin with `> `), the lines below are its output, stdout and stderr
as they come. All blocks of a document are one session of one shell, in an empty directory, as root.

What differs from run to run is not compared: a number is like any other, and a blank like many. A
line `...` stands for any number of lines, and `...` inside a line for anything. Numbers that matter
are checked by the tests of the command itself.

    python -m tests.integration.support.console FILE...   # write the present output into documents
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.support.streams import Reader
from tests.preconditions import ROOT

PROMPT, GOES_ON = "$ ", "> "
ANYTHING = "..."
PATIENCE_S = 60.0
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d.,:]*(?<=\d)")
_TIMES = re.compile(r"\b0 ?(?:ns|us|µs|ms|s)\b")
_HEX = re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,64}\b")


@dataclass(frozen=True)
class Command:
    """One command of a document and the output that the document shows for it."""

    text: str
    output: tuple[str, ...]


def commands(document: str) -> Iterator[Command]:
    """All commands of a document, in order."""
    for block in _BLOCK.findall(document):
        yield from _commands_of(block.splitlines())


def _commands_of(lines: list[str]) -> Iterator[Command]:
    text: list[str] = []
    output: list[str] = []
    for line in lines:
        if line.startswith(PROMPT):
            if text:
                yield Command("\n".join(text), tuple(output))
            text, output = [line.removeprefix(PROMPT)], []
        elif line.startswith(GOES_ON) and text and not output:
            text.append(line.removeprefix(GOES_ON))
        else:
            assert text, f"a console block begins with output: {line!r}"
            output.append(line)
    if text:
        yield Command("\n".join(text), tuple(output))


class Session:
    """A shell in an empty directory; it ends with the context, and its directory is removed."""

    _END = "end-of-the-command"

    def __enter__(self) -> Session:
        self._directory = tempfile.TemporaryDirectory(prefix="orlop-docs-")
        # One pipe for both, so that the order is that of a terminal.
        ours, theirs = os.pipe()
        self._screen = Reader(ours)
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            cwd=self._directory.name,
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": self._directory.name,
                "LC_ALL": "C.UTF-8",
            },
        )
        os.close(theirs)
        return self

    def run(self, text: str) -> tuple[str, ...]:
        """What one command writes, as lines."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{text}\nprintf '\\n{self._END}\\n'\n".encode())
        self._shell.stdin.flush()
        shown = self._screen.until(f"\n{self._END}\n", PATIENCE_S)
        lines = shown.removesuffix(f"\n{self._END}\n").split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        return tuple(line.rstrip() for line in lines)

    def __exit__(self, *_: object) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        try:
            self._shell.wait(PATIENCE_S)
        finally:
            self._shell.kill()
            self._screen.close()
            self._directory.cleanup()


def alike(line: str) -> str:
    """The line without what differs from run to run."""
    masked = _NUMBER.sub("0", _HEX.sub("0", line))
    return " ".join(_TIMES.sub("0 s", masked).split())


def agrees(shown: tuple[str, ...], seen: tuple[str, ...]) -> bool:
    """Whether a document's output (`shown`) is that of the run (`seen`)."""
    pattern = ""
    for line in shown:
        if line.strip() == ANYTHING:
            pattern += r"(?:.*\n)*?"
        else:
            parts = (re.escape(part) for part in alike(line).split(ANYTHING))
            pattern += ".*".join(parts) + r"\n"
    return bool(re.fullmatch(pattern, "".join(f"{alike(line)}\n" for line in seen)))


def rewritten(document: str) -> str:
    """The document with the present output; commands whose shown output agrees keep it."""
    with Session() as session:

        def block(match: re.Match[str]) -> str:
            lines = []
            for command in _commands_of(match[1].splitlines()):
                first, *more = command.text.split("\n")
                lines += [PROMPT + first, *(GOES_ON + line for line in more)]
                seen = session.run(command.text)
                lines += command.output if agrees(command.output, seen) else seen
            return "```console\n" + "".join(f"{line}\n" for line in lines) + "```"

        return _BLOCK.sub(block, document)


def documents() -> list[Path]:
    """The documents that have such blocks."""
    all_of_them = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    return [path for path in all_of_them if _BLOCK.search(path.read_text())]


if __name__ == "__main__":
    from tests import isolation

    isolation.enter()
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path.read_text()))
