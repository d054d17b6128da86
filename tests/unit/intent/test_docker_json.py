"""A request survives the way through Docker's JSON, and bad bodies are refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import SpecError
from orlop.intent.docker_json import config_of, from_docker, to_docker
from orlop.intent.flags import parse_run
from orlop.intent.request import (
    Bind,
    CdiDevice,
    Device,
    Gpus,
    Health,
    Named,
    Network,
    NoNetwork,
    Port,
    ProfileText,
    Request,
    Size,
    Tmpfs,
    Unconfined,
    Volume,
)

WORDS = [
    "debian",
    "-it --rm --name web -e A=1 -e B= --user 1:2 -w /srv debian sh -c ls",
    "--entrypoint= debian ls",
    "--entrypoint /bin/x debian",
    "-m 64m --memory-swap -1 --memory-swappiness 0 --cpus 1.5 --pids-limit -1 debian",
    "--cpu-shares 10 --cpu-period 1000 --cpu-quota 500 --cpuset-cpus 0-1 --cpuset-mems 0 debian",
    "--device-read-bps /dev/vda:1mb --device-write-iops /dev/vda:5 --blkio-weight 10 debian",
    "--device /dev/null:/dev/x:r --device-cgroup-rule 'c_1:*_rwm' debian",
    "--device vendor.com/class=one --gpus all debian",
    "-v /a:/b:ro,z -v vol:/c:nocopy -v /d --tmpfs /t:size=1m,mode=700,exec debian",
    "--mount type=bind,src=/a,dst=/b,bind-nonrecursive debian",
    "--mount type=volume,src=vol,dst=/b,volume-driver=local,volume-opt=type=tmpfs,ro debian",
    "--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777 --volumes-from x:ro debian",
    "--network none debian",
    "--network host --pid host --ipc host --uts host --userns host --cgroupns host debian",
    "--network container:abc --pid container:x --ipc shareable debian",
    "--network name=a,alias=b,ip=10.0.0.1 --network c debian",
    "-p 80:80 -p 127.0.0.1:53:53/udp -p 90 -p [::1]:1-2:1-2 -p 8000-8010:80 --expose 9 -P debian",
    "--add-host a:10.0.0.1 --add-host b:host-gateway --dns 1.1.1.1 --dns-search x debian",
    "--cap-add SYSLOG --cap-drop ALL --privileged --read-only debian",
    "--security-opt seccomp=unconfined --security-opt apparmor=x debian",
    "--security-opt no-new-privileges --security-opt systempaths=unconfined debian",
    "--security-opt label=level:s0 --security-opt writable-cgroups=true debian",
    "--restart on-failure:3 --stop-signal INT --stop-timeout 3 debian",
    "--restart unless-stopped --log-driver json-file --log-opt max-size=1m debian",
    "--health-cmd true --health-interval 3s --health-retries 2 debian",
    "--no-healthcheck --ulimit nofile=1:2 --oom-score-adj 5 --sysctl a=b --shm-size 1m debian",
    "--hostname h --domainname d --label a=b --annotation c=d --init --cgroup-parent /x debian",
    "--group-add 5 --group-add audio --runtime orlop --mac-address 02:42:ac:11:00:02 debian",
    "--net-rate 10mbit --net-burst 64k --net-delay 5ms --net-loss 0.5% debian",
    "--net-rate-in 1gbit --net-rate-out unlimited debian",
    "-a stdin -a stderr --link a:b --cidfile /x host",
    "/some/root ls",
]


def _asked(words: str) -> Request:
    return parse_run([word.replace("_", " ").strip("'") for word in words.split()])


def _comparable(request: Request) -> Request:
    """Without what is not said in the body, and where Docker's order is not kept."""
    handling = request.handling.replace(name="", detach=False)
    mounts = tuple(sorted(request.mounts, key=lambda mount: mount.target))
    ports = tuple(sorted(request.ports, key=str))
    return request.replace(written={}, handling=handling, mounts=mounts, ports=ports)


