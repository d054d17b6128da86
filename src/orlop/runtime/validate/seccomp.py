"""Seccomp profiles: what fits together.

See: config-linux.md#seccomp, seccomp(2), seccomp_unotify(2).
"""

from __future__ import annotations

from orlop.errors import SpecError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.seccomp import Profile
    from orlop.runtime.spec import Spec
    from orlop.runtime.validate.facts import Facts

_REF = "config-linux.md#seccomp"
_NOTIFY = "SCMP_ACT_NOTIFY"
_WITH_ERRNO = frozenset(("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"))
_MAX_ERRNO = 4095  # what the kernel cuts an error number of SCMP_ACT_ERRNO to


def check_seccomp(spec: Spec, facts: Facts) -> None:
    """Error numbers where there are errors, a listener where there are notifications."""
    profile = spec.linux.seccomp
    if profile is None:
        return
    _check_errno("linux.seccomp.defaultErrnoRet", profile.default_action, profile.default_errno_ret)
    for index, rule in enumerate(profile.syscalls):
        _check_errno(f"linux.seccomp.syscalls[{index}].errnoRet", rule.action, rule.errno_ret)
    _check_notification(profile)
    _check_flags(profile, facts)


def _check_errno(field: str, action: str, number: int | None) -> None:
    if number is None:
        return
    if action not in _WITH_ERRNO:
        raise SpecError(field, f"{action} has no error number", spec_ref=_REF)
    if action == "SCMP_ACT_ERRNO" and number > _MAX_ERRNO:
        raise SpecError(field, f"must be from 0 to {_MAX_ERRNO}, not {number}", spec_ref=_REF)


def _notifies(profile: Profile) -> bool:
    return any(rule.action == _NOTIFY for rule in profile.syscalls)


def _check_notification(profile: Profile) -> None:
    if profile.default_action == _NOTIFY:
        raise SpecError(
            "linux.seccomp.defaultAction",
            "must not be SCMP_ACT_NOTIFY: nobody could hand the listener over",
            spec_ref=_REF,
        )
    for index, rule in enumerate(profile.syscalls):
        # After the filter is loaded, its descriptor has to leave the container's process.
        if rule.action == _NOTIFY and "write" in rule.names:
            raise SpecError(
                f"linux.seccomp.syscalls[{index}].names",
                "SCMP_ACT_NOTIFY cannot be used for write",
                spec_ref=_REF,
            )
    path = profile.listener_path
    if _notifies(profile) and (path is None or not path.startswith("/")):
        reason = "must be an absolute path, for SCMP_ACT_NOTIFY"
        raise SpecError("linux.seccomp.listenerPath", reason, spec_ref=_REF)
    if path is None and profile.listener_metadata is not None:
        reason = "must not be set without listenerPath"
        raise SpecError("linux.seccomp.listenerMetadata", reason, spec_ref=_REF)


def _check_flags(profile: Profile, facts: Facts) -> None:
    if "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in (profile.flags or ()):
        if not _notifies(profile):
            reason = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for SCMP_ACT_NOTIFY"
            raise SpecError("linux.seccomp.flags", reason, spec_ref=_REF)
        if facts.kernel < (5, 19):
            raise Unsupported("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", needs="Linux 5.19")
