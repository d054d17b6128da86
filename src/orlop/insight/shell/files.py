"""Files in the container: directories, links, device nodes; and names of the system."""

from __future__ import annotations

import stat

from orlop.insight.shell.functions import MAKE_DIRECTORY, MAKE_LINK, MAKE_NODE
from orlop.insight.shell.words import word
from orlop.launch.plan import (
    MakeDirectory,
    MakeNode,
    MakeSymlink,
    SetDomainname,
    SetHostname,
    WriteSysctl,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings

_NODE_TYPES = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}
_USUAL_MODE = 0o755


def _make_directory(op: MakeDirectory, d: Draft) -> None:
    place = d.slots.place(op.base, op.path)
    if place.host:
        path = d.path(place.path)
        d.here(f"[ -d {path} ] || mkdir -m {op.mode:o} -- {path}")
        return
    d.use(MAKE_DIRECTORY)
    mode = "" if op.mode == _USUAL_MODE else f" {op.mode:o}"
    d.here(f"make_directory {word(place.path)}{mode}")
    d.reply = place.path


def _make_symlink(op: MakeSymlink, d: Draft) -> None:
    d.use(MAKE_LINK)
    d.here(f"make_link {word(d.slots.place(op.base, op.path).path)} {word(op.target)}")
    d.reply = ""


def _make_node(op: MakeNode, d: Draft) -> None:
    d.use(MAKE_NODE)
    path = word(d.slots.place(op.base, op.path).path)
    kind = _NODE_TYPES[stat.S_IFMT(op.mode)]
    number = "" if kind == "p" else f" {op.major} {op.minor}"
    mode = f"{stat.S_IMODE(op.mode):o}"
    d.here(f"make_node {path} {mode} {op.uid}:{op.gid} {kind}{number}")
    d.reply = ""


def _set_hostname(op: SetHostname, d: Draft) -> None:
    d.here(_naming("hostname", op.name))


def _set_domainname(op: SetDomainname, d: Draft) -> None:
    d.here(_naming("domainname", op.name))


def _naming(tool: str, name: str) -> str:
    """The tools refuse names that the kernel takes, as those with an underscore."""
    if name.replace("-", "").replace(".", "").isalnum() and name.isascii():
        return f"{tool} -- {word(name)}"
    return f"printf %s {word(name)} > /proc/sys/kernel/{tool}"


def _write_sysctl(op: WriteSysctl, d: Draft) -> None:
    d.here(f"echo {word(op.value)} > {word('/proc/sys/' + op.name)}")


RENDERINGS: Renderings = {
    MakeDirectory: _make_directory,
    MakeSymlink: _make_symlink,
    MakeNode: _make_node,
    SetHostname: _set_hostname,
    SetDomainname: _set_domainname,
    WriteSysctl: _write_sysctl,
}
