from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.api.signals import number_of


@pytest.mark.parametrize("text", ["9", "KILL", "SIGKILL", " sigkill "])
def test_signals(text: str) -> None:
    assert number_of(text) == 9


def test_nothing_is_the_default() -> None:
    assert number_of(" ", 15) == 15


@pytest.mark.parametrize("text", ["0", "99", "FOO", "-1"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid signal"):
        number_of(text)
