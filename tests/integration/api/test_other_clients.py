"""Clients that people have: Compose, Testcontainers, python-on-whales, aiodocker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiodocker
import pytest
import python_on_whales
from python_on_whales.exceptions import DockerException, NoSuchContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import wait_for_logs

from tests.integration.support.deadlines import PATIENCE_S
from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE
from tests.integration.support.runtimes import Result, execute
from tests.preconditions import need

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.requires_nftables
class TestCompose:
    """docker-compose 1.29."""

    PROJECT = """
version: "3.8"
services:
  web:
    image: orlop-test
    ports: ["127.0.0.1::80"]
    command: ["sh", "-c", "echo web says $$NAME; cat /data/kept; exec probe wait"]
    environment: {NAME: hello}
    volumes: ["data:/data", "./conf:/conf:ro"]
    depends_on: [db]
    labels: {tier: front}
  db:
    image: orlop-test
    command: ["sh", "-c", "echo db > /data/kept; exec probe wait"]
    volumes: ["data:/data"]
    networks: [default, back]
    healthcheck: {test: ["CMD", "test", "-e", "/data/kept"], interval: 1s}
volumes:
  data: {}
networks:
  back: {ipam: {config: [{subnet: 10.88.0.0/24}]}}
"""

    @pytest.fixture
    def project(self, engine: Engine, workspace: Path) -> Iterator[Path]:
        need("compose")
        (workspace / "conf").mkdir()
        (workspace / "docker-compose.yml").write_text(self.PROJECT)
        yield workspace
        self.compose(engine, workspace, "down", "-v", "-t", "0").ok()

    @staticmethod
    def compose(engine: Engine, project: Path, *words: str) -> Result:
        return execute(
            ["docker-compose", "-p", "mine", *words], env=engine.environment, cwd=project
        )

    def test_up_and_down(self, engine: Engine, project: Path) -> None:
        self.compose(engine, project, "up", "-d").ok()
        names = ("ps", "--format", "{{.Names}}", "-f", "label=com.docker.compose.project=mine")
        assert sorted(engine.docker(*names).ok().lines()) == ["mine_db_1", "mine_web_1"]
        listed = self.compose(engine, project, "ps").ok().out
        assert "mine_web_1" in listed
        logs = self.compose(engine, project, "logs", "--no-color", "web").ok().out
        assert "web says hello" in logs
        executed = self.compose(engine, project, "exec", "-T", "web", "cat", "/data/kept").ok()
        assert executed.out == "db\n"
        ran = self.compose(engine, project, "run", "--rm", "-T", "web", "echo", "once").ok()
        assert "once" in ran.out
        reached = ("exec", "-T", "web", "busybox", "ping", "-c1", "-W5", "db")
        self.compose(engine, project, *reached).ok()
        assert self.compose(engine, project, "port", "web", "80").ok().out.startswith("127.0.0.1:")
        self.compose(engine, project, "up", "-d", "--scale", "db=2").ok()  # one more is to be done
        self.compose(engine, project, "stop", "-t", "0", "web").ok()
        self.compose(engine, project, "start", "web").ok()
        self.compose(engine, project, "restart", "-t", "0", "db").ok()
        self.compose(engine, project, "kill").ok()
        self.compose(engine, project, "down", "-v", "-t", "0").ok()
        assert engine.docker("ps", "-aq").ok().out == ""
        assert engine.docker("volume", "ls", "-q").ok().out == ""

    def test_a_changed_service_is_made_anew(self, engine: Engine, project: Path) -> None:
        self.compose(engine, project, "up", "-d", "db").ok()
        before = engine.inspect("mine_db_1")["Id"]
        changed = self.PROJECT.replace("interval: 1s", "interval: 2s")
        (project / "docker-compose.yml").write_text(changed)
        self.compose(engine, project, "up", "-d", "-t", "0", "db").ok()
        assert engine.inspect("mine_db_1")["Id"] != before


class TestTestcontainers:
    @pytest.fixture
    def environment(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)

    def test_a_container(self, environment: None) -> None:
        made = DockerContainer(IMAGE).with_command(["probe", "wait"]).with_env("A", "1")
        with made.with_kwargs(network_mode="host") as container:
            wait_for_logs(container, "ready", timeout=PATIENCE_S)
            code, out = container.exec(["sh", "-c", "echo $A"])
            assert (code, out) == (0, b"1\n")
            out, err = container.get_logs()
            assert (out, err) == (b"ready\n", b"")
            wrapped = container.get_wrapped_container()
            assert wrapped.status in ("created", "running")
            assert "org.testcontainers" in wrapped.labels

    def test_volumes_and_files(self, environment: None, workspace: Path) -> None:
        (workspace / "file").write_text("outside")
        made = DockerContainer(IMAGE).with_command("probe wait").with_kwargs(network_mode="none")
        with made.with_volume_mapping(str(workspace), "/m", "ro") as container:
            assert container.exec("cat /m/file").output == b"outside"


class TestPythonOnWhales:
    @pytest.fixture
    def client(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("DOCKER_CONFIG", engine.environment["DOCKER_CONFIG"])
        return python_on_whales.DockerClient(host=engine.url)

    def test_containers(self, client: Any, workspace: Path) -> None:
        assert client.run(IMAGE, ["echo", "hello"], remove=True, networks=["none"]) == "hello"
        with pytest.raises(DockerException) as caught:
            client.run(IMAGE, ["sh", "-c", "exit 3"], remove=True, networks=["none"])
        assert caught.value.return_code == 3
        container = client.run(
            IMAGE, ["probe", "wait"], name="web", detach=True, networks=["none"], labels={"a": "b"}
        )
        assert container.state.running is True
        assert container.host_config.network_mode == "none"
        assert client.container.list(filters={"label": "a=b"}) == [container]
        assert client.execute("web", ["echo", "inside"]) == "inside"
        (workspace / "file").write_text("content")
        client.copy(workspace / "file", (container, "/tmp/file"))
        assert container.execute(["cat", "/tmp/file"]) == "content"
        assert "ready" in container.logs()
        assert client.stats("web")[0].container_name == "web"
        container.pause()
        assert container.state.paused is True
        container.unpause()
        container.stop(time=0)
        container.remove()
        assert container.exists() is False
        with pytest.raises(NoSuchContainer):
            client.container.inspect("web")

    def test_the_rest(self, client: Any) -> None:
        image = client.image.inspect(IMAGE)
        assert image.architecture
        volume = client.volume.create("v3")
        assert volume.mountpoint.is_dir()
        volume.remove()
        assert {network.name for network in client.network.list()} == {"bridge", "host", "none"}
        assert client.system.info().driver == "overlay2"
        assert client.system.disk_free().images.total_count >= 1
        assert client.version().server.api_version == "1.47"


class TestAiodocker:
    def test_containers(self, engine: Engine) -> None:
        asyncio.run(self.use(engine))

    @staticmethod
    async def use(engine: Engine) -> None:
        async with aiodocker.Docker(url=engine.url) as client:
            config: Any = {
                "Image": IMAGE,
                "Cmd": ["sh", "-c", "echo out; echo err >&2; read x; echo got $x"],
                "OpenStdin": True,
                "StdinOnce": True,
                "HostConfig": {"NetworkMode": "none"},
            }
            container = await client.containers.create(config, name="web")
            stream = container.attach(stdin=True, stdout=True, stderr=True)
            async with stream:
                await container.start()
                await stream.write_in(b"this\n")
                said = {1: b"", 2: b""}
                while message := await stream.read_out():
                    said[message.stream] += message.data
            assert said == {1: b"out\ngot this\n", 2: b"err\n"}
            assert (await container.wait())["StatusCode"] == 0
            assert await container.log(stdout=True) == ["out\n", "got this\n"]
            found = await client.containers.list(all=True)
            assert [c["Names"] for c in found] == [["/web"]]
            await container.delete(force=True)
            with pytest.raises(aiodocker.DockerError) as caught:
                await client.containers.get("web")
            assert caught.value.status == 404

    def test_websocket(self, engine: Engine) -> None:
        asyncio.run(self.talk(engine))

    @staticmethod
    async def talk(engine: Engine) -> None:
        async with aiodocker.Docker(url=engine.url) as client:
            host_config = {"NetworkMode": "none"}
            config: Any = {
                "Image": IMAGE,
                "Cmd": ["cat"],
                "OpenStdin": True,
                "StdinOnce": True,
                "HostConfig": host_config,
            }
            container = await client.containers.create(config)
            ws = await container.websocket(stdin=True, stdout=True, stream=True)
            await container.start()
            await ws.send_str("typed\n")
            assert (await ws.receive()).data == b"typed\n"
            await ws.close()
            assert (await container.wait())["StatusCode"] == 0
            await container.delete()

    def test_exec(self, engine: Engine) -> None:
        asyncio.run(self.execute(engine))

    @staticmethod
    async def execute(engine: Engine) -> None:
        async with aiodocker.Docker(url=engine.url) as client:
            config: Any = {
                "Image": IMAGE,
                "Cmd": ["probe", "wait"],
                "HostConfig": {"NetworkMode": "none"},
            }
            container = await client.containers.run(config)
            made = await container.exec(["sh", "-c", "cat; exit 7"], stdin=True)
            async with made.start() as stream:
                await stream.write_in(b"typed\n")
                message = await stream.read_out()
                assert message is not None
                assert message.data == b"typed\n"
            await container.kill()
            await container.delete()
