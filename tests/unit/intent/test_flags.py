"""docker run's flags: what each becomes in the request, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.intent.flags import FLAGS, parse_run
from orlop.intent.request import (
    Always,
    AtPath,
    Bind,
    CdiDevice,
    Device,
    DeviceRate,
    DeviceRule,
    DeviceWeight,
    Directory,
    Gpus,
    Host,
    HostImage,
    Named,
    Network,
    NoNetwork,
    NoSharedMemory,
    OfContainer,
    OnFailure,
    Port,
    Private,
    ProfileName,
    Request,
    Shareable,
    Tmpfs,
    Ulimit,
    Unconfined,
    UnlessStopped,
    User,
    Volume,
    VolumesFrom,
)
from orlop.records import Record, fields

GB, MB = 1 << 30, 1 << 20

# flags, field of the request, its value
GOOD: tuple[tuple[str, str, Any], ...] = (
    ("-i", "handling.interactive", True),
    ("--interactive=false", "handling.interactive", False),
    ("-it", "terminal", True),
    ("-dit", "handling.detach", True),
    ("-ti=false", "handling.interactive", False),
    ("--tty", "terminal", True),
    ("--rm", "handling.remove", True),
    ("--name web", "handling.name", "web"),
    ("--name /web.1", "handling.name", "web.1"),
    ("-e A=b -e A=c=d --env B=", "environment", (("A", "b"), ("A", "c=d"), ("B", ""))),
    ("-eA=b", "environment", (("A", "b"),)),
    ("--entrypoint /x", "entrypoint", ("/x",)),
    ("--entrypoint=", "entrypoint", ()),
    ("-w /a", "directory", "/a"),
    ("-u 1000", "user", User(1000)),
    ("-u 1000:50", "user", User(1000, 50)),
    ("--user www-data:adm", "user", User("www-data", "adm")),
    ("--group-add 5 --group-add adm", "groups", (5, "adm")),
    ("-m 256m", "limits.memory_bytes", 256 * MB),
    ("-m256m", "limits.memory_bytes", 256 * MB),
    ("--memory=1.5g", "limits.memory_bytes", 3 * GB // 2),
    ("-m 0", "limits.memory_bytes", None),
    ("--memory-swap -1", "limits.memory_swap_bytes", -1),
    ("--memory-swap=-1", "limits.memory_swap_bytes", -1),
    ("--memory-swappiness -1", "limits.swappiness", None),
    ("--cpus 1.5", "limits.nano_cpus", 1_500_000_000),
    ("--cpus 1 --cpus .25", "limits.nano_cpus", 250_000_000),
    ("-c 512", "limits.cpu_shares", 512),
    ("--cpu-quota -1", "limits.cpu_quota_us", -1),
    ("--cpuset-cpus 0-3,7", "limits.cpus", "0-3,7"),
    ("--pids-limit -1", "limits.pids", -1),
    ("--pids-limit 0", "limits.pids", -1),
    ("--blkio-weight 0", "limits.io_weight", None),
    ("--blkio-weight-device /dev/sda:200", "limits.io_weight_devices",
     (DeviceWeight("/dev/sda", 200),)),
    ("--device-read-bps /dev/sda:1mb", "limits.read_bytes", (DeviceRate("/dev/sda", MB),)),
    ("--device-write-iops /dev/sda:10", "limits.write_operations", (DeviceRate("/dev/sda", 10),)),
    ("--ulimit nofile=1024:2048", "ulimits", (Ulimit("RLIMIT_NOFILE", 1024, 2048),)),
    ("--ulimit core=0 --ulimit nproc=-1", "ulimits",
     (Ulimit("RLIMIT_CORE", 0, 0), Ulimit("RLIMIT_NPROC", -1, -1))),
    ("--ulimit memlock=5:-1", "ulimits", (Ulimit("RLIMIT_MEMLOCK", 5, -1),)),
    ("--oom-score-adj -500", "oom_score_adj", -500),
    ("--shm-size 1g", "shm_bytes", GB),
    ("--cap-add NET_ADMIN --cap-add cap_chown --cap-add all", "privileges.add",
     ("CAP_NET_ADMIN", "CAP_CHOWN", "ALL")),
    ("--cap-drop=ALL", "privileges.drop", ("ALL",)),
    ("--privileged", "privileges.privileged", True),
    ("--security-opt no-new-privileges", "privileges.no_new_privileges", True),
    ("--security-opt no-new-privileges:true", "privileges.no_new_privileges", True),
    ("--security-opt no-new-privileges=false", "privileges.no_new_privileges", False),
    ("--security-opt seccomp=unconfined", "privileges.seccomp", Unconfined()),
    ("--security-opt seccomp:unconfined", "privileges.seccomp", Unconfined()),
    ("--security-opt apparmor=mine", "privileges.apparmor", ProfileName("mine")),
    ("--security-opt label=level:s0:c1,c2", "privileges.label.level", "s0:c1,c2"),
    ("--security-opt label=disable", "privileges.label.disable", True),
    ("--security-opt systempaths=unconfined", "privileges.system_paths", False),
    ("--device /dev/fuse", "devices", (Device("/dev/fuse", "/dev/fuse"),)),
    ("--device /dev/a:/dev/b", "devices", (Device("/dev/a", "/dev/b"),)),
    ("--device /dev/a:r", "devices", (Device("/dev/a", "/dev/a", "r"),)),
    ("--device /dev/a:/dev/b:mr", "devices", (Device("/dev/a", "/dev/b", "mr"),)),
    ("--device vendor.com/class=name", "devices", (CdiDevice("vendor.com/class=name"),)),
    ("--gpus all", "gpus", Gpus()),
    ("--gpus 2", "gpus", Gpus(2)),
    ("--pid host", "namespaces.pid", Host()),
    ("--pid container:web", "namespaces.pid", OfContainer("web")),
    ("--pid path:/proc/7/ns/pid", "namespaces.pid", AtPath("/proc/7/ns/pid")),
    ("--ipc none", "namespaces.ipc", NoSharedMemory()),
    ("--ipc shareable", "namespaces.ipc", Shareable()),
    ("--uts host", "namespaces.uts", Host()),
    ("--cgroupns private", "namespaces.cgroup", Private()),
    ("--userns host", "namespaces.user", Host()),
    ("--network none", "namespaces.networks", (NoNetwork(),)),
    ("--net host", "namespaces.networks", (Host(),)),
    ("--network container:web", "namespaces.networks", (OfContainer("web"),)),
    ("", "namespaces.networks", (Network("default"),)),
    ("--network front --network name=back,alias=db,ip=10.0.0.7", "namespaces.networks",
     (Network("front"), Network("back", aliases=("db",), ipv4="10.0.0.7"))),
    ("--network front --ip 10.0.0.7 --network-alias a --network-alias b", "namespaces.networks",
     (Network("front", aliases=("a", "b"), ipv4="10.0.0.7"),)),
    ("-h box", "hostname", "box"),
    ("--sysctl net.core.somaxconn=5", "sysctls", (("net.core.somaxconn", "5"),)),
    ("-v /a:/b", "mounts", (Bind("/a", "/b", make_source=True),)),
    ("-v /a:/b/../c/:ro,Z,rslave", "mounts",
     (Bind("/a", "/c", read_only=True, propagation="rslave", make_source=True, relabel="Z"),)),
    ("-v name:/b:nocopy", "mounts", (Volume("name", "/b", copy=False),)),
    ("-v /b", "mounts", (Volume("", "/b"),)),
    ("--tmpfs /t", "mounts", (Tmpfs("/t"),)),
    ("--tmpfs /t:size=1m,mode=1777,exec,uid=5", "mounts",
     (Tmpfs("/t", MB, 0o1777, ("exec", "uid=5")),)),
    ("--tmpfs /t:size=50%", "mounts", (Tmpfs("/t", None, None, ("size=50%",)),)),
    ("--mount type=bind,src=/a,dst=/b", "mounts", (Bind("/a", "/b"),)),
    ("--mount type=bind,source=/a,target=/b,ro,bind-nonrecursive,bind-propagation=shared",
     "mounts", (Bind("/a", "/b", read_only=True, recursive=False, propagation="shared"),)),
    ("--mount type=bind,src=/a,dst=/b,readonly,bind-recursive=writable", "mounts",
     (Bind("/a", "/b", read_only=True, recursive_read_only=False),)),
    ("--mount src=vol,dst=/b,volume-nocopy,volume-subpath=x", "mounts",
     (Volume("vol", "/b", copy=False, subpath="x"),)),
    ('--mount type=volume,dst=/b,"volume-opt=o=a,b",volume-opt=type=nfs', "mounts",
     (Volume("", "/b", driver_options=(("o", "a,b"), ("type", "nfs"))),)),
    ("--mount type=tmpfs,dst=/t,tmpfs-size=1k,tmpfs-mode=700,ro", "mounts",
     (Tmpfs("/t", 1024, 0o700, ("ro",)),)),
    ("--volumes-from a:ro --volumes-from b", "volumes_from",
     (VolumesFrom("a", read_only=True), VolumesFrom("b"))),
    ("-p 8080:80", "ports", (Port(80, host_port=8080),)),
    ("-p80", "ports", (Port(80),)),
    ("-p 127.0.0.1::53/udp", "ports", (Port(53, "udp", "127.0.0.1"),)),
    ("-p [::1]:1-2:3-4", "ports",
     (Port(3, host_ip="::1", host_port=1), Port(4, host_ip="::1", host_port=2))),
    ("-p 8000-9000:80", "ports", (Port(80, host_port=8000, last_host_port=9000),)),
    ("--expose 1-2/sctp", "ports",
     (Port(1, "sctp", published=False), Port(2, "sctp", published=False))),
    ("-P", "publish_all", True),
    ("--add-host db:10.0.0.7 --add-host six=[::1]", "extra_hosts",
     (("db", "10.0.0.7"), ("six", "::1"))),
    ("--link db --link db:alias", "links", (("db", "db"), ("db", "alias"))),
    ("--dns ::1", "dns", ("::1",)),
    ("-l a -l b=c=d", "labels", (("a", ""), ("b", "c=d"))),
    ("--restart on-failure:3", "handling.restart", OnFailure(3)),
    ("--restart always", "handling.restart", Always()),
    ("--restart unless-stopped", "handling.restart", UnlessStopped()),
    ("--stop-signal sigint", "handling.stop_signal", 2),
    ("--stop-signal 9", "handling.stop_signal", 9),
    ("--stop-timeout -1", "handling.stop_timeout_s", -1),
    ("-a stdout -a STDERR", "handling.attach", ("stdout", "stderr")),
    ("--sig-proxy=false", "handling.sig_proxy", False),
    ("--health-interval 1m30s", "handling.health.interval_ns", 90 * 10**9),
    ("--log-opt max-size=1m", "handling.log.options", (("max-size", "1m"),)),
    ("--device-cgroup-rule=c\x007:*\x00rw", "device_rules", (DeviceRule("c", 7, None, "rw"),)),
)  # fmt: skip


def words_of(flags: str) -> list[str]:
    """The words; a blank inside a word is written as NUL."""
    return [word.replace("\0", " ") for word in flags.split()]


def at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = getattr(record, name)
    return record


def changed(request: Record, default: Record, where: str = "") -> set[str]:
    """The fields in which a request differs from one that nobody made."""
    found: set[str] = set()
    for field in fields(request):
        now, before = getattr(request, field), getattr(default, field)
        if now == before or field in ("written", "image", "command"):
            continue
        path = f"{where}{field}"
        nested = type(now) is type(before) and isinstance(now, Record) and fields(now)
        found |= changed(now, before, f"{path}.") if nested else {path}
    return found


@pytest.mark.parametrize(("flags", "field", "value"), GOOD)
def test_a_flag_sets_its_field(flags: str, field: str, value: Any) -> None:
    assert at(parse_run([*words_of(flags), "host"]), field) == value


@pytest.mark.parametrize(
    ("flags", "field", "value"), [row for row in GOOD if row[0].count("-") < 4]
)
def test_and_no_other(flags: str, field: str, value: Any) -> None:
    request = parse_run([*words_of(flags), "host"])
    together = (
        {"terminal", "handling.interactive", "handling.detach"} if flags.startswith("-") else set()
    )
    assert changed(request, Request()) <= {field} | together


# flags, what the message has to name
BAD = (
    ("--nonsense", "--nonsense"),
    ("-x", "-x"),
    ("-ix", "-x"),
    ("-m 5xx", "-m"),
    ("--memory -1", "--memory"),
    ("--memory-swap -2", "--memory-swap"),
    ("--memory-swappiness 101", "--memory-swappiness"),
    ("--cpus one", "--cpus"),
    ("--cpu-shares 1", "--cpu-shares"),
    ("--cpuset-cpus 3-1", "--cpuset-cpus"),
    ("--cpuset-cpus x", "--cpuset-cpus"),
    ("--pids-limit many", "--pids-limit"),
    ("--blkio-weight 1001", "--blkio-weight"),
    ("--blkio-weight-device sda:200", "--blkio-weight-device"),
    ("--device-read-bps /dev/sda", "--device-read-bps"),
    ("--device-read-bps /dev/sda:fast", "--device-read-bps"),
    ("--ulimit nofile", "--ulimit"),
    ("--ulimit nofile=2:1", "--ulimit"),
    ("--ulimit nofile=-1:1", "--ulimit"),
    ("--ulimit files=1", "--ulimit"),
    ("--oom-score-adj 1001", "--oom-score-adj"),
    ("--health-interval 10us", "--health-interval"),
    ("--tty=maybe", "--tty"),
    ("-w relative", "-w"),
    ("-u :5", "-u"),
    ("-u 5:", "-u"),
    ("-u 99999999999", "-u"),
    ("-e =b", "-e"),
    ("--env-file /nowhere/at/all", "--env-file"),
    ("--cap-add NONSENSE", "--cap-add"),
    ("--cap-drop CAP_", "--cap-drop"),
    ("--security-opt nonsense", "--security-opt"),
    ("--security-opt seccomp", "--security-opt"),
    ("--security-opt seccomp=/nowhere/at/all", "--security-opt"),
    ("--security-opt label=colour:red", "--security-opt"),
    ("--security-opt systempaths=all", "--security-opt"),
    ("--device fuse", "--device"),
    ("--device /dev/a:/dev/b:rx", "--device"),
    ("--device /dev/a::", "--device"),
    ("--device-cgroup-rule c", "--device-cgroup-rule"),
    ("--device-cgroup-rule=c\x007\x00rw", "--device-cgroup-rule"),
    ("--device-cgroup-rule=d\x007:1\x00rw", "--device-cgroup-rule"),
    ("--gpus many=1", "--gpus"),
    ("--pid none", "--pid"),
    ("--pid container:", "--pid"),
    ("--ipc elsewhere", "--ipc"),
    ("--uts container:a", "--uts"),
    ("--cgroupns shared", "--cgroupns"),
    ("--userns private", "--userns"),
    ("--network=", "--network"),
    ("--network container:", "--network"),
    ("--network name=a,colour=red", "--network"),
    ("--network alias=a", "--network"),
    ("--ip 1.2.3", "--ip"),
    ("--mac-address 1:2", "--mac-address"),
    ("--hostname -a", "--hostname"),
    ("--hostname " + "a" * 65, "--hostname"),
    ("--sysctl net.x", "--sysctl"),
    ("-v /a:b", "-v"),
    ("-v /a:/", "-v"),
    ("-v /a:/b:ro,rw", "-v"),
    ("-v /a:/b:shiny", "-v"),
    ("-v /a:/b:ro:z", "-v"),
    ("-v :/b", "-v"),
    ("-v a/b:/c", "-v"),
    ("-v x:/b", "-v"),
    ("-v name:/b:rshared", "-v"),
    ("-v /a:/b:nocopy", "-v"),
    ("--tmpfs t", "--tmpfs"),
    ("--tmpfs /t:mode=999", "--tmpfs"),
    ("--tmpfs /t:shiny", "--tmpfs"),
    ("--mount type=bind,dst=/b", "--mount"),
    ("--mount type=bind,src=/a", "--mount"),
    ("--mount type=cluster,dst=/a", "--mount"),
    ("--mount type=tmpfs,src=/a,dst=/b", "--mount"),
    ("--mount type=bind,src=/a,dst=/b,volume-nocopy", "--mount"),
    ("--mount type=bind,src=/a,dst=/b,colour=red", "--mount"),
    ("--mount type=bind,src=/a,dst", "--mount"),
    ("--mount type=bind,src=/a,dst=/b,ro=perhaps", "--mount"),
    ('--mount type=bind,"src=/a,dst=/b', "--mount"),
    ("--mount src=/a,dst=/b", "--mount"),
    ("--volumes-from a:rx", "--volumes-from"),
    ("-p 0:80", "-p"),
    ("-p 1-3:4-5", "-p"),
    ("-p 2-1:2-1", "-p"),
    ("-p 80/icmp", "-p"),
    ("-p nowhere:80:80", "-p"),
    ("--expose 65536", "--expose"),
    ("--add-host db", "--add-host"),
    ("--add-host db:nowhere", "--add-host"),
    ("--dns nowhere", "--dns"),
    ("-l =a", "-l"),
    ("--name x", "--name"),
    ("--name a/b", "--name"),
    ("--attach stdall", "--attach"),
    ("--pull sometimes", "--pull"),
    ("--restart sometimes", "--restart"),
    ("--restart always:3", "--restart"),
    ("--restart on-failure:x", "--restart"),
    ("--stop-signal NONSENSE", "--stop-signal"),
    ("--health-interval 5", "--health-interval"),
)


@pytest.mark.parametrize(("flags", "flag"), BAD)
def test_what_is_wrong_is_named(flags: str, flag: str) -> None:
    with pytest.raises(InvalidArgument) as told:
        parse_run([*words_of(flags), "host"])
    assert flag in told.value.message
    value = words_of(flags)[-1].removeprefix(f"{flag}=")
    if "option" not in told.value.message:
        assert repr(value) in told.value.message


CONTRADICTIONS = (
    ("--network host --network none", "--network"),
    ("--network host --ip 1.2.3.4", "--ip"),
    ("--network-alias a", "--network-alias"),
    ("--rm --restart always", "--rm"),
    ("-d -a stdout", "-d"),
    ("--cpus 1 --cpu-quota 1000", "--cpus"),
    ("--no-healthcheck --health-cmd x", "--no-healthcheck"),
)


@pytest.mark.parametrize(("flags", "flag"), CONTRADICTIONS)
def test_flags_that_contradict_each_other(flags: str, flag: str) -> None:
    with pytest.raises(InvalidArgument) as told:
        parse_run([*words_of(flags), "host"])
    assert flag in str(told.value)


def test_a_flag_without_its_value() -> None:
    with pytest.raises(InvalidArgument, match="--memory needs a value"):
        parse_run(["--memory"])


def test_there_has_to_be_an_image() -> None:
    for words in ([], ["-it"], ["--"]):
        with pytest.raises(InvalidArgument, match="image"):
            parse_run(words)


def test_what_comes_behind_the_image_is_the_command() -> None:
    request = parse_run(["-i", "host", "ls", "-i", "--", "--memory"])
    assert request.command == ("ls", "-i", "--", "--memory")
    assert not request.terminal
    assert parse_run(["--", "host", "-i"]).command == ("-i",)


@pytest.mark.parametrize(
    ("word", "image"),
    [
        ("host", HostImage()),
        ("/srv/root", Directory("/srv/root")),
        ("./root", Directory(f"{Path.cwd()}/root")),
        (".", Directory(str(Path.cwd()))),
        ("debian", Named("debian")),
        ("host:latest", Named("host:latest")),
    ],
)
def test_images(word: str, image: object) -> None:
    assert parse_run([word]).image == image


def test_relative_sources_start_here() -> None:
    (bind,) = parse_run(["-v", "./a:/b", "host"]).mounts
    assert bind == Bind(f"{Path.cwd()}/a", "/b", make_source=True)


def test_how_it_was_written_is_kept() -> None:
    words = "-m 1g --read-only -v /a:/b --tmpfs /c -it --memory-swap=2g --cap-add chown host ls -l"
    written = parse_run(words.split()).written
    assert written["limits.memory_bytes"] == "-m 1g"
    assert written["limits.memory_swap_bytes"] == "--memory-swap 2g"
    assert written["read_only"] == "--read-only"
    assert (written["mounts[0]"], written["mounts[1]"]) == ("-v /a:/b", "--tmpfs /c")
    assert written["terminal"] == "-t"
    assert written["privileges.add[0]"] == "--cap-add chown"
    assert written["command"] == "ls -l"


class TestEnvironment:
    def test_a_name_alone_takes_the_callers_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HERE", "there")
        monkeypatch.delenv("NOWHERE", raising=False)
        request = parse_run(["-e", "HERE", "-e", "NOWHERE", "host"])
        assert request.environment == (("HERE", "there"), ("NOWHERE", None))

    def test_files_come_before_flags(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HERE", "there")
        file = tmp_path / "env"
        file.write_text("# a comment\n\n  A=from file\nHERE\r\nB=x y#z\n")
        request = parse_run(["-e", "A=flag", "--env-file", str(file), "host"])
        assert request.environment == (
            ("A", "from file"),
            ("HERE", "there"),
            ("B", "x y#z"),
            ("A", "flag"),
        )

    @pytest.mark.parametrize("text", [b"=x", b"A B=c", b"\xff=x"])
    def test_a_file_that_is_none(self, tmp_path: Path, text: bytes) -> None:
        file = tmp_path / "env"
        file.write_bytes(text)
        with pytest.raises(InvalidArgument, match="--env-file"):
            parse_run(["--env-file", str(file), "host"])


def test_labels_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("a=b\nc\n")
    request = parse_run(["--label", "a=flag", "--label-file", str(file), "host"])
    assert request.labels == (("a", "b"), ("c", ""), ("a", "flag"))


class TestTable:
    def test_names_are_unique(self) -> None:
        names = [name for flag in FLAGS for name in flag.names]
        assert len(names) == len(set(names))

    def test_every_field_is_one_of_the_request(self) -> None:
        for flag in FLAGS:
            if flag.field and not flag.field.startswith("endpoint."):
                at(Request(), flag.field)

    def test_every_flag_of_docker_run_is_there(self) -> None:
        names = {name for flag in FLAGS for name in flag.names}
        assert set(DOCKERS_FLAGS.split()) - names == set()


# `docker run --help` without what is for Windows, content trust and Docker's own API socket.
DOCKERS_FLAGS = """
    --add-host --annotation --attach -a --blkio-weight --blkio-weight-device --cap-add --cap-drop
    --cgroup-parent --cgroupns --cidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime
    --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --detach -d --detach-keys --device
    --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps
    --device-write-iops --dns --dns-option --dns-search --domainname --entrypoint --env -e
    --env-file --expose --gpus --group-add --health-cmd --health-interval --health-retries
    --health-start-interval --health-start-period --health-timeout --hostname -h --init
    --interactive -i --ip --ip6 --ipc --kernel-memory --label -l --label-file --link
    --link-local-ip --log-driver --log-opt --mac-address --memory -m --memory-reservation
    --memory-swap --memory-swappiness --mount --name --network --network-alias --no-healthcheck
    --oom-kill-disable --oom-score-adj --pid --pids-limit --platform --privileged --publish -p
    --publish-all -P --pull --quiet -q --read-only --restart --rm --runtime --security-opt
    --shm-size --sig-proxy --stop-signal --stop-timeout --storage-opt --sysctl --tmpfs --tty -t
    --ulimit --user -u --userns --uts --volume -v --volume-driver --volumes-from --workdir -w
"""
