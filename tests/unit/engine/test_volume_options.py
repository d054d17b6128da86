"""Options of volumes, as mounts."""

from __future__ import annotations

import pytest

from orlop.engine.volumes.options import check_name, placed
from orlop.errors import InvalidArgument, Unsupported
from orlop.intent.request import Bind, Filesystem, Mount, Tmpfs, Volume


def options(type_: str, device: str, o: str = "") -> tuple[tuple[str, str], ...]:
    return (("type", type_), ("device", device), *([("o", o)] if o else []))


@pytest.mark.parametrize(
    ("given", "read_only", "mount"),
    [
        (options("none", "/srv", "bind"), False, Bind("/srv", "/v", recursive=False)),
        (options("none", "/srv", "rbind"), False, Bind("/srv", "/v")),
        (options("none", "/srv", "bind,ro"), False, Bind("/srv", "/v", True, recursive=False)),
        (options("none", "/srv", "bind"), True, Bind("/srv", "/v", True, recursive=False)),
        (options("tmpfs", "tmpfs"), False, Tmpfs("/v")),
        (
            options("tmpfs", "tmpfs", "size=1m,mode=700,noexec"),
            False,
            Tmpfs("/v", options=("size=1m", "mode=700", "noexec")),
        ),
        (options("tmpfs", "tmpfs", "size=1m,rw"), True, Tmpfs("/v", options=("size=1m", "ro"))),
        (options("ext4", "/dev/sdz"), False, Filesystem("ext4", "/dev/sdz", "/v", ("rw",))),
        (
            options("ext4", "/dev/sdz", "noatime,ro"),
            False,
            Filesystem("ext4", "/dev/sdz", "/v", ("noatime", "ro")),
        ),
    ],
)
def test_what_is_mounted(given: tuple[tuple[str, str], ...], read_only: bool, mount: Mount) -> None:
    assert placed(given, Volume("data", "/v", read_only)) == mount


def test_a_type_that_the_kernel_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isdir", lambda _: False)  # and no modules either
    with pytest.raises(Unsupported, match="a kernel with nofs"):
        placed(options("nofs", "x"), Volume("data", "/v"))


@pytest.mark.parametrize("name", ["ab", "a_b", "A.b-c", "0" * 64])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "a", "a/b", "..", "-ab", "ab\n", "ä1"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_name(name)
