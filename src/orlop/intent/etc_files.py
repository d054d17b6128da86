"""/etc/hosts, /etc/hostname and /etc/resolv.conf: what the container's names are, and who answers.

They are files in the container's directory on the host, bound over what the image has.
"""

from __future__ import annotations

from orlop.errors import Unsupported
from orlop.intent.docker_defaults import DEFAULT
from orlop.intent.forms.network import HOST_GATEWAY
from orlop.intent.isolation import hostname_in, mode_of
from orlop.intent.preparation import (
    HOSTS,
    RESOLV_CONF,
    CopyHosts,
    CopyResolvConf,
    Preparation,
    WriteFile,
    hosts,
)
from orlop.intent.request import Host
from orlop.runtime.spec import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.intent.draft import Draft
    from orlop.intent.request import Pairs

_OPTIONS = ("rbind", "rprivate")
_LOOPBACK = "127.0.0.1"
_LOCAL = (
    ("localhost", _LOOPBACK),
    ("localhost ip6-localhost ip6-loopback", "::1"),
    ("ip6-localnet", "fe00::"),
    ("ip6-mcastprefix", "ff00::"),
    ("ip6-allnodes", "ff02::1"),
    ("ip6-allrouters", "ff02::2"),
)


def etc_files(draft: Draft) -> Mapping[str, tuple[Mount, str]]:
    """The mounts by their targets, each with its cause; what they show has to be prepared."""
    _check_names(draft)
    own = draft.directory
    names = draft.all_written("extra_hosts")
    dns = (*draft.all_written("dns"), *draft.all_written("dns_search"))
    dns += draft.all_written("dns_options")
    files = (
        (HOSTS, _hosts(draft, f"{own}/hosts"), names),
        ("/etc/hostname", WriteFile(f"{own}/hostname", f"{hostname_in(draft)}\n"), ()),
        (RESOLV_CONF, _resolv_conf(draft, f"{own}/resolv.conf"), dns),
    )
    options = (*_OPTIONS, "ro") if draft.request.read_only else _OPTIONS
    found = {}
    for target, preparation, causes in files:
        draft.preparations.append(preparation)
        mount = Mount(target, "bind", preparation.path, options)
        found[target] = (mount, ", ".join(causes) or DEFAULT)
    return found


def _check_names(draft: Draft) -> None:
    if isinstance(mode_of(draft, "network"), Host):
        return
    for index, (_, address) in enumerate(draft.request.extra_hosts):
        if address == HOST_GATEWAY:
            raise Unsupported(
                draft.written(f"extra_hosts[{index}]"),
                needs="an engine, which knows the networks",
                hint="--network host has the host's own addresses",
            )


def _hosts(draft: Draft, path: str) -> Preparation:
    """The host's names with the host's network, else those of every machine.

    There the host is at 127.0.0.1. Docker names its bridge's address, which is the host's only as
    long as there is a bridge, and where nothing answers that listens at 127.0.0.1 alone.
    """
    extra = draft.request.extra_hosts
    if isinstance(mode_of(draft, "network"), Host):
        return CopyHosts(path, with_host_gateway(extra, _LOOPBACK))
    return WriteFile(path, hosts((*_LOCAL, *extra)))


def with_host_gateway(names: Pairs, gateway: str) -> Pairs:
    """Names and addresses, with an address of the host in place of the word for it."""
    return tuple((name, gateway if address == HOST_GATEWAY else address) for name, address in names)


def _resolv_conf(draft: Draft, path: str) -> Preparation:
    request = draft.request
    return CopyResolvConf(path, request.dns, request.dns_search, request.dns_options)
