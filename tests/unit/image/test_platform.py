"""Platforms: their names, and what runs where."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.image import platform
from orlop.image.platform import Platform, normal, parse


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("Linux/AArch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm/7", "linux/arm/v7"),
        ("armhf", "linux/arm/v7"),
        ("s390x", "linux/s390x"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_names(text: str, shown: str) -> None:
    assert str(parse(text)) == shown


def test_an_os_alone_is_of_the_hosts_architecture() -> None:
    assert parse("linux") == platform.host()


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d", "li nux/amd64", "linux/../x"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(text)


def test_the_best_that_runs_is_chosen() -> None:
    offers = [
        normal("linux", "amd64"),
        normal("linux", "arm", "v6"),
        normal("linux", "arm", "v7"),
        normal("linux", "arm64", "v8"),
        normal("windows", "amd64"),
    ]
    assert platform.best(offers, normal("linux", "arm64")) == 3
    assert platform.best(offers[:3], normal("linux", "arm64")) == 2
    assert platform.best(offers, normal("linux", "arm", "v6")) == 1
    assert platform.best(offers, normal("linux", "arm", "v5")) is None
    assert platform.best(offers, normal("linux", "amd64", "v3")) == 0
    assert platform.best(offers, normal("linux", "s390x")) is None


def test_what_says_nothing_of_itself_is_the_last_choice() -> None:
    wanted = Platform()
    assert platform.best([None, wanted], wanted) == 1
    assert platform.best([None], wanted) == 0


def test_level_3_does_not_run_on_level_2() -> None:
    assert not platform.matches(normal("linux", "amd64", "v3"), normal("linux", "amd64", "v2"))
    assert platform.matches(normal("linux", "amd64", "v2"), normal("linux", "amd64", "v3"))
    assert platform.matches(normal("linux", "386"), normal("linux", "amd64"))
