"""docker-py, the library behind Compose 1, Ansible and most scripts."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import docker
import docker.errors
import docker.types
import pytest

from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    # docker-py leaves closing its sockets to the garbage collection.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def client(engine: Engine) -> Iterator[Any]:
    found = docker.DockerClient(base_url=engine.url)
    yield found
    found.close()


def start(client: Any, *command: str, **options: Any) -> Any:
    words = list(command) or ["probe", "wait"]
    return client.containers.run(IMAGE, words, detach=True, network_mode="none", **options)


def test_run(client: Any) -> None:
    out = client.containers.run(
        IMAGE,
        ["sh", "-c", "echo $A; echo err >&2"],
        environment={"A": "out"},
        remove=True,
        network_mode="none",
        stderr=True,
    )
    assert sorted(out.splitlines()) == [b"err", b"out"]


def test_run_that_fails(client: Any) -> None:
    with pytest.raises(docker.errors.ContainerError) as caught:
        client.containers.run(IMAGE, ["sh", "-c", "echo no >&2; exit 3"], network_mode="none")
    assert caught.value.exit_status == 3
    assert b"no" in caught.value.stderr


def test_what_is_missing(client: Any) -> None:
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("nobody")
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("nothing")
    with pytest.raises(docker.errors.ImageNotFound):
        client.api.create_container("nothing")
    with pytest.raises(docker.errors.APIError, match="executable file not found"):
        start(client, "no-such-program")


def test_life(client: Any) -> None:
    container = start(client, name="web", labels={"a": "b"}, mem_limit="64m")
    assert container.status == "created"
    container.reload()
    assert container.status == "running"
    assert container.attrs["HostConfig"]["Memory"] == 64 << 20
    assert [c.name for c in client.containers.list(filters={"label": ["a=b"]})] == ["web"]
    container.pause()
    container.unpause()
    container.rename("web2")
    container.update(mem_limit="128m", memswap_limit="256m")
    container.kill("SIGUSR1")
    container.restart(timeout=0)
    assert container.top()["Titles"][0] == "UID"
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.stop(timeout=0)
    container.remove(v=True)
    assert client.containers.list(all=True) == []


def test_exec(client: Any) -> None:
    container = start(client)
    code, (out, err) = container.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
    assert (code, out, err) == (0, b"out\n", b"err\n")
    code, out = container.exec_run("sh -c 'exit 7'", tty=True)
    assert code == 7
    _, pieces = container.exec_run("seq 3", stream=True)
    assert b"".join(pieces) == b"1\n2\n3\n"
    code, out = container.exec_run("pwd", workdir="/tmp", user="tester", environment=["A=1"])
    assert (code, out) == (0, b"/tmp\n")


@pytest.mark.parametrize("tty", [False, True])
def test_exec_over_its_socket(client: Any, tty: bool) -> None:
    """Nothing is lost, though docker-py reads the head of the answer through a buffer."""
    container = start(client)
    for _ in range(10):
        made = client.api.exec_create(container.id, ["echo", "hello"], tty=tty)
        out = client.api.exec_start(made["Id"], tty=tty)
        assert out == (b"hello\r\n" if tty else b"hello\n")
        assert client.api.exec_inspect(made["Id"])["ExitCode"] == 0


def test_exec_with_input(client: Any) -> None:
    container = start(client)
    made = client.api.exec_create(container.id, ["cat"], stdin=True, tty=True)
    stream = client.api.exec_start(made["Id"], tty=True, socket=True)
    stream._sock.sendall(b"typed\n\x04")
    received = b""
    while piece := stream._sock.recv(1000):
        received += piece
    assert received.endswith(b"typed\r\n")
    stream.close()


def test_attach(client: Any) -> None:
    container = client.containers.create(IMAGE, ["cat"], stdin_open=True, network_mode="none")
    stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    stream._sock.sendall(b"typed\n")
    assert stream._sock.recv(100) == b"\x01\0\0\0\0\0\0\x06typed\n"
    stream.close()
    container.remove(force=True)


def test_logs(client: Any) -> None:
    container = start(client, "sh", "-c", "echo out; echo err >&2")
    container.wait()
    assert sorted(container.logs().splitlines()) == [b"err", b"out"]
    assert container.logs(stderr=False) == b"out\n"
    assert container.logs(stdout=False) == b"err\n"
    assert b"".join(container.logs(stream=True, follow=True, stderr=False)) == b"out\n"
    assert container.logs(stderr=False, timestamps=True).endswith(b"Z out\n")
    assert len(container.logs(tail=1).splitlines()) == 1


def test_stats(client: Any) -> None:
    container = start(client)
    once = container.stats(stream=False)
    assert once["pids_stats"]["current"] == 1
    assert once["precpu_stats"]["cpu_usage"]
    stream = container.stats(decode=True)
    assert next(stream)["id"] == container.id
    stream.close()


def test_archives(client: Any) -> None:
    container = start(client)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = 7
        archive.addfile(entry, io.BytesIO(b"content"))
    assert container.put_archive("/tmp", data.getvalue())
    pieces, stat = container.get_archive("/tmp/file")
    assert (stat["name"], stat["size"]) == ("file", 7)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        inner = archive.extractfile("file")
        assert inner is not None
        assert inner.read() == b"content"
    assert {"Path": "/tmp/file", "Kind": 1} in container.diff()


def test_events(client: Any) -> None:
    events = client.events(decode=True, filters={"type": "container"})
    made = client.containers.create(IMAGE, "true", network_mode="none")
    first = next(iter(events))
    assert (first["status"], first["id"]) == ("create", made.id)
    events.close()


def test_images_volumes_networks(client: Any) -> None:
    image = client.images.get(IMAGE)
    assert image.tag("mine", "1")
    assert "mine:1" in client.images.get(IMAGE).tags
    assert image.history()
    archive = b"".join(client.images.get("mine:1").save(named=True))
    client.images.remove("mine:1")
    (loaded,) = client.images.load(archive)
    assert "mine:1" in loaded.tags
    client.images.remove("mine:1")
    volume = client.volumes.create("v2", labels={"a": "b"})
    assert [v.name for v in client.volumes.list(filters={"label": "a"})] == ["v2"]
    mount = docker.types.Mount("/data", "v2")
    client.containers.run(IMAGE, "touch /data/x", mounts=[mount], remove=True, network_mode="none")
    volume.remove()
    assert {n.name for n in client.networks.list()} == {"bridge", "host", "none"}


def test_commit_and_export(client: Any) -> None:
    container = start(client)
    container.exec_run("touch /new")
    image = container.commit("mine", "2", message="why", conf={"Cmd": ["ls", "/new"]})
    assert client.containers.run("mine:2", remove=True, network_mode="none") == b"/new\n"
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
        assert "new" in archive.getnames()
    container.remove(force=True)
    client.images.remove(image.id, force=True)


def test_system(client: Any) -> None:
    assert client.ping() is True
    assert client.version()["ApiVersion"] == "1.47"
    assert client.info()["Driver"] == "overlay2"
    assert {"Images", "Containers", "Volumes", "BuildCache"} <= set(client.df())
    assert client.containers.prune()["SpaceReclaimed"] == 0
    for kind in (client.images, client.networks, client.volumes):
        kind.prune()


def test_many_at_once(client: Any) -> None:
    running = [start(client, "sh", "-c", f"exit {n}") for n in range(5)]
    assert [c.wait()["StatusCode"] for c in running] == [0, 1, 2, 3, 4]


def test_health(client: Any) -> None:
    check = {"test": ["CMD", "test", "-e", "/well"], "interval": 50_000_000, "retries": 2}
    container = start(client, healthcheck=check)

    def status() -> str:
        container.reload()
        return str(container.attrs["State"]["Health"]["Status"])

    eventually(lambda: status() == "unhealthy", "the check to fail")
    container.exec_run("touch /well")
    eventually(lambda: status() == "healthy", "the check to succeed")
