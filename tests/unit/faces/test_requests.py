"""What verbs ask of an engine, as far as that can be seen without one."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.cli import exec_, logs_, update_
from orlop.faces.cli.creating import prepared
from orlop.faces.cli.moments import moment
from orlop.faces.cli.network import create_ as network_create
from orlop.faces.cli.output.formats import filters_of
from orlop.faces.cli.pairs import labels_of, pairs_of
from orlop.faces.cli.tag_ import split_name
from orlop.intent.flags import parse_run
from orlop.options import LIST, Option, Values, parse
from orlop.program import HELP, options_first


def given(module: ModuleType, *words: str) -> Values:
    options = (HELP, *module.OPTIONS)
    front = options_first(options, words, clusters=True)
    return parse(options, front, clusters=True)


class TestStreams:
    @pytest.mark.parametrize(
        ("words", "attach", "once"),
        [
            ("host", ("stdout", "stderr"), False),
            ("-i host", ("stdin", "stdout", "stderr"), True),
            ("-it host", ("stdin", "stdout", "stderr"), True),
            ("-d host", (), False),
            ("-di host", (), False),
            ("-a stdin -i host", ("stdin",), True),
            ("-a stderr -i host", ("stderr",), False),
        ],
    )
    def test_which_are_attached(self, words: str, attach: tuple[str, ...], once: bool) -> None:
        handling = prepared(parse_run(words.split())).handling
        assert (handling.attach, handling.stdin_once) == (attach, once)

    def test_keys_of_the_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        assert prepared(parse_run(["host"])).handling.detach_keys == "ctrl-p,ctrl-q"
        (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-x"}')
        assert prepared(parse_run(["host"])).handling.detach_keys == "ctrl-x"
        words = ["--detach-keys", "a", "host"]
        assert prepared(parse_run(words)).handling.detach_keys == "a"


def test_an_exec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWN", "k")
    (tmp_path / "env").write_text("# a comment\nA=file\nB=2\n")
    words = ["-i", "-u", "1:2", "-w", "/x", "-e", "A=1", "-e", "KNOWN", "-e", "UNKNOWN"]
    request = exec_.request_of(
        parse(
            exec_.OPTIONS,
            [*words, "--env-file", f"{tmp_path}/env", "web", "ls", "-l"],
            clusters=True,
        )
    )
    assert request["Cmd"] == ["ls", "-l"]
    assert request["Env"] == ["A=file", "B=2", "A=1", "KNOWN=k", "UNKNOWN"]
    assert (request["User"], request["WorkingDir"]) == ("1:2", "/x")
    assert request["AttachStdin"]
    assert request["AttachStdout"]
    assert not request["Tty"]


def test_an_update() -> None:
    values = given(update_, "--memory", "64m", "web", "--cpus=1.5", "--restart", "on-failure:3")
    assert update_.changes_of(values, ["memory", "cpus", "restart"]) == {
        "Memory": 64 << 20,
        "NanoCpus": 1_500_000_000,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    }


def test_logs() -> None:
    query = logs_.query_of(given(logs_, "-ft", "--tail", "5", "--since", "12.5", "web"))
    assert query["follow"]
    assert query["timestamps"]
    assert (query["tail"], query["since"], query["until"]) == ("5", "12.5", None)
    assert logs_.query_of(given(logs_, "-n", "-1", "web"))["tail"] == "all"
    with pytest.raises(InvalidArgument, match="--tail"):
        logs_.query_of(given(logs_, "--tail", "some", "web"))


class TestMoments:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", ""),
            ("1769860800", "1769860800"),
            ("1.5", "1.5"),
            ("1970-01-01T00:00:10Z", "10.000000000"),
            ("1970-01-01T00:00:10.25+00:00", "10.250000000"),
            ("1970-01-01T01:00:00+01:00", "0.000000000"),
        ],
    )
    def test_points(self, text: str, found: str) -> None:
        assert moment(text) == found

    @pytest.mark.parametrize(("text", "ago"), [("10m", 600), ("1h30m", 5400)])
    def test_so_long_ago(self, text: str, ago: int) -> None:
        assert abs(time.time() - ago - float(moment(text))) < 60

    @pytest.mark.parametrize("text", ["yesterday", "1.x", "12:00", "2026-13-01"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match="is no time"):
            moment(text)


class TestPairs:
    OPTIONS = tuple(Option((name,), LIST, "") for name in ("--label", "--filter", "--opt"))

    def test_forms(self) -> None:
        words = ["--label", "a", "--label", "b=c=d", "--opt", "x=", "--filter", "label!=q"]
        values = parse(self.OPTIONS, [*words, "--filter", "a=1", "--filter", "a=2"])
        assert labels_of(values) == {"a": "", "b": "c=d"}
        assert pairs_of(values, "opt") == {"x": ""}
        assert filters_of(values) == {"label!": ["q"], "a": ["1", "2"]}

    @pytest.mark.parametrize("text", ["a", "=b", " =b"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match="is not NAME=VALUE"):
            filters_of(parse(self.OPTIONS, ["--filter", text]))


@pytest.mark.parametrize(
    ("name", "repository", "tag"),
    [
        ("a", "a", ""),
        ("a:1", "a", "1"),
        ("host:5000/a", "host:5000/a", ""),
        ("host:5000/a:1", "host:5000/a", "1"),
    ],
)
def test_names_of_images(name: str, repository: str, tag: str) -> None:
    assert split_name(name) == {"repo": repository, "tag": tag}


class TestNetworks:
    def test_addresses_lie_in_their_subnets(self) -> None:
        values = given(
            network_create,
            *("--subnet", "10.1.0.0/24", "--subnet", "fd00::/64", "--gateway", "fd00::1"),
            *("--ip-range", "10.1.0.128/25", "--aux-address", "a=10.1.0.9", "net"),
        )
        assert network_create.addresses_of(values) == [
            {
                "Subnet": "10.1.0.0/24",
                "IPRange": "10.1.0.128/25",
                "AuxiliaryAddresses": {"a": "10.1.0.9"},
            },
            {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
        ]

    @pytest.mark.parametrize(
        "words",
        ["--gateway 10.1.0.1", "--subnet 10.1.0.0/24 --gateway 10.2.0.1", "--subnet x"],
    )
    def test_mistakes(self, words: str) -> None:
        with pytest.raises(InvalidArgument):
            network_create.addresses_of(given(network_create, *words.split(), "net"))
