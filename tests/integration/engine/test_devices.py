"""Devices of the Container Device Interface, as a vendor's specification has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orlop.intent import cdi
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

SPECIFICATION = """\
cdiVersion: 0.6.0
kind: vendor.com/thing
devices:
- name: one
  containerEdits:
    env: [THING=1]
    deviceNodes:
    - {path: /dev/thing, hostPath: /dev/zero}
    mounts:
    - {hostPath: %(directory)s, containerPath: /opt/thing, options: [ro, rbind]}
    hooks:
    - {hookName: createContainer, path: %(directory)s/hook}
"""
# What the vendors' hooks do: from their input to the bundle, and so to the container's root.
HOOK = """\
#!/bin/sh -e
cat >%(directory)s/state
bundle=$(sed 's/.*"bundle": *"\\([^"]*\\)".*/\\1/' %(directory)s/state)
cp "$bundle/config.json" %(directory)s/config.json
echo linked >"$bundle/root/etc/by-hook"
"""


@pytest.fixture
def specified(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the device's hook, whose specification the host has."""
    directory = workspace / "vendor"
    directory.mkdir()
    hook = directory / "hook"
    hook.write_text(HOOK % {"directory": directory})
    hook.chmod(0o755)
    (directory / "vendor.yaml").write_text(SPECIFICATION % {"directory": directory})
    found = cdi.read_specifications([str(directory)])
    assert found.broken == ()
    monkeypatch.setattr(cdi, "read_specifications", lambda: found)
    return directory


def test_a_device_with_mounts_and_hooks(live: Live, specified: Path) -> None:
    script = "echo $THING; head -c 2 /dev/thing | wc -c; ls /opt/thing; cat /etc/by-hook"
    key = live.run(script, "--device vendor.com/thing=one")
    assert live.end(key) == 0, live.log(key)
    words = [json.loads(line)["log"].strip() for line in live.log(key).splitlines()]
    assert words[:2] == ["1", "2"]
    assert words[-1] == "linked"
    assert {"hook", "vendor.yaml"} <= set(words)
    root = json.loads((specified / "config.json").read_text())["root"]["path"]
    assert root == f"{live.get(key).directory}/root"
