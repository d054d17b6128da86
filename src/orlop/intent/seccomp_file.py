"""Seccomp profiles in Docker's JSON: the OCI's form, and what depends on the container and host.

Docker's own fields are `archMap`, and of a rule `name`, `includes` and `excludes`, which say under
which capabilities, on which machines and from which kernel on it counts.

See: docs.docker.com/engine/security/seccomp, moby profiles/seccomp.
"""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import InvalidArgument, OrlopError
from orlop.runtime.config_json import parse_seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from orlop.intent.host_facts import HostFacts
    from orlop.intent.request import ProfileText
    from orlop.kernel.seccomp import Profile

# uname(2)'s machine: Go's name, the OCI's.
_MACHINES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
_CONDITIONS = ("caps", "arches", "minKernel")


def profile_of(chosen: ProfileText, bounding: Collection[str], host: HostFacts) -> Profile:
    """The profile, with the rules that count in a container with these capabilities on this host.

    Raises:
        InvalidArgument: it is no profile.
    """
    try:
        value = jsontext.loads(chosen.text)
        if not isinstance(value, dict):
            raise InvalidArgument("it is no object")
        return parse_seccomp(_plain(value, bounding, host))
    except OrlopError as bad:
        raise InvalidArgument(f"--security-opt seccomp={chosen.source}: {bad.message}") from None


def _plain(
    value: Mapping[str, Any], bounding: Collection[str], host: HostFacts
) -> Mapping[str, object]:
    """The profile in the OCI's form."""
    plain = {key: item for key, item in value.items() if key not in ("archMap", "syscalls")}
    if value.get("archMap"):
        if value.get("architectures"):
            raise InvalidArgument("it has both architectures and archMap")
        plain["architectures"] = list(_architectures(value["archMap"], host.machine))
    rules = value.get("syscalls") or []
    if isinstance(rules, list):
        rules = [_plain_rule(rule) for rule in rules if _counts(rule, bounding, host)]
    plain["syscalls"] = rules
    return plain


def _architectures(table: object, machine: str) -> Iterator[object]:
    own = _MACHINES.get(machine, ("", ""))[1]
    for entry in table if isinstance(table, list) else ():
        if isinstance(entry, dict) and entry.get("architecture") == own:
            yield own
            yield from entry.get("subArchitectures") or ()


def _plain_rule(rule: object) -> object:
    if not isinstance(rule, dict) or not rule.get("name"):
        return rule
    if rule.get("names"):
        raise InvalidArgument("a rule has both name and names")
    return {**rule, "names": [rule["name"]]}


def _counts(rule: object, bounding: Collection[str], host: HostFacts) -> bool:
    """Whether all that is included is the case, and nothing that is excluded."""
    if not isinstance(rule, dict):
        return True  # which the decoder refuses
    included, excluded = rule.get("includes") or {}, rule.get("excludes") or {}
    for conditions in (included, excluded):
        if not isinstance(conditions, dict):
            raise InvalidArgument("includes and excludes have to be objects")
    return all(
        _is_met(key, included[key], bounding, host) for key in _CONDITIONS if included.get(key)
    ) and not any(
        _is_met(key, excluded[key], bounding, host, any_of=True)
        for key in _CONDITIONS
        if excluded.get(key)
    )


def _is_met(
    key: str, wanted: Any, bounding: Collection[str], host: HostFacts, *, any_of: bool = False
) -> bool:
    if key == "minKernel":
        from orlop.kernel.features import kernel_version

        try:
            return host.kernel >= kernel_version(wanted)
        except (ValueError, TypeError, AttributeError):
            raise InvalidArgument(f"minKernel is {wanted!r}, which is no version") from None
    if not isinstance(wanted, list):
        raise InvalidArgument(f"{key} has to be an array")
    if key == "arches":
        return _MACHINES.get(host.machine, ("", ""))[0] in wanted
    return (any if any_of else all)(name in bounding for name in wanted)
