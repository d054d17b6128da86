"""Linux security modules: which are there, and how a process or mount gets its label.

Labels are set by writing to files of /proc/PID; the functions here say which file and what, and
leave the writing to the launcher. None of them looks whether the security module is there.

See: apparmor(7), the kernel's admin-guide/LSM; runtime-spec config.md#linux-process.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

APPARMOR = "apparmor"
SELINUX = "selinux"
_DISPLAY_NAMES = {APPARMOR: "AppArmor", SELINUX: "SELinux"}


def active(root: str = "/") -> tuple[str, ...]:
    """The security modules of the running kernel by the kernel's names ("apparmor").

    Without securityfs only AppArmor and SELinux are found. SELinux counts once a policy is loaded.

    Args:
        root: where /proc and /sys are looked for; another one is for tests.
    """
    found = [name for name in _read(f"{root}/sys/kernel/security/lsm").strip().split(",") if name]
    for name, present in ((APPARMOR, _has_apparmor(root)), (SELINUX, _has_selinux(root))):
        if present and name not in found:
            found.append(name)
        if not present and name in found:
            found.remove(name)
    return tuple(found)


def _has_apparmor(root: str) -> bool:
    return _read(f"{root}/sys/module/apparmor/parameters/enabled").strip() == "Y"


def _has_selinux(root: str) -> bool:
    if "\tselinuxfs\n" not in _read(f"{root}/proc/filesystems"):
        return False
    # "kernel" is everybody's context before a policy is loaded; see is_selinux_enabled(3).
    return _read(f"{root}/proc/self/attr/current").strip("\0\n") not in ("", "kernel")


def _read(path: str) -> str:
    try:
        with open(path, errors="surrogateescape") as file:
            return file.read()
    except OSError:  # an LSM that is not there makes some of these EINVAL
        return ""


def require(name: str, modules: Iterable[str]) -> None:
    """The module is among those that are active.

    Raises:
        Unsupported: it is not.
    """
    if name not in modules:
        display = _DISPLAY_NAMES.get(name, name)
        raise Unsupported(f"an {display} label", needs=f"a kernel with {display} enabled")


def read_label(pid: int, module: str) -> str:
    """The label of a process from APPARMOR or SELINUX, as "docker-default (enforce)"; "" for none.

    One that cannot be read counts as none.
    """
    file = "attr/apparmor/current" if module == APPARMOR else "attr/current"
    return _read(f"/proc/{pid}/{file}").strip("\0\n")


def apparmor_exec(profile: str) -> tuple[str, bytes]:
    """The file below /proc/PID, and what to write there for an AppArmor profile upon execve(2).

    Raises:
        InvalidArgument: no profile can have that name.
    """
    # Not attr/exec, which belongs to whichever LSM is first; this one exists since Linux 5.8.
    return "attr/apparmor/exec", b"exec " + _label(profile, "AppArmor profile")


def selinux_exec(label: str) -> tuple[str, bytes]:
    """The file below /proc/PID, and what to write there for an SELinux label upon execve(2).

    Raises:
        InvalidArgument: no label can look like that.
    """
    return "attr/exec", _label(label, "SELinux label")


def keyring_label(label: str) -> tuple[str, bytes]:
    """The file below /proc/PID, and what to write there for the SELinux label of new keys.

    Raises:
        InvalidArgument: no label can look like that.
    """
    return "attr/keycreate", _label(label, "SELinux label")


def mount_option(label: str) -> str:
    """The fsconfig(2) parameter by which all files of a new file system have an SELinux label.

    Raises:
        InvalidArgument: no label can look like that.
    """
    return f"context={_label(label, 'SELinux label').decode()}"


def _label(text: str, what: str) -> bytes:
    if not text or not text.isprintable():
        raise InvalidArgument(f"invalid {what} {text!r}")
    return text.encode()
