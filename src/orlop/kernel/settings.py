"""Host name and sysctls as they are in the namespaces of a process.

The files are those of this process's own /proc; whose values they show is decided by the namespaces
of the thread that opens them.

See: uts_namespaces(7), proc_sys(5), the kernel's admin-guide/sysctl.
"""

from __future__ import annotations

import os

from orlop.kernel.namespaces import IPC, NETWORK, UTS
from orlop.kernel.netns import within
from orlop.kernel.process import open_pidfd
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.kernel.process import Identity

_HOST_NAME, _DOMAIN_NAME = "kernel/hostname", "kernel/domainname"


class Settings(Record):
    """What a process's UTS, IPC and network namespaces are set to.

    Attributes:
        host_name, domain_name: "(none)" is the kernel's word for no domain name.
        sysctls: by path ("net/ipv4/ip_forward"), white space as single blanks; None for one that
            this kernel does not have, or that may not be read.
    """

    host_name: str
    domain_name: str
    sysctls: Mapping[str, str | None]


def read_settings(process: Identity, sysctls: Iterable[str]) -> Settings:
    """The settings that a process has, with these sysctls of its namespaces (paths).

    Raises:
        NotFound: the process is gone.
        PermissionDenied: its namespaces may not be entered.
        SyscallError: as setns(2).
    """
    paths = tuple(sysctls)
    pidfd = open_pidfd(process)
    try:
        return within(pidfd, lambda: _read_all(paths), UTS.flag | IPC.flag | NETWORK.flag)
    finally:
        os.close(pidfd)


def _read_all(paths: tuple[str, ...]) -> Settings:
    return Settings(
        host_name=read_sysctl(_HOST_NAME) or "",
        domain_name=read_sysctl(_DOMAIN_NAME) or "",
        sysctls={path: read_sysctl(path) for path in paths},
    )


def read_sysctl(path: str) -> str | None:
    """A sysctl of this thread's namespaces by its path, None if there is none or it is secret."""
    try:
        with open(f"/proc/sys/{path}", errors="surrogateescape") as file:
            return " ".join(file.read().split())
    except OSError:
        return None
