"""What of the host's /etc is not for containers."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orlop.errors import SyscallError
from orlop.intent.host_image import (
    HostImageFacts,
    make,
    overlays,
    read_host_image,
    secrets,
)

TREE = {
    "passwd": 0o644,
    "shadow": 0o640,
    "key": 0o600,
    "odd": 0o604,  # others may read it, so it is no secret
    "ssl/certs/ca.pem": 0o644,
    "ssl/private/server.key": 0o644,
    "ssl/deep/er/password": 0o400,
    "names-only/file": 0o644,
    "no-names/file": 0o644,
    "no-names/below/file": 0o600,
}
MODES = {"ssl/private": 0o710, "names-only": 0o754, "no-names": 0o751}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    for name, mode in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(mode)
    for name, mode in MODES.items():
        (tmp_path / name).chmod(mode)
    return tmp_path


def found(etc: Path) -> set[str]:
    return {str(Path(path).relative_to(etc)) for path in secrets(str(etc))}


def test_secrets(etc: Path) -> None:
    assert found(etc) == {
        "shadow",
        "key",
        "ssl/private",
        "ssl/deep/er/password",
        "names-only",
        "no-names",
    }


def test_links_are_judged_by_what_they_lead_to(etc: Path) -> None:
    (etc / "link-to-file").symlink_to("shadow")
    (etc / "link-to-directory").symlink_to("ssl")
    (etc / "loop").symlink_to(".")
    (etc / "dangling").symlink_to("nowhere")
    before = found(etc)
    assert not {name for name in before if "link" in name or "loop" in name or "dang" in name}


def test_nothing_to_hide(tmp_path: Path) -> None:
    assert found(tmp_path) == set()


class TestLayers:
    FACTS = HostImageFacts(("usr", "etc"), (("bin", "usr/bin"),), ("shadow", "ssl/private"))

    def test_a_name_for_each_state_of_the_host(self) -> None:
        others = (
            self.FACTS.replace(shared=("usr",)),
            self.FACTS.replace(links=()),
            self.FACTS.replace(secrets=("shadow",)),
        )
        assert len({facts.name for facts in (self.FACTS, *others)}) == 4
        assert self.FACTS.name == self.FACTS.replace().name

    def test_secrets_are_covered_by_the_layer_above(self) -> None:
        assert overlays(self.FACTS, "/own")[2].lowers == ("/own/etc", "/etc")

    def test_made_once(self, tmp_path: Path) -> None:
        own = tmp_path / "host/name"
        facts = HostImageFacts(("usr", "etc"), (("bin", "usr/bin"),), ("shadow", "gone"))
        make(facts, str(own))
        root = own / "root"
        assert (root / "bin").readlink() == Path("usr/bin")
        assert {path.name for path in root.iterdir()} >= {"usr", "etc", "proc", "dev", "tmp"}
        assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
        assert (root / "root").stat().st_mode & 0o7777 == 0o700
        status = (own / "etc/shadow").stat()
        assert stat.S_ISCHR(status.st_mode)
        assert status.st_rdev == 0
        before = own.stat()
        make(facts, str(own))
        assert own.stat().st_ino == before.st_ino
        assert [path.name for path in own.parent.iterdir()] == ["name"]

    def test_nothing_is_left_of_what_could_not_be_made(self, tmp_path: Path) -> None:
        facts = HostImageFacts(secrets=("no/such/directory/of/the/host/key",))
        with pytest.raises(SyscallError):
            make(facts, str(tmp_path / "name"))
        assert list(tmp_path.iterdir()) == []


def test_this_machine() -> None:
    facts = read_host_image()
    assert {"usr", "etc"} <= set(facts.shared)
    assert "shadow" in facts.secrets
    assert "passwd" not in facts.secrets
