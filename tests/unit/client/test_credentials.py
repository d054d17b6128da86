"""Credentials in config.json, and in a helper that the test has made."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from orlop.client.credentials import DOCKER_HUB, NOBODY, Keeping, Login, header_of, name_of
from orlop.errors import InvalidArgument, Unavailable

ME = Login("me", "se:cret")
TOKEN = Login("", "", "t")

HELPER = """#!/bin/sh
store=$(dirname "$0")/store.json
case $1 in
store) cat >"$store" ;;
get) read name; [ -e "$store" ] || { echo "credentials not found in native keychain"; exit 1; }
     cat "$store" ;;
erase) rm -f "$store" ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    program = tmp_path / "bin/docker-credential-test"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return "test"


def written(directory: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((directory / "config.json").read_text())
    return document


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("", DOCKER_HUB),
        ("docker.io", DOCKER_HUB),
        ("https://index.docker.io/v1/", DOCKER_HUB),
        ("registry.example", "registry.example"),
        ("https://registry.example:5000/v2/", "registry.example:5000"),
    ],
)
def test_names_of_registries(registry: str, name: str) -> None:
    assert name_of(registry) == name


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    assert Keeping(str(directory)).keep("registry.example", ME) == f"{directory}/config.json"
    assert Keeping(str(directory)).login_of("https://registry.example/") == ME
    assert Keeping(str(directory)).login_of("other.example") == NOBODY
    file = directory / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_others_in_the_file_stay(tmp_path: Path) -> None:
    before = {"auths": {"a.example": {"auth": "eDp5"}}, "detachKeys": "ctrl-x", "more": [1]}
    (tmp_path / "config.json").write_text(json.dumps(before))
    Keeping(str(tmp_path)).keep("b.example", ME)
    assert written(tmp_path) == {
        **before,
        "auths": {
            "a.example": {"auth": "eDp5"},
            "b.example": {"auth": base64.b64encode(b"me:se:cret").decode()},
        },
    }
    assert Keeping(str(tmp_path)).forget("b.example")
    assert not Keeping(str(tmp_path)).forget("b.example")
    assert written(tmp_path) == before


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": "bWU6c2U6Y3JldA=="}, ME),
        ({"username": "me", "password": "se:cret"}, ME),
        ({"auth": "bWU6", "identitytoken": "t"}, TOKEN),
        ({"auth": "!!!"}, NOBODY),
        ({"auth": "bWU="}, NOBODY),
        ({}, NOBODY),
        ("x", NOBODY),
    ],
)
def test_forms_of_entries(tmp_path: Path, entry: object, login: Login) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"https://r.example/": entry}}))
    assert Keeping(str(tmp_path)).login_of("r.example") == login


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InvalidArgument, match=r"config\.json"):
        Keeping(str(tmp_path))


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_helper(tmp_path: Path, helper: str, key: str) -> None:
    setting = helper if key == "credsStore" else {"r.example": helper}
    (tmp_path / "config.json").write_text(json.dumps({key: setting}))
    keeping = Keeping(str(tmp_path))
    assert keeping.login_of("r.example") == NOBODY
    assert keeping.keep("r.example", ME) == "docker-credential-test"
    assert "cret" not in (tmp_path / "config.json").read_text()
    assert keeping.login_of("r.example") == ME
    keeping.keep("r.example", TOKEN)
    assert keeping.login_of("r.example") == TOKEN
    assert keeping.forget("r.example")
    assert keeping.login_of("r.example") == NOBODY


def test_a_helper_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "nowhere"}')
    with pytest.raises(Unavailable, match="docker-credential-nowhere"):
        Keeping(str(tmp_path)).login_of("r.example")


def test_the_header() -> None:
    def decoded(login: Login) -> object:
        text = header_of(login, "r.example")["X-Registry-Auth"]
        return json.loads(base64.urlsafe_b64decode(text))

    assert header_of(NOBODY, "r.example")["X-Registry-Auth"] == "e30="
    assert decoded(ME) == {"username": "me", "password": "se:cret", "serveraddress": "r.example"}
    assert decoded(TOKEN) == {"identitytoken": "t", "serveraddress": "r.example"}


def test_secrets_are_not_shown() -> None:
    assert "cret" not in repr(ME)
