from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.kernel import mounts
from orlop.kernel.mounts import (
    BIND,
    BIND_RECURSIVE,
    MAPPED,
    MAPPED_RECURSIVE,
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
    MountOptions,
    parse_mountinfo,
    parse_options,
)

# runtime-spec config.md, "Linux mount options", all of the table.
OPTIONS_OF_THE_SPECIFICATION = """
    async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev
    nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow
    private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec
    rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave
    rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync
    tmpcopyup unbindable idmap ridmap
"""

ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
    "relatime": (0, MOUNT_ATTR__ATIME),
    "norelatime": (0, 0),
}


def test_no_option_of_the_specification_reaches_the_file_system() -> None:
    assert set(OPTIONS_OF_THE_SPECIFICATION.split()) <= set(mounts.KNOWN_OPTIONS)
    for option in mounts.KNOWN_OPTIONS:
        assert parse_options([option]).data == (), option


@pytest.mark.parametrize("option", ATTRIBUTES)
def test_attributes(option: str) -> None:
    to_set, to_clear = ATTRIBUTES[option]
    assert parse_options([option]) == MountOptions(set=to_set, clear=to_clear)
    assert parse_options([f"r{option}"]) == MountOptions(
        recursive_set=to_set, recursive_clear=to_clear
    )


def test_of_contradicting_options_the_last_counts() -> None:
    assert parse_options(["ro", "rw"]) == parse_options(["rw"])
    assert parse_options(["rw", "ro"]) == parse_options(["ro"])
    assert parse_options(["noatime", "strictatime"]) == parse_options(["strictatime"])
    assert parse_options(["strictatime", "relatime"]) == parse_options(["relatime"])
    assert parse_options(["noatime", "norelatime"]) == parse_options(["noatime"])


@given(st.lists(st.sampled_from(mounts.KNOWN_OPTIONS), max_size=12))
def test_the_kernel_would_take_any_combination(options: list[str]) -> None:
    # mount_setattr(2): a value in the access time field needs the whole field in `clear`, and
    # what is cleared and set at once is set.
    found = parse_options(options)
    for to_set, to_clear in (
        (found.set, found.clear),
        (found.recursive_set, found.recursive_clear),
    ):
        assert not to_set & to_clear & ~MOUNT_ATTR__ATIME
        assert to_clear & MOUNT_ATTR__ATIME in (0, MOUNT_ATTR__ATIME)
        assert to_set & MOUNT_ATTR__ATIME in (0, MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME)
        if to_set & MOUNT_ATTR__ATIME:
            assert to_clear & MOUNT_ATTR__ATIME


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("private", MS_PRIVATE),
        ("slave", MS_SLAVE),
        ("shared", MS_SHARED),
        ("unbindable", MS_UNBINDABLE),
    ],
)
def test_propagation(name: str, flag: int) -> None:
    assert parse_options([name]).propagation == ((flag, False),)
    assert parse_options([f"r{name}"]).propagation == ((flag, True),)
    assert mounts.propagation_of(f"r{name}") == (flag, True)


def test_propagation_keeps_its_order() -> None:
    # mount(8): a mount that is to be a slave and shared has to become so in this order.
    assert parse_options(["rslave", "ro", "shared"]).propagation == (
        (MS_SLAVE, True),
        (MS_SHARED, False),
    )


def test_unknown_propagation() -> None:
    with pytest.raises(InvalidArgument, match="'public'"):
        mounts.propagation_of("public")


def test_bind_and_id_maps() -> None:
    assert parse_options([]).bind == mounts.NOT_BIND
    assert parse_options(["bind"]).bind == BIND
    assert parse_options(["bind", "rbind"]).bind == BIND_RECURSIVE
    assert parse_options(["rbind", "bind"]).bind == BIND_RECURSIVE
    assert parse_options([]).id_map == mounts.NOT_MAPPED
    assert parse_options(["idmap"]).id_map == MAPPED
    assert parse_options(["ridmap", "idmap"]).id_map == MAPPED_RECURSIVE
    assert parse_options(["remount"]).remount
    assert parse_options(["tmpcopyup"]).copy_up


