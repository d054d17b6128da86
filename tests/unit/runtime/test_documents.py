"""The documents that the runtime writes: the template of a configuration, and its features."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orlop.kernel.features import Features, read_features
from orlop.kernel.mounts import parse_options
from orlop.runtime.config_json import parse_spec
from orlop.runtime.defaults import default_config
from orlop.runtime.features_document import features_document
from orlop.runtime.validate import Facts, validate
from orlop.runtime.validate.version import is_semantic


@pytest.mark.parametrize("rootless", [False, True])
def test_the_template_has_no_mistakes(rootless: bool) -> None:
    spec = parse_spec(default_config(rootless=rootless))
    assert validate(spec, Facts(rootless=rootless)) == ()
    assert spec.process is not None
    assert spec.process.no_new_privileges


def test_the_templates_share_nothing() -> None:
    first = default_config()
    before = copy.deepcopy(first)
    default_config()["mounts"].clear()
    default_config()["linux"]["maskedPaths"].clear()
    default_config()["process"]["capabilities"]["bounding"].clear()
    assert default_config() == first == before


def test_the_rootless_template_maps_only_the_caller() -> None:
    config = default_config(rootless=True)
    spec = parse_spec(config)
    assert [m.size for m in (*spec.linux.uid_mappings, *spec.linux.gid_mappings)] == [1, 1]
    assert spec.linux.namespace("network") is None
    assert spec.linux.resources is None
    options = [option for mount in spec.mounts for option in mount.options]
    assert not any(option.startswith(("uid=", "gid=")) for option in options)
    (sys,) = (mount for mount in spec.mounts if mount.destination == "/sys")
    assert parse_options(sys.options).bind


@pytest.fixture(scope="module")
def features() -> Features:
    return read_features()


@pytest.fixture(scope="module")
def document(features: Features) -> dict[str, Any]:
    return features_document(features)


def base(**linux: Any) -> dict[str, Any]:
    return {"ociVersion": "1.0.0", "root": {"path": "r"}, "linux": linux}


def test_versions_of_the_specification(document: dict[str, Any]) -> None:
    low, high = document["ociVersionMin"], document["ociVersionMax"]
    assert is_semantic(low)
    assert is_semantic(high)
    assert tuple(map(int, low.split("."))) <= tuple(map(int, high.split(".")))
    for version in (low, high):
        validate(parse_spec(base() | {"ociVersion": version}), Facts())


def test_every_listed_word_is_recognised(document: dict[str, Any]) -> None:
    linux = document["linux"]
    names = {name: [{"path": "/bin/x"}] for name in document["hooks"]}
    hooks = parse_spec(base() | {"hooks": names}).hooks
    assert all(getattr(hooks, field) for field in hooks.__record_fields__)
    parsed = parse_spec(base(namespaces=[{"type": kind} for kind in linux["namespaces"]]))
    assert len(parsed.linux.namespaces) == 8
    for mode in linux["memoryPolicy"]["modes"]:
        parse_spec(base(memoryPolicy={"mode": mode, "flags": linux["memoryPolicy"]["flags"]}))
    seccomp = linux["seccomp"]
    for action in seccomp["actions"]:
        parse_spec(base(seccomp={"defaultAction": action, "architectures": seccomp["archs"]}))
    for operator in seccomp["operators"]:
        args = [{"index": 0, "value": 0, "op": operator}]
        rules = [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": args}]
        parse_spec(base(seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    flags = {"defaultAction": "SCMP_ACT_ALLOW", "flags": seccomp["knownFlags"]}
    parse_spec(base(seccomp=flags))
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])


def test_every_listed_mount_option_is_the_runtimes_own(document: dict[str, Any]) -> None:
    assert {"ro", "rro", "rbind", "rslave", "idmap", "ridmap", "tmpcopyup"} <= set(
        document["mountOptions"]
    )
    for option in document["mountOptions"]:
        assert parse_options((option,)).data == (), option


def test_all_lists_are_of_strings_and_without_repetition(document: dict[str, Any]) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            assert all(isinstance(word, str) for word in value)
            assert len(set(value)) == len(value)
        else:
            assert isinstance(value, (bool, str))

    walk(document)
