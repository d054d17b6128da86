"""From a request to an OCI configuration, with the cause of every field.

Pure: a function of the request and of what is known of the host. It follows Docker, whose users
know what a flag does; where it does not, `orlop.intent.docker_defaults` says so.
"""

from __future__ import annotations

import posixpath

from orlop.errors import InvalidArgument
from orlop.intent.docker_defaults import CGROUP_PARENT, DEFAULT, OURS
from orlop.intent.draft import Draft
from orlop.intent.files import hidden_paths, layers_of, mounts_of, propagation_of
from orlop.intent.isolation import check_network, hostname_of, namespaces_of, sysctls_of
from orlop.intent.limits import devices_of, resources_of
from orlop.intent.process import process_of, seccomp_of
from orlop.intent.request import CdiDevice, Copied
from orlop.records import Record
from orlop.runtime.spec import OCI_VERSION, Linux, Root, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.intent.host_facts import HostFacts
    from orlop.intent.preparation import Preparation
    from orlop.intent.request import Request
    from orlop.runtime.layers import Layers

DATA_ROOT = "/var/lib/orlop"


class Composed(Record):
    """A configuration, and why it is as it is.

    Attributes:
        spec: the OCI configuration.
        origins: what caused a field, by its path in config.json, as
            "linux.resources.memory.limit": "--memory 256m". A path stands for all below it that
            have none of their own.
        warnings: what is not as it was asked, for people.
        layers: the root file system, mounted over `spec.root.path` by the container's own process.
        container: the id.
        directory: the container's own on the host.
        preparations: what has to be on the host's disk before the start.
        init: the program's parent is the launcher's own init.
    """

    spec: Spec
    origins: Mapping[str, str]
    warnings: tuple[str, ...]
    layers: Layers | None = None
    container: str = ""
    directory: str = "/"
    preparations: tuple[Preparation, ...] = ()
    init: bool = False

    def origin(self, field: str) -> str:
        """What caused a field of config.json, or what it is a part of; "" if nobody knows."""
        while field and field not in self.origins:
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return self.origins.get(field, "")


def compose(
    request: Request,
    host: HostFacts,
    container: str = "example",
    *,
    data_root: str = DATA_ROOT,
    directory: str = "",
) -> Composed:
    """The configuration of a container as it was asked for.

    Args:
        request: what is asked.
        host: for which host.
        container: the id.
        data_root: the host directory of everything that lasts, absolute.
        directory: the container's own, absolute; what is written to the root file system will be
            below it. By default it is below the data root.

    Raises:
        InvalidArgument: the request contradicts itself, or asks for what no host can do.
        Unsupported: it asks for what this host, or orlop, cannot do.
        NotFound: it names a device, a user or a group that is not there.
    """
    own = directory or f"{data_root}/containers/{container}"
    draft = Draft(request, host, container, data_root, own)
    check_network(draft)
    layers = layers_of(draft)
    spec = Spec(
        oci_version=OCI_VERSION,
        process=process_of(draft),
        root=_root(draft),
        hostname=hostname_of(draft),
        domainname=_domainname(draft),
        mounts=mounts_of(draft),
        annotations=_annotations(draft),
        linux=_linux(draft),
    )
    if request.gpus is not None or any(isinstance(d, CdiDevice) for d in request.devices):
        from orlop.intent.cdi import with_cdi_devices

        spec = with_cdi_devices(draft, spec)
    draft.note("ociVersion", "the version that orlop follows")
    return Composed(
        spec,
        draft.origins,
        tuple(draft.warnings),
        layers,
        container,
        own,
        tuple(draft.preparations),
        request.init,
    )


def _root(draft: Draft) -> Root:
    draft.note("root", OURS)
    draft.note("root.readonly", draft.written("read_only") if draft.request.read_only else DEFAULT)
    image = draft.request.image
    path = image.path if isinstance(image, Copied) else f"{draft.directory}/root"
    return Root(path, draft.request.read_only)


def _domainname(draft: Draft) -> str | None:
    if draft.request.domainname:
        draft.note("domainname", draft.written("domainname"))
    return draft.request.domainname or None


def _annotations(draft: Draft) -> Mapping[str, str]:
    for index, (name, _) in enumerate(draft.request.annotations):
        draft.note(f"annotations[{name!r}]", draft.written(f"annotations[{index}]"))
    return dict(draft.request.annotations)


def _linux(draft: Draft) -> Linux:
    masked, readonly = hidden_paths(draft)
    return Linux(
        namespaces=namespaces_of(draft),
        devices=devices_of(draft),
        cgroups_path=_cgroups_path(draft),
        resources=resources_of(draft),
        rootfs_propagation=propagation_of(draft),
        seccomp=seccomp_of(draft),
        sysctl=sysctls_of(draft),
        masked_paths=masked,
        readonly_paths=readonly,
    )


def _cgroups_path(draft: Draft) -> str:
    parent = draft.request.cgroup_parent
    if ".." in parent.split("/"):
        raise InvalidArgument(f"{draft.written('cgroup_parent')}: must not have .. in it")
    draft.note("linux.cgroupsPath", draft.written("cgroup_parent") if parent else OURS)
    return posixpath.join("/", parent or CGROUP_PARENT, draft.container)
