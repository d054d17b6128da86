"""Registries through the API: pull, push, login, and what a registry says of an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE
from tests.integration.support.registry import Registry, running_registry
from tests.preconditions import need

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_docker,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def registry(session_directory: Path) -> Iterator[Registry]:
    """A registry that wants a name and a password."""
    need("registry")
    with running_registry(session_directory / "api-registry", htpasswd=True) as registry:
        yield registry


@pytest.fixture
def name(engine: Engine, registry: Registry) -> Iterator[str]:
    """The name of the image in the registry."""
    ref = f"{registry.address}/tool:1"
    engine.docker("tag", IMAGE, ref).ok()
    yield ref
    engine.docker("rmi", ref)
    engine.docker("logout", registry.address)


def login(engine: Engine, registry: Registry) -> None:
    words = ("login", "-u", registry.username, "--password-stdin", registry.address)
    out = engine.docker(*words, stdin=registry.password).ok().out
    assert "Login Succeeded" in out


def test_push_and_pull(engine: Engine, registry: Registry, name: str) -> None:
    login(engine, registry)
    out = engine.docker("push", name).ok().out
    assert "1: digest: sha256:" in out
    engine.docker("rmi", name).ok()
    out = engine.docker("pull", name).ok().out
    assert "Digest: sha256:" in out
    assert f"Status: Downloaded newer image for {name}" in out
    assert engine.docker("pull", name).ok().out.splitlines()[-1] == name
    (found,) = engine.docker("image", "inspect", name).ok().json()
    assert any(text.startswith(f"{registry.address}/tool@sha256:") for text in found["RepoDigests"])


def test_run_pulls_what_is_missing(engine: Engine, registry: Registry, name: str) -> None:
    login(engine, registry)
    engine.docker("push", "-q", name).ok()
    engine.docker("rmi", name).ok()
    result = engine.docker("run", "--rm", "--network", "none", name, "echo", "hello").ok()
    assert result.out == "hello\n"
    assert "Unable to find image" in result.err


def test_without_rights(engine: Engine, registry: Registry, name: str) -> None:
    engine.docker("push", name).refused()
    engine.docker("pull", f"{registry.address}/other").refused("pull access denied for")
    words = ("login", "-u", registry.username, "--password-stdin", registry.address)
    engine.docker(*words, stdin="wrong").refused("does not accept")


def test_what_is_not_there_is_an_error_at_once(engine: Engine, registry: Registry) -> None:
    client = docker.APIClient(base_url=engine.url)
    auth = {"username": registry.username, "password": registry.password}
    with pytest.raises(docker.errors.APIError):
        list(client.pull(f"{registry.address}/nothing", tag="1", stream=True, decode=True))
    with pytest.raises(docker.errors.APIError) as caught:
        client.pull(f"{registry.address}/nothing", tag="1", auth_config=auth)
    assert caught.value.response.status_code == 404
    client.close()


def test_progress_and_distribution(engine: Engine, registry: Registry, name: str) -> None:
    client: Any = docker.APIClient(base_url=engine.url)
    auth = {"username": registry.username, "password": registry.password}
    lines = list(client.push(name, auth_config=auth, stream=True, decode=True))
    assert all("error" not in line for line in lines)
    aux = next(line["aux"] for line in lines if "aux" in line)
    assert (aux["Tag"], aux["Digest"][:7]) == ("1", "sha256:")
    offer = client.inspect_distribution(name, auth_config=auth)
    assert offer["Descriptor"]["digest"] == aux["Digest"]
    assert offer["Platforms"][0]["os"] == "linux"
    client.remove_image(name)
    lines = list(client.pull(name, auth_config=auth, stream=True, decode=True))
    assert lines[0]["status"].startswith("Pulling from")
    assert {"id", "progressDetail"} <= {key for line in lines for key in line}
    assert json.dumps(lines)
    client.close()
