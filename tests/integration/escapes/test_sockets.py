"""Sockets without a file: CVE-2020-15257.

Whoever shares the host's network namespace can connect to its abstract unix sockets, so a
runtime that keeps one offers its controls to every container with host networking.

runc 1.1.5 passes the first.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import process
from tests.integration.support.bundles import REMOVE
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

SOCKETS = Path("/proc/net/unix")


def abstract(listing: str) -> set[str]:
    """The names of the abstract sockets in a text in the form of /proc/net/unix."""
    names = (line.split()[-1] for line in listing.splitlines()[1:])
    return {name for name in names if name.startswith("@")}


def test_a_container_in_the_hosts_network_sees_no_socket_of_the_runtime(
    runtime: Runtime, trap: Trap
) -> None:
    # The tests have a network namespace of their own, so what is in it is the runtime's.
    before = abstract(SOCKETS.read_text())
    victim = trap(process=process(), namespaces={"network": REMOVE})
    container = runtime.create(victim)
    assert abstract(SOCKETS.read_text()) == before, "while it is created"
    container.start()
    assert abstract(SOCKETS.read_text()) == before, "while it runs"
    inside = container.exec(["cat", str(SOCKETS)]).ok().out
    assert abstract(inside) == before, "during an exec"
    foreground = runtime.run(
        trap(["cat", str(SOCKETS)], process=process(), namespaces={"network": REMOVE})
    )
    assert abstract(foreground.ok().out) == before, "during a run"


@pytest.mark.runc_differs("every user may open its exec.fifo")
def test_state_is_only_roots(runtime: Runtime, trap: Trap) -> None:
    """No file or socket of the runtime's state can be used or changed by other users."""
    runtime.create(trap(process=process()))
    for path in (runtime.root, *runtime.root.rglob("*")):
        st = path.lstat()
        assert st.st_uid == 0, path
        assert path.is_symlink() or not st.st_mode & 0o022, f"{path} can be written by others"
