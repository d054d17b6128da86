"""Log drivers and options are Docker's, and bounded where nobody says anything."""

from __future__ import annotations

import pytest

from orlop.engine.container import Container, ResolvedImage
from orlop.engine.logs.options import LogChoice, attributes, choose
from orlop.errors import InvalidArgument
from orlop.intent.request import Handling, Log, Pairs, Request

MB = 1000**2
DEFAULT = Log("json-file")


@pytest.mark.parametrize(
    ("log", "default", "choice"),
    [
        (Log(), DEFAULT, LogChoice("json-file", 10 * MB, 3)),
        (Log(), Log(), LogChoice("json-file", 10 * MB, 3)),
        (Log("local"), DEFAULT, LogChoice("local", 20 * MB, 5)),
        (Log("none"), DEFAULT, LogChoice("none")),
        (Log("", (("max-size", "1k"),)), DEFAULT, LogChoice("json-file", 1000, 1)),
        (Log("local", (("max-size", "1k"),)), DEFAULT, LogChoice("local", 1000, 5)),
        (Log("", (("max-file", "7"),)), DEFAULT, LogChoice("json-file", 10 * MB, 7)),
        (Log("", (("max-size", "-1"),)), DEFAULT, LogChoice("json-file", 0, 1)),
        (Log("", (("max-size", "1.5MB"),)), DEFAULT, LogChoice("json-file", 1500000, 1)),
        (Log("", (("max-size", "2 G"),)), DEFAULT, LogChoice("json-file", 2000 * MB, 1)),
        (Log(), Log("local", (("max-file", "2"),)), LogChoice("local", 20 * MB, 2)),
        # The engine's options are those of its driver.
        (Log("json-file"), Log("local", (("max-file", "2"),)), LogChoice("json-file", 10 * MB, 3)),
        (
            Log("json-file", (("max-file", "4"),)),
            Log("json-file", (("max-size", "5m"), ("max-file", "2"))),
            LogChoice("json-file", 5 * MB, 4),
        ),
        (
            Log("none", (("mode", "non-blocking"), ("max-buffer-size", "4m"))),
            DEFAULT,
            LogChoice("none"),
        ),
    ],
)
def test_driver_and_options_give_what_is_kept(log: Log, default: Log, choice: LogChoice) -> None:
    assert choose(log, default) == choice


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("syslog", ()),
        ("json-file", (("colour", "red"),)),
        ("none", (("max-size", "1m"),)),
        ("json-file", (("max-size", "0"),)),
        ("json-file", (("max-size", "much"),)),
        ("json-file", (("max-size", ""),)),
        ("json-file", (("max-file", "0"),)),
        ("json-file", (("max-file", "two"),)),
        ("json-file", (("compress", "maybe"),)),
        ("json-file", (("mode", "fast"),)),
        ("json-file", (("max-buffer-size", "1m"),)),
        ("json-file", (("labels-regex", "("),)),
        ("json-file", (("tag", "{{.Nothing}}"),)),
    ],
)
def test_what_is_wrong_is_refused(driver: str, options: Pairs) -> None:
    with pytest.raises(InvalidArgument):
        choose(Log(driver, options), DEFAULT)


def test_details_are_the_labels_and_variables_that_were_chosen() -> None:
    options = (("labels", "team,no"), ("env-regex", "^LC_"), ("tag", "{{.Name}}/{{ .ID }}"))
    request = Request(
        labels=(("team", "red"), ("other", "x")),
        environment=(("LC_ALL", "C"), ("PATH", "/bin"), ("LC_TIME", None)),
        handling=Handling(log=Log("json-file", options)),
    )
    container = Container("a" * 64, "web", 1, request, ResolvedImage("debian", "sha256:1"))
    assert attributes(container, DEFAULT) == (
        ("LC_ALL", "C"),
        ("tag", "web/aaaaaaaaaaaa"),
        ("team", "red"),
    )


def test_details_are_also_what_the_engine_asks_of_all_containers() -> None:
    request = Request(labels=(("team", "red"),))
    container = Container("a" * 64, "web", 1, request, ResolvedImage("debian", "sha256:1"))
    assert attributes(container, Log("", (("labels", "team"),))) == (("team", "red"),)
    assert attributes(container, Log("local", ())) == ()