@pytest.mark.parametrize("words", WORDS)
def test_the_case_of_letters_does_not_count(words: str) -> None:
    body = to_docker(_asked(words))
    host = body["HostConfig"]
    shouted = {name.upper(): value for name, value in host.items()}
    shouted["RESTARTPOLICY"] = {k.lower(): v for k, v in host["RestartPolicy"].items()}
    odd = {name.lower(): value for name, value in body.items()} | {"hostConfig": shouted}
    del odd["hostconfig"], odd["orlop"]
    assert _comparable(from_docker(odd)) == _comparable(from_docker(body))


def test_what_is_spelt_exactly_counts() -> None:
    assert from_docker({"IMAGE": "a", "Image": "b", "image": "c"}).image == Named("b")


@pytest.mark.parametrize("words", WORDS)
def test_round_trip(words: str) -> None:
    asked = _asked(words)
    body = json.loads(json.dumps(to_docker(asked)))
    found = from_docker(body)
    assert _comparable(found) == _comparable(asked)
    assert dict(found.written).items() >= dict(asked.written).items()


def test_nearly_empty_bodies() -> None:
    assert _comparable(from_docker({"Image": "debian"})) == Request(image=Named("debian"))
    from_docker({"Image": "x", "HostConfig": None, "NetworkingConfig": {"EndpointsConfig": None}})


def test_what_clients_send_to_say_nothing() -> None:
    """docker-py, Compose and the docker command fill in what they do not mean."""
    nothing: dict[str, Any] = {
        "Image": "x",
        "Cmd": None,
        "Entrypoint": [],
        "Volumes": None,
        "Healthcheck": {"Interval": 0},
        "HostConfig": {
            "MemorySwappiness": -1,
            "PidsLimit": 0,
            "OomKillDisable": False,
            "Init": None,
            "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "", "Config": {}},
            "NetworkMode": "default",
            "ConsoleSize": [0, 0],
            "MaskedPaths": None,
            "Isolation": "",
        },
    }
    assert _comparable(from_docker(nothing)) == Request(image=Named("x"))


def _of(**members: Any) -> Request:
    return from_docker({"Image": "x", **members})


def _of_host(**members: Any) -> Request:
    return _of(HostConfig=members)


class TestMembers:
    def test_words(self) -> None:
        assert _of(Cmd="ls").command == ("ls",)
        assert _of(Cmd=["ls", "-l"]).command == ("ls", "-l")
        assert _of(Entrypoint=[""]).entrypoint == ()
        assert _of(Entrypoint=[]).entrypoint is None

    def test_variables_are_the_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "of the engine")
        assert _of(Env=["SECRET", "A=1=2"]).environment == (("SECRET", None), ("A", "1=2"))

    def test_health(self) -> None:
        health = _of(Healthcheck={"Test": ["CMD", "a", "b"], "Retries": 3}).handling.health
        assert health == Health(test=("CMD", "a", "b"), retries=3)
        assert _of(Healthcheck={"Test": ["NONE"]}).handling.health.off

    def test_seccomp_profiles_are_text(self) -> None:
        profile = '{"defaultAction": "SCMP_ACT_ALLOW"}'
        found = _of_host(SecurityOpt=[f"seccomp={profile}"]).privileges.seccomp
        assert found == ProfileText("SecurityOpt", profile)
        assert to_docker(_of_host(SecurityOpt=[f"seccomp={profile}"]))["HostConfig"][
            "SecurityOpt"
        ] == [f"seccomp={profile}"]
        assert _of_host(SecurityOpt=["seccomp:unconfined"]).privileges.seccomp == Unconfined()

    def test_mounts(self) -> None:
        found = _of(
            Volumes={"/a": {}, "/b": {}},
            HostConfig={
                "Binds": ["/etc:/a:ro"],
                "Mounts": [
                    {"Type": "volume", "Target": "/v"},
                    {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 5}},
                ],
            },
        ).mounts
        assert found == (
            Bind("/etc", "/a", read_only=True, make_source=True),
            Volume("", "/v"),
            Tmpfs("/t", 5),
            Volume("", "/b"),
        )

    def test_devices(self) -> None:
        found = _of_host(
            Devices=[{"PathOnHost": "/dev/fuse"}, {"PathOnHost": "v.com/c=n"}],
            DeviceRequests=[
                {"Driver": "cdi", "DeviceIDs": ["v.com/c=m"]},
                {"Count": -1, "Capabilities": [["gpu", "utility"]]},
            ],
        )
        assert found.devices == (
            Device("/dev/fuse", "/dev/fuse"),
            CdiDevice("v.com/c=n"),
            CdiDevice("v.com/c=m"),
        )
        assert found.gpus == Gpus(capabilities=("utility",))

    def test_networks(self) -> None:
        endpoint = {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}}
        one = _of(
            HostConfig={"NetworkMode": "n"}, NetworkingConfig={"EndpointsConfig": {"n": endpoint}}
        )
        assert one.namespaces.networks == (Network("n", ("a",), "10.0.0.2"),)
        assert _of(NetworkDisabled=True).namespaces.networks == (NoNetwork(),)
        default = _of(
            HostConfig={"NetworkMode": "bridge"},
            NetworkingConfig={"EndpointsConfig": {"default": endpoint}},
        )
        assert default.namespaces.networks == (Network("bridge", ("a",), "10.0.0.2"),)

    def test_ports(self) -> None:
        found = _of(
            ExposedPorts={"80/tcp": {}, "53/udp": {}},
            HostConfig={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}, {}]}},
        ).ports
        assert found == (Port(80, host_port=8080), Port(80), Port(53, "udp", published=False))

    def test_size_of_the_terminal(self) -> None:
        assert _of_host(ConsoleSize=[24, 80]).terminal_size == Size(24, 80)


