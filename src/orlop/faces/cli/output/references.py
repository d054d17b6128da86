"""Names of images, as people write them: without what is the default."""

from __future__ import annotations

NONE = "<none>"
_HUB = ("docker.io/", "index.docker.io/")
_OFFICIAL = "library/"
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-/")


def familiar(name: str) -> str:
    """The name of a repository without Docker Hub's own parts: "debian"."""
    for hub in _HUB:
        if name.startswith(hub):
            rest = name[len(hub) :]
            official = rest[len(_OFFICIAL) :]
            return official if rest.startswith(_OFFICIAL) and "/" not in official else rest
    return name


def parted(reference: str) -> tuple[str, str, str]:
    """Repository, tag and digest of a name; "" for what it does not have."""
    rest, _, digest = reference.partition("@")
    repository, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:  # the colon is a registry's port's
        repository, tag = rest, ""
    return familiar(repository), tag, digest


def without_digest(reference: str) -> str:
    """The name as it is shown; what is no name of an image stays as it is."""
    repository, tag, _ = parted(reference)
    path = repository.partition("/")[2] or repository
    if not repository or path.startswith("/") or not _ALLOWED.issuperset(path):
        return reference
    return f"{repository}:{tag}" if tag else repository
