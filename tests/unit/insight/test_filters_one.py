"""What filters do to one call, with its arguments."""

from __future__ import annotations

import errno
import platform

import pytest

from orlop.errors import NotFound, Unsupported
from orlop.insight.filters import FILTER, NONE, Action, FilterReading, action_for, docker_default
from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.seccomp_live import LiveFilter
from tests import bpf

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="orlop has numbers of these only"
)

EPERM = Action("errno", errno.EPERM)


@pytest.mark.parametrize(
    ("name", "arguments", "action"),
    [
        ("mkdirat", (), Action("allow")),
        ("mount", (), EPERM),
        ("socket", (2, 1, 0), Action("allow")),
        ("socket", (38, 5, 0), EPERM),
        ("socket", ((1 << 32) + 38,), EPERM),
        ("clone3", (), Action("errno", errno.ENOSYS)),
    ],
)
def test_dockers_default(name: str, arguments: tuple[int, ...], action: Action) -> None:
    found = action_for(docker_default(DOCKER_DEFAULT), name, arguments)
    assert found == action
    assert found.permits == (action.kind == "allow")


def test_without_filters_everything_is_permitted() -> None:
    assert action_for(FilterReading(NONE), "mount").permits


def test_what_a_filter_logs_is_permitted() -> None:
    assert Action("log").permits
    assert not Action("notify").permits


def test_a_call_that_does_not_exist() -> None:
    with pytest.raises(Unsupported):
        action_for(FilterReading(NONE), "no_such_call")


def test_an_answer_that_is_computed() -> None:
    rows = ((0x20, 0, 0, 16), (0x16, 0, 0, 0))  # the first argument is the answer
    with pytest.raises(Unsupported):
        action_for(FilterReading(FILTER, (LiveFilter(bpf.assemble(*rows)),)), "mount")


def test_the_problem_of_a_reading_is_raised() -> None:
    with pytest.raises(NotFound):
        action_for(FilterReading(FILTER, problem=NotFound("thread", "7")), "mount")
