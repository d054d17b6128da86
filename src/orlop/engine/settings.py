"""How an engine is set up: the flags of `orlop daemon` and its configuration file, as one value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.intent.request import Pairs, Ulimit


class Settings(Record):
    """What one engine works with; two engines on a machine share neither root.

    Attributes:
        data_root: absolute host directory of everything that lasts.
        exec_root: absolute host directory of what lasts no longer than the machine runs.
        cgroup_parent: the control group of all containers, unless a container asks for another.
        storage_driver: "overlay" or "copy", or Docker's "overlay2" and "vfs" for them; "" for
            overlays where the host can have them.
        log_driver: of containers that do not choose one.
        log_options: of containers that do not choose a driver.
        stop_timeout_s: how long a container may take to end by itself.
        ulimits: of containers that do not set them.
        shm_bytes: size of /dev/shm where nobody asks for one.
        init: every container gets a small init.
        live_restore: containers go on when the engine ends; they always do, Docker's name for it.
        labels: of the engine itself, for `info`.
        registry_mirrors: URLs asked before Docker Hub.
        insecure_registries: HOST[:PORT] or networks that may do without TLS.
        registry_certificates: absolute host directories of certificates, by registry.
        host_firewall: the host's rules for what comes in hold for published ports, too.
        keep_images_s: how long an image that no container has stays after its last use; 0 for ever.
        keep_images_bytes: how much all images may take before those go that were not used longest;
            0 for any amount.
        max_downloads: layers fetched at once, of one pull.
        max_uploads: layers sent at once, of one push.
        log_level: "debug", "info", "warn" or "error".
    """

    data_root: str = "/var/lib/orlop"
    exec_root: str = "/run/orlop"
    cgroup_parent: str = "/orlop"
    storage_driver: str = ""
    log_driver: str = "json-file"
    log_options: Pairs = ()
    stop_timeout_s: int = 10
    ulimits: tuple[Ulimit, ...] = ()
    shm_bytes: int = 64 << 20
    init: bool = False
    live_restore: bool = True
    labels: Pairs = ()
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    registry_certificates: tuple[str, ...] = ("/etc/orlop/certs.d", "/etc/docker/certs.d")
    host_firewall: bool = True
    keep_images_s: int = 0
    keep_images_bytes: int = 0
    max_downloads: int = 3
    max_uploads: int = 5
    log_level: str = "info"

    @property
    def database(self) -> str:
        """Host path of the database."""
        return f"{self.data_root}/db.sqlite"

    @property
    def containers(self) -> str:
        """Host directory of the containers' own directories."""
        return f"{self.data_root}/containers"

    @property
    def runtime_store(self) -> str:
        """Host directory of what is running: the root of the runtime's store."""
        return f"{self.exec_root}/containers"

    @property
    def execs(self) -> str:
        """Host directory of further processes that run in containers."""
        return f"{self.exec_root}/execs"


def default_settings() -> Settings:
    """The roots of the machine's engine, or, without rights, of the user's own.

    See: the XDG Base Directory Specification.
    """
    if os.geteuid() == 0:
        return Settings()
    home = os.environ.get("HOME", "/")
    data = os.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    return Settings(data_root=f"{data}/orlop", exec_root=f"{run}/orlop")
