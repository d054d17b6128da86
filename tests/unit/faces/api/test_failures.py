"""Every error has a status, and the words that clients search for."""

from __future__ import annotations

import errno

import pytest

from orlop import errors
from orlop.errors import OrlopError
from orlop.faces.api import failures
from tests.unit.test_errors import defined, example

# What the docker CLI searches a start's message for (docker/cli cli/command/container/run.go).
MEANS_127 = (
    "executable file not found",
    "no such file or directory",
    "system cannot find the file",
)
MEANS_126 = ("permission denied", "is a directory")


@pytest.mark.parametrize("kind", defined())
def test_every_error_has_a_status(kind: type[OrlopError]) -> None:
    assert kind in failures.STATUS or kind.__mro__[1] in failures.STATUS
    status = failures.status_of(example(kind))
    assert 400 <= status <= 503
    assert failures.message_of(example(kind))


@pytest.mark.parametrize("kind", defined())
def test_only_the_two_classes_say_what_the_cli_looks_for(kind: type[OrlopError]) -> None:
    text = failures.message_of(example(kind))
    code = 127 if any(word in text for word in MEANS_127) else 0
    code = code or (126 if any(word in text for word in MEANS_126) else 125)
    wanted: dict[type[OrlopError], int] = {
        errors.CommandNotFound: 127,
        errors.CommandNotExecutable: 126,
    }
    assert code == wanted.get(kind, 125)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EISDIR, errno.ENOEXEC, errno.ENOTDIR, 0])
def test_whatever_cannot_be_executed_ends_with_126(number: int) -> None:
    error = errors.CommandNotExecutable("no", op="execute", op_index=1, errno=number, path="/x")
    text = failures.message_of(error)
    assert "permission denied" in text
    assert not any(word in text for word in MEANS_127)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.NotFound("container", "web"), "No such container: web"),
        (errors.NotFound("image", "a:1"), "No such image: a:1"),
        (errors.NotFound("volume", "v"), "get v: no such volume"),
        (errors.NotFound("network", "n"), "network n not found"),
        (
            errors.NotFound("device", "/dev/x", hint="see ls"),
            "device '/dev/x' does not exist (see ls)",
        ),
        (errors.NotFound("image", "a", hint="pull it"), "No such image: a (pull it)"),
    ],
)
def test_what_is_missing(error: OrlopError, text: str) -> None:
    assert failures.message_of(error) == text
    assert failures.status_of(error) == 404


def test_a_name_that_is_taken() -> None:
    error = errors.AlreadyExists("container", "web")
    assert failures.message_of(error).startswith('Conflict. The container name "/web" is already')
    assert failures.status_of(error) == 409


def test_exit_codes() -> None:
    where = {"op": "execute", "op_index": 1, "errno": 2}
    assert failures.exit_code_of(errors.CommandNotFound("x", **where)) == 127  # type: ignore[arg-type]
    assert failures.exit_code_of(errors.CommandNotExecutable("x", **where)) == 126  # type: ignore[arg-type]
    assert failures.exit_code_of(errors.LaunchError("x", **where)) == 128  # type: ignore[arg-type]
