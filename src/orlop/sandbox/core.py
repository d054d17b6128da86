"""What `Sandbox` and `AsyncSandbox` are, but for how they wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument
from orlop.sandbox import files, runs
from orlop.sandbox.box import Box
from orlop.sandbox.options import environment_of, habits_of, job_of, parse_size
from orlop.sandbox.streams import duplicate, input_of
from orlop.sandbox.template import template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self, Unpack

    from orlop.sandbox.files import Entry
    from orlop.sandbox.options import BoxOptions, Habits, Output, RunOptions, Size
    from orlop.sandbox.result import Result
    from orlop.sandbox.waiting import Steps


class Core:
    """A box, and how programs run in it."""

    def __init__(self, box: Box, habits: Habits) -> None:
        self.box = box
        self._habits = habits

    def open(self) -> Steps[None]:
        """The box is ready; if it cannot be, nothing is left of it."""
        try:
            yield from self.box.ready()
        except BaseException:
            yield from self.box.close()
            raise

    def close(self) -> Steps[None]:
        """The box and everything in it is gone."""
        return self.box.close()

    def run(self, command: Sequence[str], options: RunOptions) -> Steps[Result]:
        """Runs a program to its end."""
        job = job_of(self._habits, _args(command), options)
        captured: tuple[list[bytes], list[bytes]] = ([], [])
        result = yield from runs.run(
            self.box,
            job,
            input_of(options.get("stdin")),
            _target(options.get("stdout"), captured[0]),
            _target(options.get("stderr"), captured[1]),
        )
        out, err = (b"".join(parts) for parts in captured)
        return result.replace(stdout=out, stderr=err)

    def write(self, path: str, data: bytes | str, mode: int) -> Steps[None]:
        """A file with this content is in the box."""
        content = data.encode() if isinstance(data, str) else data
        return files.write(self.box, self._absolute(path), content, mode)

    def read(self, path: str, limit: Size) -> Steps[bytes]:
        """The content of a file of the box."""
        return files.read(self.box, self._absolute(path), parse_size("limit", limit))

    def listing(self, path: str) -> Steps[tuple[Entry, ...]]:
        """What is in a directory of the box."""
        return files.listing(self.box, self._absolute(path))

    def _absolute(self, path: str) -> str:
        return os.path.join(self._habits.cwd, path)


class Boxed:
    """What has a box of its own: the part of `Sandbox` and `AsyncSandbox` that does not wait."""

    def __init__(self, **options: Unpack[BoxOptions]) -> None:
        """Starts a box.

        Args:
            options: see `BoxOptions`.

        Raises:
            InvalidArgument: a value makes no sense.
            Unsupported: this host cannot do it.
        """
        habits = habits_of(options)
        self.adopt(Core(Box(template_of(environment_of(options))), habits))

    @classmethod
    def of(cls, core: Core) -> Self:
        """One with a box that was started before."""
        made = cls.__new__(cls)
        made.adopt(core)
        return made

    def adopt(self, core: Core) -> None:
        """Takes a box for its own; once, when it is made."""
        self._core = core

    @property
    def id(self) -> str:
        """The box's name, which is also that of its control groups."""
        return self._core.box.id


def _args(command: Sequence[str]) -> tuple[str, ...]:
    if isinstance(command, str | bytes) or not command:
        raise InvalidArgument(
            f"command {command!r} is not a list of words", hint='as ["sh", "-c", "..."]'
        )
    return tuple(os.fspath(word) for word in command)


def _target(given: Output, parts: list[bytes]) -> Callable[[bytes], object] | int:
    """Where output goes: to a list, to the caller's function, or to the caller's descriptor."""
    if given is None:
        return parts.append
    if callable(given):
        return given
    return duplicate(given)
