"""A daemon's flags and file: one configuration, or a mistake that is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.cli import daemon_
from orlop.faces.daemon.configuration import Configuration, configure, reloaded
from orlop.faces.daemon.directives import DIRECTIVES
from orlop.intent.request import Ulimit
from orlop.options import parse


def configured(*words: str) -> Configuration:
    return configure(parse(daemon_.OPTIONS, words))


def with_file(directory: Path, document: Any, *words: str) -> Configuration:
    path = directory / "daemon.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return configured("--config-file", str(path), *words)


@pytest.fixture(autouse=True)
def no_file_of_the_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("orlop.faces.daemon.configuration.DEFAULT_FILE", str(tmp_path / "none"))


def test_sockets_and_pidfile_follow_the_roots() -> None:
    found = configured("--data-root", "/a", "--exec-root=/b")
    assert (found.settings.data_root, found.settings.exec_root) == ("/a", "/b")
    assert found.hosts == ("unix:///b/orlop.sock",)
    assert found.pidfile == "/b/orlop.pid"


def test_flags() -> None:
    found = configured(
        *("-H", "unix:///a.sock", "--host", "fd://", "-D", "--log-level", "warn", "-p", "/p"),
        *("--label", "a=1", "--label", "b", "--log-opt", "max-size=1m", "--log-driver", "local"),
        *("--default-ulimit", "nofile=10:20", "--default-shm-size", "1m", "--init"),
        *("--registry-mirror", "http://m", "--insecure-registry", "r:5000"),
        *("--keep-images", "720h", "--keep-images-size", "10g", "--registry-certificates", "/c"),
        *("--max-concurrent-downloads", "7", "--shutdown-timeout", "-1", "--cgroup-parent", "/x"),
    )
    settings = found.settings
    assert found.hosts == ("unix:///a.sock", "fd://")
    assert (found.debug, found.pidfile, found.shutdown_timeout_s) == (True, "/p", -1)
    assert settings.labels == (("a", "1"), ("b", ""))
    assert (settings.log_driver, settings.log_options) == ("local", (("max-size", "1m"),))
    assert settings.ulimits == (Ulimit("RLIMIT_NOFILE", 10, 20),)
    assert (settings.shm_bytes, settings.init, settings.log_level) == (1 << 20, True, "warn")
    assert settings.registry_mirrors == ("http://m",)
    assert settings.insecure_registries == ("r:5000",)
    assert (settings.keep_images_s, settings.keep_images_bytes) == (30 * 86_400, 10 << 30)
    assert settings.registry_certificates == ("/c",)
    assert (settings.max_downloads, settings.cgroup_parent) == (7, "/x")


def test_the_same_in_a_file(tmp_path: Path) -> None:
    document = {
        "data-root": "/a",
        "hosts": ["unix:///a.sock"],
        "debug": True,
        "labels": ["a=1"],
        "log-opts": {"max-size": "1m", "max-file": "2"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 20, "Soft": 10}},
        "max-concurrent-uploads": 2,
        "shutdown-timeout": 3,
    }
    found = with_file(tmp_path, document, "--exec-root", "/b")
    assert found.hosts == ("unix:///a.sock",)
    assert (found.settings.data_root, found.settings.exec_root, found.debug) == ("/a", "/b", True)
    assert found.settings.log_options == (("max-size", "1m"), ("max-file", "2"))
    assert found.settings.ulimits == (Ulimit("RLIMIT_NOFILE", 10, 20),)
    assert (found.settings.max_uploads, found.shutdown_timeout_s) == (2, 3)


@pytest.mark.parametrize("text", ["", "{}", " \n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    assert with_file(tmp_path, text).debug is False


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"iptables": False, "bip": ""}, "not known: bip, iptables"),
        ({"debug": "yes"}, "debug: 'yes' is not a truth value"),
        ({"hosts": "unix:///x"}, "hosts: 'unix:///x' is not a list"),
        ({"hosts": [1]}, "hosts: 1 is not a text"),
        ({"hosts": ["tcp://0.0.0.0:2375"]}, "neither unix:///ABSOLUTE/PATH nor fd://"),
        ({"log-level": "loud"}, "log-level: 'loud' is not one of"),
        ({"max-concurrent-downloads": 0}, "max-concurrent-downloads: '0'"),
        ({"shutdown-timeout": 1.5}, "shutdown-timeout: 1.5 is not a whole number"),
        ({"default-ulimits": {"files": {"Soft": 1, "Hard": 1}}}, "unknown limit 'files'"),
        ("{", "daemon.json"),
        ("[]", "not a JSON object"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        with_file(tmp_path, document)
    assert words in str(caught.value)
    assert "daemon.json" in str(caught.value)


def test_flag_and_file_must_not_meet(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"data-root \(flag: /a, file: /b\)"):
        with_file(tmp_path, {"data-root": "/b"}, "--data-root", "/a")


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(InvalidArgument, match="/nowhere does not exist"):
        configured("--config-file", "/nowhere")


@pytest.mark.parametrize(
    "words",
    [
        ("-H", "tcp://127.0.0.1:2375"),
        ("-H", "unix://relative"),
        ("--data-root", "/x", "--exec-root", "/x"),
        ("--max-concurrent-downloads", "x"),
        ("--bip", "1.2.3.4/8"),
    ],
)
def test_mistakes_on_the_command_line(words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument):
        configured(*words)


def test_reload_changes_what_can_change(tmp_path: Path) -> None:
    before = with_file(tmp_path, {"labels": ["a=1"], "data-root": "/a"})
    text = json.dumps({"labels": ["a=2"], "data-root": "/b", "debug": True, "log-level": "error"})
    (tmp_path / "daemon.json").write_text(text)
    after = reloaded(before)
    assert after.settings.labels == (("a", "2"),)
    assert (after.settings.data_root, after.debug) == ("/a", True)
    assert after.settings.log_level == "error"


def test_reload_of_a_file_with_a_mistake(tmp_path: Path) -> None:
    before = with_file(tmp_path, {})
    (tmp_path / "daemon.json").write_text('{"debug": 1}')
    with pytest.raises(InvalidArgument):
        reloaded(before)


def test_every_directive_sets_a_field() -> None:
    known = {*Configuration.__record_fields__, *configured().settings.__record_fields__}
    assert {directive.field for directive in DIRECTIVES} <= known
