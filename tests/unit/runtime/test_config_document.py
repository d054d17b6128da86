"""config.json out of the records: what was read comes out again."""

from __future__ import annotations

from typing import Any

import pytest

from orlop import jsontext
from orlop.records import Record, fields
from orlop.runtime import spec as spec_module
from orlop.runtime.config_document import document
from orlop.runtime.config_json import parse_spec
from orlop.runtime.defaults import default_config
from orlop.runtime.seccomp_default import default_profile

# Every field of every record, with a value that is not the default.
FULL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "process": {
        "cwd": "/tmp",
        "args": ["a"],
        "env": ["A=b"],
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3], "username": "x"},
        "terminal": True,
        "consoleSize": {"height": 1, "width": 2},
        "capabilities": {
            "bounding": ["CAP_CHOWN"],
            "effective": ["CAP_CHOWN"],
            "inheritable": ["CAP_CHOWN"],
            "permitted": ["CAP_CHOWN"],
            "ambient": ["CAP_CHOWN"],
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
        "noNewPrivileges": True,
        "apparmorProfile": "p",
        "selinuxLabel": "l",
        "oomScoreAdj": 5,
        "scheduler": {
            "policy": "SCHED_DEADLINE",
            "nice": 1,
            "priority": 2,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            "runtime": 3,
            "deadline": 4,
            "period": 5,
        },
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "execCPUAffinity": {"initial": "0-1", "final": "3"},
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "h",
    "domainname": "d",
    "mounts": [
        {
            "destination": "/m",
            "type": "bind",
            "source": "/s",
            "options": ["bind"],
            "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}],
            "gidMappings": [{"containerID": 0, "hostID": 1, "size": 2}],
        }
    ],
    "hooks": {
        kind: [{"path": "/h", "args": ["h"], "env": ["E=f"], "timeout": 3}]
        for kind in spec_module.HOOK_KINDS
    },
    "annotations": {"a": "b"},
    "linux": {
        "namespaces": [{"type": "pid", "path": "/proc/1/ns/pid"}],
        "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}],
        "gidMappings": [{"containerID": 0, "hostID": 1, "size": 2}],
        "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}},
        "devices": [
            {
                "type": "c",
                "path": "/dev/x",
                "major": 1,
                "minor": 2,
                "fileMode": 384,
                "uid": 3,
                "gid": 4,
            }
        ],
        "netDevices": {"eth0": {"name": "eth1"}},
        "cgroupsPath": "/x",
        "resources": {
            "devices": [{"allow": True, "type": "c", "major": 1, "minor": 2, "access": "r"}],
            "memory": {
                "limit": 1,
                "reservation": 2,
                "swap": 3,
                "kernel": 4,
                "kernelTCP": 5,
                "swappiness": 6,
                "disableOOMKiller": True,
                "useHierarchy": True,
                "checkBeforeUpdate": True,
            },
            "cpu": {
                "shares": 1,
                "quota": 2,
                "burst": 3,
                "period": 4,
                "realtimeRuntime": 5,
                "realtimePeriod": 6,
                "cpus": "0",
                "mems": "0",
                "idle": 1,
            },
            "pids": {"limit": 7},
            "blockIO": {
                "weight": 10,
                "leafWeight": 11,
                "weightDevice": [{"major": 1, "minor": 2, "weight": 12, "leafWeight": 13}],
                "throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 3}],
                "throttleWriteBpsDevice": [{"major": 1, "minor": 2, "rate": 3}],
                "throttleReadIOPSDevice": [{"major": 1, "minor": 2, "rate": 3}],
                "throttleWriteIOPSDevice": [{"major": 1, "minor": 2, "rate": 3}],
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 3}],
            "network": {"classID": 1, "priorities": [{"name": "eth0", "priority": 2}]},
            "rdma": {"mlx": {"hcaHandles": 1, "hcaObjects": 2}},
            "unified": {"memory.high": "max"},
        },
        "rootfsPropagation": "rslave",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/l",
            "listenerMetadata": "m",
            "syscalls": [
                {
                    "names": ["a"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 2,
                    "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_NE"}],
                }
            ],
        },
        "sysctl": {"net.x": "1"},
        "maskedPaths": ["/m"],
        "readonlyPaths": ["/r"],
        "mountLabel": "l",
        "personality": {"domain": "LINUX32", "flags": ["f"]},
        "intelRdt": {
            "closID": "c",
            "schemata": ["s"],
            "l3CacheSchema": "l",
            "memBwSchema": "m",
            "enableMonitoring": True,
        },
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0,2", "flags": ["MPOL_F_STATIC_NODES"]},
    },
}


def at_defaults(record: Record, where: str = "") -> list[str]:
    """The fields that have their defaults, below a record."""
    found = []
    for field in fields(record):
        value = getattr(record, field)
        path = f"{where}.{field}"
        if value == record.__record_defaults__.get(field, object()):
            found.append(path)
        for item in (
            value if isinstance(value, tuple) and not isinstance(value, Record) else (value,)
        ):
            if isinstance(item, Record):
                found += at_defaults(item, path)
    return found


def test_the_sample_says_something_in_every_field() -> None:
    assert at_defaults(parse_spec(FULL)) == []


def test_what_was_read_is_written_in_the_same_words() -> None:
    again = document(parse_spec(FULL))
    # Number lists have several forms.
    expected = {
        **FULL,
        "process": {**FULL["process"], "execCPUAffinity": {"initial": "0,1", "final": "3"}},
    }
    assert again == expected


@pytest.mark.parametrize("rootless", [False, True])
def test_reading_what_was_written_gives_the_same(rootless: bool) -> None:
    spec = parse_spec(default_config(rootless=rootless))
    assert parse_spec(jsontext.loads(jsontext.dumps(document(spec)))) == spec


def test_a_seccomp_profile_on_its_own() -> None:
    profile = default_profile((), "x86_64")
    spec = parse_spec({"ociVersion": "1.0.0", "linux": {"seccomp": document(profile)}})
    assert spec.linux.seccomp == profile


def test_no_flags_are_not_the_same_as_nothing_said() -> None:
    profile = default_profile((), "x86_64")
    assert "flags" not in document(profile)
    assert document(profile.replace(flags=()))["flags"] == []