def test_parameters_of_the_file_system() -> None:
    found = parse_options(["sync", "size=64m", "nolazytime", "mode=1777", "foo"])
    assert found.superblock == ("sync", "nolazytime")
    assert found.data == ("size=64m", "mode=1777", "foo")


@pytest.mark.parametrize("option", ["defaults", "silent", "loud", "iversion", "noiversion"])
def test_options_without_effect(option: str) -> None:
    assert parse_options([option]) == MountOptions()


@pytest.mark.parametrize("option", ["x-systemd.automount", "X-mount.mkdir", "comment=1", "nofail"])
def test_what_is_for_mount_alone_does_not_reach_the_kernel(option: str) -> None:
    assert parse_options([option]) == MountOptions()


def test_several_options_in_one_string() -> None:
    assert parse_options(["ro,nosuid,size=1m"]) == parse_options(["ro", "nosuid", "size=1m"])
    assert parse_options([",,ro,"]) == parse_options(["ro"])


def test_a_comma_in_quotes_or_behind_a_backslash_is_none() -> None:
    label = "system_u:object_r:container_file_t:s0:c1,c2"
    assert parse_options([f'context="{label}",ro']) == MountOptions(
        set=MOUNT_ATTR_RDONLY, data=(f"context={label}",)
    )
    layers = r"lowerdir=/a\,b:/c\\"
    assert parse_options([f"{layers},upperdir=/d"]).data == (layers, "upperdir=/d")


MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue
42 27 254:0 /a\\040b /with\\040space\\011tab\\012newline\\134n\\043 rw shared:7 - ext4 /dev/vda rw
43 27 0:4 net:[4026531833] /run/net rw - nsfs nsfs rw
44 27 0:50 / /u rw unbindable - tmpfs  rw
45 27 0:51 / /line\u2028separator\r rw - tmpfs none rw
"""


def test_mountinfo() -> None:
    proc, bound, odd, nsfs, unbindable, separator = parse_mountinfo(MOUNTINFO)
    assert proc == mounts.Mount(
        id=22,
        parent=27,
        major=0,
        minor=21,
        root="/",
        target="/proc",
        options=("rw", "relatime"),
        shared=0,
        master=0,
        propagate_from=0,
        unbindable=False,
        type="proc",
        source="proc",
        super_options=("rw",),
    )
    assert (bound.root, bound.target, bound.master, bound.propagate_from) == (
        "/mnt1",
        "/mnt2",
        1,
        2,
    )
    assert bound.super_options == ("rw", "errors=continue")
    assert (odd.root, odd.target) == ("/a b", "/with space\ttab\nnewline\\n#")
    assert odd.shared == 7
    assert nsfs.root == "net:[4026531833]"
    assert (unbindable.unbindable, unbindable.source) == (True, "")
    assert separator.target == "/line\u2028separator\r"


def test_mountinfo_of_this_process() -> None:
    found = {mount.target: mount for mount in mounts.read_mountinfo()}
    assert found["/proc"].type == "proc"
    assert found == {mount.target: mount for mount in mounts.read_mountinfo(os.getpid())}


@pytest.mark.parametrize("line", ["x", "1 2 3 4 5 6", "22 27 0:21 / /proc rw shared:x - a b c"])
def test_mountinfo_of_another_form(line: str) -> None:
    with pytest.raises(InvalidArgument, match="mountinfo"):
        parse_mountinfo(line + "\n")


@pytest.mark.skipif(not Path("/usr/include/linux/mount.h").exists(), reason="needs headers")
def test_numbers_are_those_of_the_header() -> None:
    numbers = {}
    for line in Path("/usr/include/linux/mount.h").read_text().splitlines():
        row = line.split()
        if len(row) > 2 and row[0] == "#define" and row[1].startswith("MOUNT_ATTR_"):
            numbers[row[1]] = int(row[2], 16)
    assert numbers["MOUNT_ATTR_IDMAP"] == mounts.MOUNT_ATTR_IDMAP
    for name in numbers.keys() & vars(mounts).keys():
        assert getattr(mounts, name) == numbers[name], name
