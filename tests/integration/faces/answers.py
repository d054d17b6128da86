"""What an engine could say of some containers, images, volumes and networks."""

from __future__ import annotations

import json
import time
from typing import Any

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what an engine says
_NOW = int(time.time())
_DAY = 86400
_WEB, _OLD = "a" * 64, "c" * 64
_IMAGE = f"sha256:{'1' * 64}"

CONTAINERS: list[dict[str, Any]] = [
    {
        "Id": _WEB,
        "Names": ["/web", "/other/alias"],
        "Image": "docker.io/library/debian:12",
        "ImageID": f"sha256:{'b' * 64}",
        "Command": "sh -c 'sleep 10000; echo hello world'",
        "Created": _NOW - 125,
        "Ports": [
            {"IP": EVERYWHERE, "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 443, "Type": "tcp"},
            {"PrivatePort": 444, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"},
            {"IP": "127.0.0.1", "PrivatePort": 90, "PublicPort": 90, "Type": "tcp"},
            {"IP": "127.0.0.1", "PrivatePort": 91, "PublicPort": 91, "Type": "tcp"},
        ],
        "State": "running",
        "Status": "Up 2 minutes (healthy)",
        "Labels": {"a": "1", "com.example.some-thing_else": "x"},
        "SizeRw": 12345,
        "SizeRootFs": 123456789,
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "Mounts": [
            {"Type": "volume", "Name": "v" * 64, "Driver": "local", "Destination": "/x"},
            {"Type": "bind", "Source": "/home/very/long/path/indeed", "Destination": "/y"},
        ],
    },
    {
        "Id": _OLD,
        "Names": ["/old"],
        "Image": f"sha256:{'b' * 64}",
        "ImageID": f"sha256:{'b' * 64}",
        "Command": "true \u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e",
        "Created": _NOW - 100_000,
        "Ports": [],
        "State": "exited",
        "Status": "Exited (0) 1 day ago",
        "Labels": None,
        "NetworkSettings": {"Networks": {}},
        "Mounts": [],
    },
]
IMAGES: list[dict[str, Any]] = [
    {
        "Id": _IMAGE,
        "ParentId": "",
        "RepoTags": ["debian:12"],
        "RepoDigests": [f"debian@sha256:{'d' * 64}"],
        "Created": _NOW - 40 * _DAY,
        "Size": 123456789,
        "SharedSize": -1,
        "Labels": {},
        "Containers": -1,
    },
    {
        "Id": f"sha256:{'2' * 64}",
        "RepoTags": [],
        "RepoDigests": [],
        "Created": _NOW - 3700,
        "Size": 1234,
        "SharedSize": 10,
        "Containers": 3,
    },
    {
        "Id": f"sha256:{'3' * 64}",
        "RepoTags": ["<none>:<none>"],
        "RepoDigests": ["<none>@<none>"],
        "Created": _NOW - 2 * 365 * _DAY - 3 * _DAY,
        "Size": 999_999_999,
    },
    {
        "Id": f"sha256:{'4' * 64}",
        "RepoTags": None,
        "RepoDigests": [f"localhost:5000/foo/bar@sha256:{'e' * 64}"],
        "Created": 0,
        "Size": 999_999,
    },
]
VOLUMES: list[dict[str, Any]] = [
    {
        "Name": "v10",
        "Driver": "local",
        "Mountpoint": "/var/x",
        "Labels": {"a": "1"},
        "Scope": "local",
        "UsageData": {"Size": 100, "RefCount": 2},
    },
    {
        "Name": "v9",
        "Driver": "local",
        "Mountpoint": "/var/y",
        "Scope": "local",
        "Labels": None,
        "UsageData": {"Size": 5, "RefCount": 0},
    },
]
NETWORKS: list[dict[str, Any]] = [
    {
        "Name": "host",
        "Id": "1" * 64,
        "Driver": "host",
        "Scope": "local",
        "Created": "2020-01-02T03:04:05.678Z",
        "Labels": {"x": "y"},
    },
    {
        "Name": "bridge",
        "Id": "2" * 64,
        "Driver": "bridge",
        "Scope": "local",
        "Internal": True,
        "Created": "2020-01-02T03:04:05.678Z",
    },
]
HISTORY: list[dict[str, Any]] = [
    {
        "Id": _IMAGE,
        "Created": _NOW - 4000,
        "CreatedBy": '/bin/sh -c #(nop) CMD ["sh"] and more text to be cut somewhere',
        "Size": 0,
        "Tags": ["a:b"],
        "Comment": "a comment",
    },
    {
        "Id": "<missing>",
        "Created": _NOW - 3 * _DAY,
        "CreatedBy": "x\ty",
        "Size": 2_000_000,
        "Tags": None,
        "Comment": "",
    },
]
CONTAINER: dict[str, Any] = {
    "Id": _WEB,
    "Created": "2024-05-01T10:00:00.123456789Z",
    "Path": "sh",
    "Args": ["-c", "sleep 1 && echo <x>"],
    "State": {
        "Status": "running",
        "Running": True,
        "Pid": 123456789,
        "Health": {
            "Status": "healthy",
            "FailingStreak": 0,
            "Log": [
                {
                    "Start": "2024-05-01T10:00:01.5Z",
                    "End": "2024-05-01T10:00:02+02:00",
                    "ExitCode": 0,
                    "Output": "ok\n",
                }
            ],
        },
    },
    "Image": _IMAGE,
    "Name": "/web",
    "RestartCount": 3,
    "Mounts": [{"Type": "bind", "Source": "/a", "Destination": "/b", "RW": True}],
    "Config": {
        "Hostname": "web",
        "Env": ["A=1", "B=2"],
        "Cmd": ["-c", "true"],
        "Entrypoint": None,
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "1"},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 90_500_000_000, "Retries": 3},
        "Tty": False,
    },
    "HostConfig": {
        "NetworkMode": "default",
        "Memory": 268435456,
        "NanoCpus": 1500000000,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "Ulimits": [{"Name": "nofile", "Hard": 20, "Soft": 10}],
        "Binds": ["/a:/b"],
        "PidsLimit": None,
    },
    "GraphDriver": {"Name": "overlay2", "Data": {"LowerDir": "/l", "UpperDir": "/u"}},
    "NetworkSettings": {
        "Ports": {
            "80/tcp": [
                {"HostIp": EVERYWHERE, "HostPort": "8080"},
                {"HostIp": "::", "HostPort": "8080"},
            ],
            "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
            "443/tcp": None,
        },
        "Networks": {"bridge": {"IPAddress": "172.17.0.2", "Gateway": "172.17.0.1"}},
        "IPAddress": "172.17.0.2",
    },
    "SomethingNew": {"Number": 1.5, "Text": "x"},
}
IMAGE: dict[str, Any] = {
    "Id": _IMAGE,
    "RepoTags": ["debian:12"],
    "Created": "2024-05-01T10:00:00Z",
    "Config": {"Env": ["A=1"], "Cmd": ["bash"], "Labels": None, "ExposedPorts": {"80/tcp": {}}},
    "Architecture": "amd64",
    "Os": "linux",
    "Size": 123456789,
    "RootFS": {"Type": "layers", "Layers": ["sha256:1", "sha256:2"]},
    "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
}
NETWORK: dict[str, Any] = {
    "Name": "bridge",
    "Id": "2" * 64,
    "Created": "2020-01-02T03:04:05.678+01:00",
    "Driver": "bridge",
    "Scope": "local",
    "IPAM": {"Driver": "default", "Config": [{"Subnet": "172.17.0.0/16"}]},
    "Containers": {_WEB: {"Name": "web", "IPv4Address": "172.17.0.2/16"}},
    "Options": {},
    "Labels": {},
}
STATS: dict[str, Any] = {
    "name": "/web",
    "id": _WEB,
    "read": "2024-01-01T00:00:01Z",
    "preread": "2024-01-01T00:00:00Z",
    "pids_stats": {"current": 7},
    "cpu_stats": {
        "cpu_usage": {"total_usage": 200_000_000},
        "system_cpu_usage": 2_000_000_000,
        "online_cpus": 2,
    },
    "precpu_stats": {
        "cpu_usage": {"total_usage": 100_000_000},
        "system_cpu_usage": 1_000_000_000,
        "online_cpus": 2,
    },
    "memory_stats": {
        "usage": 12345678,
        "limit": 987654321,
        "stats": {"total_inactive_file": 45678},
    },
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"op": "Read", "value": 1000},
            {"op": "Write", "value": 2_000_000},
        ]
    },
    "networks": {"eth0": {"rx_bytes": 5000, "tx_bytes": 600}},
}
EVENTS: list[dict[str, Any]] = [
    {
        "status": "start",
        "id": _WEB,
        "from": "debian",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": _WEB, "Attributes": {"name": "web", "image": "debian"}},
        "scope": "local",
        "time": 1700000000,
        "timeNano": 1700000000123456789,
    },
    {
        "Type": "image",
        "Action": "pull",
        "Actor": {"ID": "debian:12", "Attributes": {}},
        "time": 1700000001,
        "timeNano": 1700000001000000000,
    },
]
INFO: dict[str, Any] = {
    "ID": "abc",
    "Containers": 3,
    "ContainersRunning": 1,
    "ContainersPaused": 1,
    "ContainersStopped": 1,
    "Images": 5,
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"]],
    "Plugins": {"Volume": ["local"], "Network": ["bridge", "host"], "Log": ["json-file"]},
    "LoggingDriver": "json-file",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "KernelVersion": "6.1",
    "OperatingSystem": "Debian",
    "OSType": "linux",
    "Architecture": "x86_64",
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {
            "docker.io": {"Name": "docker.io", "Secure": True},
            "local:5000": {"Name": "local:5000", "Secure": False},
        },
        "Mirrors": ["https://mirror/"],
    },
    "NCPU": 2,
    "MemTotal": 25_000_000_000,
    "DockerRootDir": "/var/lib/x",
    "HttpProxy": "http://proxy",
    "Name": "host",
    "Labels": ["a=b"],
    "ServerVersion": "1.2",
    "Runtimes": {"orlop": {"path": "x"}},
    "DefaultRuntime": "orlop",
    "Swarm": {"LocalNodeState": "inactive"},
    "LiveRestoreEnabled": True,
    "InitBinary": "orlop-init",
    "ContainerdCommit": {"ID": "c1"},
    "RuncCommit": {"ID": "r1"},
    "InitCommit": {"ID": "i1"},
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "Warnings": ["WARNING: No swap limit support"],
    "CDISpecDirs": ["/etc/cdi"],
}
VERSION: dict[str, Any] = {
    "Platform": {"Name": "orlop"},
    "Components": [
        {"Name": "Engine", "Version": "1.2", "Details": {"ApiVersion": "1.47", "Os": "linux"}},
        {"Name": "launcher", "Version": "9", "Details": {"GitCommit": "zz"}},
    ],
    "Version": "1.2",
    "ApiVersion": "1.47",
    "MinAPIVersion": "1.24",
    "GitCommit": "abc",
    "Os": "linux",
    "Arch": "amd64",
}
SPACE: dict[str, Any] = {
    "LayersSize": 123456,
    "Images": [
        {
            "Id": _IMAGE,
            "RepoTags": ["debian:12"],
            "RepoDigests": [],
            "Created": _NOW - 100,
            "Size": 100_000,
            "SharedSize": 0,
            "Containers": 1,
        },
        {
            "Id": f"sha256:{'2' * 64}",
            "RepoTags": None,
            "RepoDigests": None,
            "Created": _NOW - 100,
            "Size": 1000,
            "SharedSize": 500,
            "Containers": 0,
        },
    ],
    "Containers": CONTAINERS,
    "Volumes": VOLUMES,
    "BuildCache": [],
}

