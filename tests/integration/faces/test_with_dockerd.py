"""`orlop -H` with Docker's own engine: the same bytes as docker's client."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.dockerd import Docker, running_daemon
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.orlop import orlop
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import program_under_test
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

COMMANDS = r"""
ps -a
ps -aq --no-trunc
ps -as --format '{{.Names}} {{.Size}}'
images --no-trunc
ps -a --filter status=exited --filter label=job
ps -a --format json
ps -a --format 'table {{.Names}}\t{{.Label "job"}}\t{{.Mounts}}\t{{.Networks}}\t{{.LocalVolumes}}'
images
images -a --digests --no-trunc
images --filter dangling=true -q
images --format json
history orlop-test
inspect web
inspect -s -f '{{json .}}' web ended
inspect -f '{{.State.Status}} {{.State.Pid}} {{.HostConfig.Memory}} {{.Config.Cmd}}' web ended
inspect -f '{{.State}} {{.Mounts}} {{.GraphDriver}}' ended
inspect -f '{{.HostConfig.RestartPolicy}} {{.Config.Env}}' ended
inspect data
volume inspect data
volume ls
volume ls --format '{{.Name}} {{.Labels}} {{.Mountpoint}} {{.Scope}}'
network ls
network ls --format json
network inspect host
network inspect -f '{{json .}}' none
image inspect orlop-test
image inspect -f '{{json .}}' orlop-test
port web
top web
top web -eo pid,comm
diff ended
events --since 10m --until 0s --filter type=volume
events --since 10m --until 0s --filter container=ended --format '{{.Type}} {{.Action}}'
info --format '{{json .Plugins}} {{.Driver}} {{.DockerRootDir}} {{.Containers}} {{.Runtimes}}'
info --format '{{.Swarm.LocalNodeState}} {{.SecurityOptions}} {{.CgroupVersion}}'
version --format '{{.Server.Version}} {{range .Server.Components}}{{.Name}} {{end}}'
system df
system df -v
system df -v --format '{{json .Containers}}'
"""


@pytest.fixture(scope="session")
def daemon(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    """A dockerd of this module's."""
    need("docker")
    directory = session_directory / "faces-docker"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as docker:
        yield docker


@pytest.fixture
def docker(daemon: Docker) -> Iterator[Docker]:
    """The dockerd with a container that runs, one that has ended, and a volume."""
    daemon("volume", "create", "--label", "a=b", "data").ok()
    daemon.start("--name", "web", "-m", "64m", "-v", "data:/data", "--", "sleep", "1000")
    flags = ("--name", "ended", "--network", "none", "--label", "job=1", "-e", "A=b c")
    daemon("run", *flags, IMAGE, "sh", "-c", "echo done >/x; exit 3")
    yield daemon
    daemon.remove_all()
    daemon("volume", "rm", "data").ok()


def test_the_same_bytes(docker: Docker) -> None:
    url = docker.command()[2]
    for command in COMMANDS.strip().splitlines():
        words = shlex.split(command)
        # Docker's client is asked before and after: ages change in between.
        before, ours, after = docker(*words), orlop("-H", url, *words), docker(*words)
        assert ours.status == before.status, command
        if ours.out != before.out:
            assert (command, ours.out) == (command, after.out)
    head, line = orlop("-H", url, "stats", "--no-stream").ok().lines()
    assert head == docker("stats", "--no-stream").ok().lines()[0]
    assert line.split()[1] == "web"
