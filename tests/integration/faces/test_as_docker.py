"""`orlop` shows what docker's client shows of the same answers, byte for byte."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.support.answering import Answering

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

PS = r"""
ps
ps -a
ps -q
ps -aq --no-trunc
ps --no-trunc
ps -s
ps -n 1
ps -l
ps --format table
ps --format json
ps --format raw
ps --format raw -s
ps --format 'table {{.Names}}' -s
ps --format '{{json .}}'
ps --format '{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.CreatedAt}} {{.RunningFor}} {{.State}}'
ps --format '{{.Ports}} {{.Size}} {{.Mounts}} {{.Networks}} {{.Labels}} {{.Platform}}'
ps --no-trunc --format '{{.ID}}: {{.Names}} {{.Image}} {{.Mounts}} {{.Command}}'
ps --format 'table {{.ID}}\t{{.Names}}\t{{.Label "com.example.some-thing_else"}}'
ps --format 'table {{upper .Names}}\t{{json .Status}}\t{{truncate .Image 3}}'
ps --format '{{.Label "a" | upper}}{{with .Label "zz"}}x{{else}}y{{end}}'
ps --format '{{range split .Ports ","}}[{{.}}]{{end}}'
ps --format '{{if eq .State "running"}}{{.Names}}{{else}}-{{end}}'
ps --format '{{printf "%-20s|%s" .Names .ID}}'
ps --format 'table {{.Names}} {{.ID}}\t{{println .Image}}'
ps --format='{{.ID}}\t{{.Names}}\n'
"""
IMAGES = r"""
images
images -a
images -q
images -q --no-trunc
images --no-trunc
images --digests
images --digests --format 'table {{.ID}}'
images --format '{{.Repository}} {{.Tag}} {{.Digest}}'
images --format '{{.ID}} {{.CreatedSince}} {{.CreatedAt}} {{.Size}} {{.VirtualSize}}'
images --format '{{.UniqueSize}} {{.SharedSize}} {{.Containers}}'
images --format json
images --format raw
images --format raw --digests
images debian
history debian
history --no-trunc debian
history -H=false debian
history --human=false --format '{{.CreatedAt}} {{.CreatedSince}} {{.Size}}' debian
history -q debian
history -q --no-trunc debian
history --format json debian
search x
search --no-trunc x
search --format json x
"""
OTHERS = r"""
volume ls
volume ls -q
volume ls --format json
volume ls --format raw
volume ls --format 'table {{.Name}}\t{{.Label "a"}}\t{{.Links}} {{.Size}} {{.Mountpoint}}'
network ls
network ls --no-trunc
network ls -q
network ls --format json
network ls --format raw
network ls --format '{{.CreatedAt}} {{.Label "x"}} {{.IPv6}} {{.Internal}}'
port web
port web 80
port web 53/udp
top web
top web -ef
diff web
events --since 0 --until 1
events --since 0 --until 1 --format json
events --since 0 --until 1 --format '{{json .}}'
events --since 0 --until 1 --format '{{.}} {{.Actor.Attributes.name}} {{.ID}} {{.TimeNano}}'
stats --no-stream web
stats --no-stream --no-trunc web
stats --no-stream --format json web
stats --no-stream --format 'table {{.Container}} {{.ID}} {{.Name}}\t{{.PIDs}}' web
stats --no-stream --format '{{.MemPerc}} {{.NetIO}} {{.BlockIO}}' web
system df
system df -v
system df --format json
system df --format raw
system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'
system df -v --format json
system df -v --format '{{json .Volumes}}'
system df -v --format '{{range .Containers}}{{.Names}}{{end}}'
info --format '{{.DriverStatus}} {{.Plugins.Log}} {{.Swarm.LocalNodeState}} {{.HTTPProxy}}'
version --format '{{.Server.Version}} {{.Server.APIVersion}}'
version --format '{{json .Server}}'
"""
INSPECT = r"""
inspect web
inspect web debian bridge data
inspect -s web
inspect -f json web
inspect --type container web
inspect -f '{{.ID}} {{.State.Status}} {{.Config.Tty}} {{.RestartCount}}' web
inspect -f '{{.Id}} {{.SomethingNew.Number}} {{.State.Pid}}' web
inspect -f '{{json .}}' web
inspect -f '{{json .NetworkSettings.Ports}} {{json .HostConfig}}' web
inspect -f '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' web
inspect -f '{{range $p, $c := .NetworkSettings.Ports}}{{$p}} {{len $c}}{{end}}' web
inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web
inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{end}} {{.Config.Labels.none}}' web
inspect -f '{{join .Config.Env ","}} {{join .Config.Cmd " "}} {{.Config.Entrypoint}}' web
inspect -f '{{.Config.Healthcheck.Interval}} {{.State.Health.Status}}' web
inspect -f '{{range .State.Health.Log}}{{.Start}} {{.End}} {{.Output}}{{end}}' web
inspect -f '{{json .State}} {{json .Config.Healthcheck}} {{json .Mounts}}' web
inspect -f '{{.HostConfig.Ulimits}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' web
inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.RestartPolicy.Name}}' web
inspect -f '{{.HostConfig.RestartPolicy}} {{.GraphDriver}} {{.Mounts}} {{.Config.ExposedPorts}}' web
inspect -f '{{.Config}}' debian
inspect -f '{{printf "%T %T" .State .Config.Cmd}}' web
inspect -f '{{if .HostConfig.PidsLimit}}x{{else}}y{{end}}{{eq .Name "/web"}}' web
inspect -f '{{.Name}}{{"\n"}}' web web
container inspect web
container inspect -f '{{.Name | upper}}' web
image inspect debian
image inspect -f '{{.RepoTags}} {{.Config.Env}} {{.RootFS.Layers}} {{.Size}}' debian
image inspect -f '{{json .}}' debian
network inspect bridge
network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}} {{.Created}}' bridge
network inspect -f '{{json .}}' bridge
volume inspect data
volume inspect -f '{{.Mountpoint}} {{.Labels}} {{.Status}}' data
volume inspect -f '{{json .}}' data
"""
REFUSED = r"""
inspect nosuch
inspect web nosuch
inspect --type image web
inspect -f '{{.Foo}}' web
inspect -f '{{.State.Foo}}' web
volume inspect -f '{{.Foo}}' data
volume inspect nosuch
ps --format '{{.Foo}}'
ps --format 'table {{.ID}}\t{{.Foo}}'
images --format '{{.ID.X}}'
port web 99
top nosuch
stats --no-stream nosuch
history nosuch
"""
CONFIGURED = """
ps
ps -q
ps -s
ps --format json
images
images -q
images --digests
volume ls
volume ls -q
network ls
stats --no-stream web
"""
PAIRS_AT_A_TIME = 2


def commands(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("some", [PS, IMAGES, OTHERS, INSPECT], ids=str.split)
def test_the_same_bytes(engine: Answering, some: str) -> None:
    def both(command: str) -> tuple[str, str, str]:
        words = shlex.split(command)
        theirs, ours = engine.docker(*words).ok().out, engine.orlop(*words).ok().out
        if ours != theirs:  # an age may have changed in between
            theirs = engine.docker(*words).ok().out
        return command, theirs, ours

    with ThreadPoolExecutor(PAIRS_AT_A_TIME) as pool:
        found = list(pool.map(both, commands(some)))
    assert [row for row in found if row[1] != row[2]] == []
    assert all(row[1] for row in found)


def test_the_formats_of_dockers_configuration(engine: Answering, workspace: Path) -> None:
    names = ("ps", "images", "volumes", "networks", "stats")
    formats = {f"{name}Format": f"{name} {{{{json .}}}}" for name in names}
    (workspace / "config.json").write_text(json.dumps({**formats, "psFormat": "table {{.Names}}"}))
    for command in CONFIGURED.strip().splitlines():
        words = shlex.split(command)
        assert engine.orlop(*words).ok().out == engine.docker(*words).ok().out, command
    (workspace / "config.json").write_text('{"psFormat"')
    engine.orlop("ps").refused("config.json", "cannot parse JSON")


def test_the_same_is_refused(engine: Answering) -> None:
    for command in commands(REFUSED):
        words = shlex.split(command)
        theirs, ours = engine.docker(*words), engine.orlop(*words)
        assert theirs.status > 0, command
        assert ours.status > 0, command
        assert ours.err.startswith("orlop: "), command
        assert len(ours.err.splitlines()) == 1, command
        # What there is of the others is shown; docker ends with an empty line if there is nothing.
        assert ours.out == theirs.out.removeprefix("\n"), command


def test_both_tell_what_they_are_without_an_engine(engine: Answering, workspace: Path) -> None:
    nowhere = f"unix://{workspace}/none"
    for command in ("info", "version"):
        shown = engine.orlop("-H", nowhere, command).refused("cannot connect to the engine")
        assert shown.out.startswith("Client:\n Version:")