ANSWERS: dict[str, Any] = {
    "/containers/json": CONTAINERS,
    "/containers/web/json": CONTAINER,
    "/containers/web/changes": [{"Kind": 0, "Path": "/a"}, {"Kind": 1, "Path": "/b"}],
    "/containers/web/top": {
        "Titles": ["UID", "PID", "CMD"],
        "Processes": [["root", "123", "sleep 1000"], ["a-user-with-a-long-name", "4", "x"]],
    },
    "/containers/web/stats": STATS,
    "/images/json": IMAGES,
    "/images/debian/history": HISTORY,
    "/images/debian/json": IMAGE,
    "/images/search": [
        {"name": "debian", "description": "a " * 60, "star_count": 5, "is_official": True},
        {"name": "x/y", "description": "b\nc", "star_count": 0},
    ],
    "/volumes": {"Volumes": VOLUMES, "Warnings": None},
    "/volumes/data": {**VOLUMES[0], "Name": "data", "CreatedAt": "2024-05-01T10:00:00Z"},
    "/networks": NETWORKS,
    "/networks/bridge": NETWORK,
    "/events": "".join(f"{json.dumps(event)}\n" for event in EVENTS).encode(),
    "/info": INFO,
    "/version": VERSION,
    "/system/df": SPACE,
}
