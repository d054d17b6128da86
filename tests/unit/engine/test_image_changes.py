"""Dockerfile instructions of --change, as Docker understands them."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.engine.images import changes
from orlop.engine.images.words import expand, split
from orlop.errors import InvalidArgument
from orlop.image.config import HealthCheck, ImageConfig

BASE = ImageConfig(
    environment=("PATH=/bin", "A=1"), command=("old",), labels={"x": "y"}, directory="/srv"
)
S = 10**9


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('CMD ["a", "b c"]', {"command": ("a", "b c")}),
        ("cmd echo $HOME 'x'", {"command": ("/bin/sh", "-c", "echo $HOME 'x'")}),
        ("CMD [not, json]", {"command": ("/bin/sh", "-c", "[not, json]")}),
        ("CMD", {"command": ()}),
        ('ENTRYPOINT ["a"]', {"entrypoint": ("a",), "command": None}),
        ("ENV B=2", {"environment": ("PATH=/bin", "A=1", "B=2")}),
        ("ENV A=2 C='x y'", {"environment": ("PATH=/bin", "A=2", "C=x y")}),
        ("ENV B two words", {"environment": ("PATH=/bin", "A=1", "B=two words")}),
        ("ENV PATH=$PATH:/usr/bin", {"environment": ("PATH=/bin:/usr/bin", "A=1")}),
        ("ENV B=${A}0 C=${Z:-d} D=${A:+set}", {"environment": (
            "PATH=/bin", "A=1", "B=10", "C=d", "D=set")}),
        ("EXPOSE 80 53/udp 8000-8001", {"exposed_ports": (
            "53/udp", "80/tcp", "8000/tcp", "8001/tcp")}),
        ('LABEL a=b "c d"="e f"', {"labels": {"x": "y", "a": "b", "c d": "e f"}}),
        ("ONBUILD RUN true", {"on_build": ("RUN true",)}),
        ("USER nobody:nogroup", {"user": "nobody:nogroup"}),
        ("WORKDIR /a/../b", {"directory": "/b"}),
        ("WORKDIR sub", {"directory": "/srv/sub"}),
        ("VOLUME /b /a", {"volumes": ("/a", "/b")}),
        ('VOLUME ["/with space"]', {"volumes": ("/with space",)}),
        ("STOPSIGNAL SIGUSR1", {"stop_signal": "SIGUSR1"}),
        ("STOPSIGNAL 9", {"stop_signal": "9"}),
        ('SHELL ["/bin/bash", "-c"]', {"shell": ("/bin/bash", "-c")}),
        ("HEALTHCHECK NONE", {"health": HealthCheck(("NONE",))}),
        ("HEALTHCHECK CMD true | cat", {"health": HealthCheck(("CMD-SHELL", "true | cat"))}),
        (
            'HEALTHCHECK --interval=1m30s --timeout=2s --retries=3 CMD ["a", "b"]',
            {"health": HealthCheck(("CMD", "a", "b"), 90 * S, 2 * S, retries=3)},
        ),
    ],
)  # fmt: skip
def test_each_changes_its_part(change: str, expected: dict[str, Any]) -> None:
    assert changes.apply(BASE, [change]) == BASE.replace(**expected)


def test_a_shell_counts_for_what_follows() -> None:
    found = changes.apply(BASE, ['SHELL ["/bin/bash", "-c"]\nCMD top'])
    assert found.command == ("/bin/bash", "-c", "top")


def test_lines_are_continued_and_comments_left_out() -> None:
    found = changes.apply(BASE, ["# a comment\nENV B=1 \\\n  C=2\n\nUSER me"])
    assert found.environment[2:] == ("B=1", "C=2")
    assert found.user == "me"


@pytest.mark.parametrize(
    "change",
    [
        "RUN rm -rf /",
        "FROM debian",
        "ENV",
        "ENV =x",
        "ENV A=1 B",
        "LABEL a",
        "EXPOSE 0",
        "EXPOSE 70000",
        "EXPOSE 9-1",
        "EXPOSE http",
        "ONBUILD FROM x",
        "ONBUILD",
        "USER",
        "USER a b",
        "VOLUME",
        "VOLUME [\"\"]",
        "WORKDIR",
        "STOPSIGNAL HUH",
        "SHELL /bin/sh",
        "HEALTHCHECK",
        "HEALTHCHECK CMD",
        "HEALTHCHECK --often=1s CMD true",
        "HEALTHCHECK --interval=1 CMD true",
        "HEALTHCHECK --interval=1us CMD true",
        "HEALTHCHECK --retries=-1 CMD true",
        'ENV A="open',
        "ENV A=${B:?no}",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(change: str) -> None:
    with pytest.raises(InvalidArgument):
        changes.apply(BASE, [change])


@pytest.mark.parametrize(
    ("text", "words"),
    [("a  b", ["a", "b"]), ("a\\ b c", ["a\\ b", "c"]), ("'a b'c", ["'a b'c"]), ("", [])],
)
def test_words_are_split_outside_of_quotes(text: str, words: list[str]) -> None:
    assert split(text) == words


@pytest.mark.parametrize(
    ("text", "result"),
    [("'$A'", "$A"), ('"$A"', "1"), ("\\$A", "$A"), ("a$", "a$"), ('"a\\b\\""', 'a\\b"')],
)
def test_quotes_decide_about_variables(text: str, result: str) -> None:
    assert expand(text, {"A": "1"}) == result
