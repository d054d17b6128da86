"""What of the host's /etc is not for containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.runtime.host_root import secrets

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
