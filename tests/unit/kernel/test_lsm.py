from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, Unsupported
from orlop.kernel import lsm


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_apparmor_by_the_list(tmp_path: Path) -> None:
    write(tmp_path, "sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor,bpf")
    write(tmp_path, "sys/module/apparmor/parameters/enabled", "Y\n")
    assert lsm.active(str(tmp_path)) == (
        "lockdown",
        "capability",
        "landlock",
        "yama",
        "apparmor",
        "bpf",
    )


def test_apparmor_without_securityfs(tmp_path: Path) -> None:
    write(tmp_path, "sys/module/apparmor/parameters/enabled", "Y\n")
    assert lsm.active(str(tmp_path)) == ("apparmor",)
    write(tmp_path, "sys/module/apparmor/parameters/enabled", "N\n")
    assert lsm.active(str(tmp_path)) == ()


def test_selinux_counts_once_it_has_a_policy(tmp_path: Path) -> None:
    write(tmp_path, "sys/kernel/security/lsm", "capability,selinux")
    write(tmp_path, "proc/filesystems", "nodev\tsysfs\nnodev\tselinuxfs\n")
    write(tmp_path, "proc/self/attr/current", "kernel\0")
    assert lsm.active(str(tmp_path)) == ("capability",)
    write(tmp_path, "proc/self/attr/current", "system_u:system_r:unconfined_t:s0\0")
    assert lsm.active(str(tmp_path)) == ("capability", "selinux")


def test_nothing_is_there(tmp_path: Path) -> None:
    assert lsm.active(str(tmp_path)) == ()


def test_require() -> None:
    lsm.require("apparmor", ("capability", "apparmor"))
    with pytest.raises(Unsupported) as failure:
        lsm.require("apparmor", ("capability", "selinux"))
    assert failure.value.needs == "a kernel with AppArmor enabled"


def test_what_is_written_where() -> None:
    label = "system_u:system_r:container_t:s0:c1,c2"
    assert lsm.apparmor_exec("docker-default") == ("attr/apparmor/exec", b"exec docker-default")
    assert lsm.selinux_exec(label) == ("attr/exec", label.encode())
    assert lsm.keyring_label(label) == ("attr/keycreate", label.encode())
    assert lsm.mount_option(label) == f"context={label}"


@pytest.mark.parametrize("label", ["", "a\nb", "a\0b", "a\tb"])
def test_what_cannot_be_a_label(label: str) -> None:
    for function in (lsm.apparmor_exec, lsm.selinux_exec, lsm.keyring_label, lsm.mount_option):
        with pytest.raises(InvalidArgument, match="invalid"):
            function(label)
