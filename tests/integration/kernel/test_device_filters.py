"""Device filters by their tags: the kernel's digests of their instructions."""

from __future__ import annotations

import pytest

from orlop.kernel.cgroup.devices import program
from orlop.kernel.cgroup.devices_attach import tag
from orlop.kernel.cgroup.resources import DeviceRule

pytestmark = pytest.mark.requires_root

FUSE = DeviceRule(allow=True, type="c", major=10, minor=229)


def test_tags_tell_programs_apart() -> None:
    fuse = tag(program((FUSE,)))
    assert len(fuse) == 8
    assert tag(program((FUSE,))) == fuse
    assert tag(program((FUSE.replace(minor=230),))) != fuse
