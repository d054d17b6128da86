"""Hosts that are only described: nothing of this machine is looked at."""

from __future__ import annotations

from orlop.errors import NotFound, Unsupported
from orlop.intent.cdi import Specifications
from orlop.intent.compose import Composed, compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import Account, DeviceNode, HostFacts, Lookup
from orlop.intent.host_image import HostImageFacts
from orlop.intent.image_accounts import AccountFiles

NODES = (
    DeviceNode("/dev/fuse", "c", 10, 229, 0o666),
    DeviceNode("/dev/sda", "b", 8, 0, 0o660, 0, 6),
    DeviceNode("/dev/snd/pcm", "c", 116, 2, 0o660, 0, 29),
    DeviceNode("/dev/snd/seq", "c", 116, 1, 0o660, 0, 29),
)
ACCOUNTS = {"www-data": Account(33, 33), "me": Account(1000, 100, (5, 6))}
GROUPS = {"adm": 4, "audio": 29}
# Of the image in /srv/root, with lines that are none.
PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:300:301::/:/bin/sh\nbad:x:one:two::/:\nnone\n"
GROUP = "root:x:0:\nweb:x:301:\nstaff:x:77:me,web\nbad:x:-1:web\n"


class FixedLookup(Lookup):
    """What there is on the described host."""

    def nodes(self, path: str) -> tuple[DeviceNode, ...]:
        found = tuple(n for n in NODES if n.path == path or n.path.startswith(f"{path}/"))
        if not found:
            raise NotFound("device", path)
        return found

    def number(self, path: str) -> tuple[int, int]:
        (node,) = self.nodes(path)
        if node.type != "b":
            raise Unsupported(path, needs="a block device")
        return node.major, node.minor

    def is_missing(self, path: str) -> bool:
        return path.startswith("/missing")

    def account(self, name: str) -> Account:
        if name not in ACCOUNTS:
            raise NotFound("user", name)
        return ACCOUNTS[name]

    def account_of(self, uid: int) -> Account | None:
        return next((found for found in ACCOUNTS.values() if found.uid == uid), None)

    def group_id(self, name: str) -> int:
        if name not in GROUPS:
            raise NotFound("group", name)
        return GROUPS[name]

    def account_files(self, layers: tuple[str, ...]) -> AccountFiles:
        return AccountFiles(PASSWD, GROUP) if "/srv/root" in layers else AccountFiles()

    def cdi(self) -> Specifications:
        return Specifications({})

    def host_image(self) -> HostImageFacts:
        return HostImageFacts(("usr", "etc"), (("bin", "usr/bin"),), ("shadow",))


HOST = HostFacts(
    node="machine",
    cpus=4,
    online_cpus=frozenset((0, 1, 3)),
    memory_nodes=frozenset((0,)),
    lookup=FixedLookup(),
)
V1 = HOST.replace(
    cgroup_v2=False, controllers=frozenset(("cpu", "cpuset", "blkio", "memory", "pids"))
)


def composed(flags: str, host: HostFacts = HOST, image: str = "host") -> Composed:
    """What these flags become on a host; a blank inside a word is written as NUL."""
    words = [word.replace("\0", " ") for word in flags.split()]
    return compose(parse_run([*words, image, "prog", "a b"]), host, "0123456789abcdef")
