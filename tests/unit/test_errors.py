"""The tree of errors is as errors.py draws it, and every error can travel and speak."""

from __future__ import annotations

import errno
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from orlop import errors
from orlop.errors import OrlopError

EXAMPLES = {
    errors.SpecError: errors.SpecError("process.cwd", "it is empty", spec_ref="config.md#process"),
    errors.NotFound: errors.NotFound("container", "web"),
    errors.AlreadyExists: errors.AlreadyExists("container", "web"),
    errors.WrongState: errors.WrongState("start", "web", state="stopped", needs="created"),
    errors.Unsupported: errors.Unsupported("--pidfd-socket", needs="Linux 5.3"),
    errors.LaunchError: errors.LaunchError("no", op="clone", op_index=3, errno=1, path="/x"),
    errors.SyscallError: errors.SyscallError("openat2", errno.ENOENT, "/x"),
}


def tree() -> dict[type[OrlopError], type | None]:
    """The classes of the drawing in the module's docstring, with their parents."""
    drawn: dict[type[OrlopError], type | None] = {}
    above: list[type[OrlopError]] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r"^    ([│ ]*(?:[├└]── )?)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            cls = getattr(errors, found[2])
            drawn[cls] = above[depth - 1] if depth else None
            above[depth:] = [cls]
    return drawn


def subclasses(cls: type[OrlopError]) -> Iterator[type[OrlopError]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def defined() -> list[type[OrlopError]]:
    every: list[type[OrlopError]] = [OrlopError, *subclasses(OrlopError)]
    own = [cls for cls in every if cls.__module__ == errors.__name__]
    return sorted(own, key=lambda cls: cls.__name__)


def example(cls: type[OrlopError]) -> OrlopError:
    if issubclass(cls, errors.LaunchError):
        return cls("no", op="execute", op_index=3, errno=2, path="/x")
    return EXAMPLES.get(cls) or cls("it did not work", hint="try again")


def test_the_drawing_is_the_tree() -> None:
    drawn = tree()
    assert set(drawn) == set(defined())
    for cls, parent in drawn.items():
        assert parent is None or cls.__bases__[0] is parent


@pytest.mark.parametrize("cls", defined())
def test_every_error_is_documented_and_reads_well(cls: type[OrlopError]) -> None:
    assert cls.__doc__
    text = str(example(cls))
    assert text[0].islower() or text.startswith("--")
    assert not text.endswith(".")


@pytest.mark.parametrize("cls", defined())
def test_every_error_can_be_pickled(cls: type[OrlopError]) -> None:
    error = example(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_the_hint_comes_last() -> None:
    assert str(errors.Unavailable("no answer", hint="try later")) == "no answer (try later)"


def test_system_call_errors_are_os_errors() -> None:
    with pytest.raises(OSError, match="openat2 /x") as caught:
        raise errors.SyscallError("openat2", errno.ENOENT, "/x")
    assert caught.value.errno == errno.ENOENT