BAD = [
    ({}, "Image", "Image"),
    ({"Tty": "yes"}, "Tty", "true or false"),
    ({"Env": "A=1"}, "Env", "an array"),
    ({"Env": ["=1"]}, "Env[0]", "NAME=VALUE"),
    ({"Image": "./x"}, "Image", "absolute"),
    ({"StopSignal": "NOPE"}, "StopSignal", "signal"),
    ({"Healthcheck": {"Test": ["RUN"]}}, "Healthcheck.Test", "CMD"),
    ({"HostConfig": []}, "HostConfig", "an object"),
    ({"HostConfig": {"Memory": "64m"}}, "HostConfig.Memory", "an integer"),
    ({"HostConfig": {"Binds": ["./x:/y"]}}, "HostConfig.Binds[0]", "absolute"),
    ({"HostConfig": {"Mounts": [{"Type": "npipe"}]}}, "HostConfig.Mounts[0]", "bind, volume"),
    (
        {"HostConfig": {"Mounts": [{"Type": "bind", "Target": "/a", "Source": "b"}]}},
        "HostConfig.Mounts[0]",
        "absolute",
    ),
    ({"HostConfig": {"RestartPolicy": {"Name": "x"}}}, "HostConfig.RestartPolicy", "on-failure"),
    (
        {"HostConfig": {"Ulimits": [{"Name": "nofile", "Soft": "1"}]}},
        "HostConfig.Ulimits[0].Soft",
        "an integer",
    ),
    ({"HostConfig": {"CapAdd": ["NOPE"]}}, "HostConfig.CapAdd[0]", "capability"),
    ({"HostConfig": {"SecurityOpt": ["seccomp=/etc/x"]}}, "HostConfig.SecurityOpt[0]", "JSON"),
    ({"Healthcheck": {"Interval": 1000}}, "Healthcheck.Interval", "1ms"),
    ({"HostConfig": {"OomScoreAdj": 5000}}, "HostConfig.OomScoreAdj", "1000"),
    ({"HostConfig": {"CpuShares": 1}}, "HostConfig.CpuShares", "2"),
    (
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/a", "Source": "b"}]}},
        "HostConfig.Mounts[0]",
        "no Source",
    ),
    ({"HostConfig": {"PidMode": "some"}}, "HostConfig.PidMode", "private"),
    ({"HostConfig": {"PortBindings": {"x": [{}]}}}, "HostConfig.PortBindings['x']", "port"),
    ({"HostConfig": {"MaskedPaths": ["/x"]}}, "HostConfig.MaskedPaths", "own list"),
]


@pytest.mark.parametrize(("members", "field", "word"), BAD)
def test_bad_bodies(members: dict[str, Any], field: str, word: str) -> None:
    body = members if not members else {"Image": "x", **members}
    with pytest.raises(SpecError) as caught:
        from_docker(body)
    assert caught.value.field == field
    assert word in str(caught.value)


def test_config_alone() -> None:
    assert "HostConfig" not in config_of(to_docker(_asked("debian ls")))
