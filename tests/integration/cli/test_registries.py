"""Images from a registry that asks who somebody is, and to it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.peers import Orlop
from tests.integration.support.images import IMAGE
from tests.integration.support.registry import PASSWORD, USER, Registry, running_registry

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_docker,
    pytest.mark.requires_registry,
]


@pytest.fixture(scope="session")
def registry(session_directory: Path) -> Iterator[Registry]:
    with running_registry(session_directory / "cli-registry", htpasswd=True) as registry:
        yield registry


@pytest.fixture
def mine(orlop: Orlop, registry: Registry) -> Iterator[str]:
    """A name in the registry; nobody is logged in before and after."""
    name = f"{registry.address}/mine:1"
    orlop("tag", IMAGE, name).ok()
    yield name
    orlop("logout", registry.address).ok()
    orlop("rmi", "-f", name)


def log_in(orlop: Orlop, registry: Registry) -> None:
    words = ("login", "-u", USER, "--password-stdin", registry.address)
    assert orlop(*words, stdin=f"{PASSWORD}\n").ok().out == "Login Succeeded\n"


def test_there_and_back(orlop: Orlop, registry: Registry, mine: str) -> None:
    assert orlop("push", mine).status == 1  # nobody has said who he is
    log_in(orlop, registry)
    assert "digest: sha256:" in orlop("push", mine).ok().out
    assert orlop("push", "-q", mine).ok().out == f"{mine}\n"
    orlop("rmi", mine).ok()
    done = orlop("pull", mine).ok()
    assert done.lines()[-1] == mine
    assert any(line.startswith("Digest: sha256:") for line in done.lines())
    assert orlop("pull", "-q", mine).ok().out == f"{mine}\n"
    messages = [json.loads(line) for line in orlop("pull", "--json", mine).ok().lines()]
    assert all("status" in message for message in messages)


def test_a_run_pulls(orlop: Orlop, registry: Registry, mine: str) -> None:
    log_in(orlop, registry)
    orlop("push", "-q", mine).ok()
    orlop("rmi", mine).ok()
    done = orlop("run", "--rm", "--network", "none", mine, "echo", "hello").ok()
    assert done.out == "hello\n"  # how the pull went is on standard error
    assert "Digest" in done.err
    orlop("rmi", mine).ok()
    done = orlop("run", "--rm", "--network", "none", "-q", mine, "echo", "hello").ok()
    assert done.err == ""


def test_where_credentials_are(orlop: Orlop, registry: Registry, mine: str) -> None:
    log_in(orlop, registry)
    file = Path(orlop.environment["DOCKER_CONFIG"]) / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert registry.address in json.loads(file.read_text())["auths"]
    assert orlop.docker("push", "-q", mine).status == 0  # docker's command reads them too
    assert orlop("login", registry.address).ok().out == "Login Succeeded\n"
    assert orlop("logout", registry.address).ok().out == f"logged out of {registry.address}\n"
    assert json.loads(file.read_text())["auths"] == {}


def test_wrong_ones_are_not_kept(orlop: Orlop, registry: Registry, mine: str) -> None:
    words = ("login", "-u", USER, "--password-stdin", registry.address)
    assert orlop(*words, stdin="wrong").refused().status == 1
    file = Path(orlop.environment["DOCKER_CONFIG"]) / "config.json"
    assert not file.exists() or registry.address not in file.read_text()
    assert orlop(*words, stdin="").refused("password").status == 1
    assert orlop("login", registry.address).refused("--password-stdin").status == 1


def test_what_is_not_there(orlop: Orlop, registry: Registry, mine: str) -> None:
    log_in(orlop, registry)
    assert orlop("pull", f"{registry.address}/none:1").refused("none").status == 1
    assert orlop("push", f"{registry.address}/other:1").refused().status == 1
    assert orlop("pull", "UPPER CASE").refused().status == 1
    done = orlop("run", "--rm", f"{registry.address}/none:1")
    assert done.status == 125
