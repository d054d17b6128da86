"""The tables of orlop reach."""

from __future__ import annotations

import io
from typing import Any

import pytest

from orlop.faces.cli import reach_
from orlop.faces.cli.screen import Screen

OWN = "orlop"


def rule(text: str, handle: int = 7, table: str = "fw", comment: str = "") -> dict[str, Any]:
    place = {"Family": "inet", "Table": table, "Chain": "in", "Handle": handle}
    return {**place, "Verdict": "accept", "Comment": comment, "Text": text, "Copy": ""}


def outcome(reaches: str, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"Sources": [], "Rule": None, "DependsOn": [], "Reason": "", "Hint": ""}
    return {"Reaches": reaches, **empty, **more}


def way(origin: str, address: str, reaches: str, *outcomes: dict[str, Any]) -> dict[str, Any]:
    where = {"From": origin, "Name": "eth0", "Address": address, "Port": 80}
    return {**where, "Reaches": reaches, "Outcomes": list(outcomes)}


def shown(monkeypatch: pytest.MonkeyPatch, *ways: dict[str, Any], **more: Any) -> list[str]:
    port = {"Port": 80, "Protocol": "tcp", "Published": [], "Listens": [], "Hint": "", **more}
    found = {"Table": OWN, "Ports": [{**port, "Ways": ways}], "Notes": ["a note"]}
    asked: list[object] = []

    class Client:
        def get(self, *words: object) -> object:
            asked.append(words)
            return found

    monkeypatch.setattr(reach_, "Client", Client)
    stream = io.StringIO()
    assert reach_.run(_Values(["web:80"]), Screen(stream)) == 0  # type: ignore[arg-type]
    assert asked == [("/containers/web/reach", {"port": "80/tcp"})]
    return stream.getvalue().splitlines()


class _Values:
    def __init__(self, words: list[str]) -> None:
        self.words = words


def test_ways_with_the_same_outcome_are_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    told = outcome("yes", Rule=rule("", table=OWN, comment="published ports"))
    lines = shown(monkeypatch, way("lan", "10.0.0.1", "yes", told), way("lan", "::2", "yes", told))
    assert [part.strip() for part in lines[2].split("  ") if part] == [
        "neighbours at eth0",
        "10.0.0.1:80, [::2]:80",
        "yes",
        "inet orlop in: published ports",
    ]
    assert lines[3:] == ["a note"]


def test_each_source_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    some = outcome("yes", Sources=["10.0.0.0/28"], Rule=rule("accept"))
    rest = outcome("no", Sources=["10.0.0.16/28", "10.0.0.32/27"], Rule=rule("policy drop", 0))
    lines = shown(monkeypatch, way("internet", "10.0.0.1", "partly", rest, some))
    assert [line.split() for line in lines[2:5]] == [
        ["others,", "by", "eth0", "10.0.0.1:80", "partly"],
        ["10.0.0.0/28", "yes", "inet", "fw", "in", "handle", "7:", "accept"],
        ["all", "others", "no", "inet", "fw", "in:", "policy", "drop"],
    ]


def test_reasons_and_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = outcome("depends", DependsOn=[rule("limit"), rule("meta cpu 0", 8)])
    lines = shown(
        monkeypatch,
        way("host", "127.0.0.1", "no", outcome("no", Reason="it sleeps")),
        way("network", "10.0.0.2", "depends", doubt),
        way("network", "10.0.0.3", "yes", outcome("yes")),
        Published=[{"HostIp": "", "HostPort": 8080}],
        Listens=["::"],
        Hint="to close it: x",
    )
    assert lines[0] == "80/tcp, published at *:8080, listens at ::"
    assert lines[2].endswith("it sleeps")
    assert lines[3].endswith(
        "depends on inet fw in handle 7: limit; inet fw in handle 8: meta cpu 0"
    )
    assert lines[4].endswith("no rule refuses it")
    assert lines[5] == "  to close it: x"
