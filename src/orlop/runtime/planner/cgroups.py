"""Control groups as steps: directories, limits and the device list, then the way in.

On v2 the container's process is born in its cgroup (CLONE_INTO_CGROUP, Linux 5.7). On v1 it
writes itself into each hierarchy; docs/decisions/0002-cgroup-v1-lone-thread.md tells why that
is done by the process itself, through `tasks`.
"""

from __future__ import annotations

import os

from orlop.launch.plan import (
    CGROUP_NEW,
    NO_SLOT,
    AttachDeviceFilter,
    EnterCgroup,
    InheritCpuset,
    MakeCgroup,
    Open,
    Slot,
    WriteCgroup,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.creation import Creation
    from orlop.runtime.planner.builder import Builder
