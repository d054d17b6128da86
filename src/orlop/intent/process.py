"""The container's process: program, environment, user, capabilities, rlimits, seccomp."""

from __future__ import annotations

from orlop.errors import InvalidArgument, Unsupported
from orlop.intent import docker_defaults as defaults
from orlop.intent.docker_defaults import DEFAULT, OURS
from orlop.intent.isolation import hostname_in
from orlop.intent.request import (
    Copied,
    Default,
    Directory,
    HostImage,
    Named,
    ProfileName,
    ProfileText,
    Unconfined,
    Unpacked,
    User,
)
from orlop.kernel import capabilities
from orlop.runtime import spec
from orlop.runtime.spec import Box, Process, Rlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.intent.draft import Draft
    from orlop.intent.host_facts import Lookup
    from orlop.intent.image_accounts import AccountFiles
    from orlop.intent.request import Image, Privileges
    from orlop.kernel.seccomp import Profile

_NO_LIMIT = (1 << 64) - 1


def process_of(draft: Draft) -> Process:
    """The program and what it is and may."""
    request = draft.request
    user = _user(draft)
    size = request.terminal_size
    draft.note("process.terminal", draft.written("terminal") if request.terminal else DEFAULT)
    draft.note("process.cwd", draft.written("directory") if request.directory else DEFAULT)
    if size is not None:
        draft.note("process.consoleSize", "the size of the caller's terminal")
    return Process(
        cwd=request.directory or "/",
        args=_args(draft),
        env=_environment(draft),
        user=user,
        terminal=request.terminal,
        console_size=Box(size.rows, size.columns) if size else None,
        capabilities=_capabilities(draft, user),
        rlimits=_rlimits(draft),
        no_new_privileges=_no_new_privileges(draft),
        apparmor_profile=_apparmor(draft),
        selinux_label=_selinux(draft),
        oom_score_adj=_oom_score_adj(draft),
    )


def _args(draft: Draft) -> tuple[str, ...]:
    request = draft.request
    args = (*(request.entrypoint or ()), *request.command)
    causes = []
    if request.entrypoint:
        causes.append(draft.written("entrypoint"))
    if request.command:
        causes.append("the command")
    draft.note("process.args", *(causes or ["the image's default"]))
    return args or defaults.COMMAND


def _environment(draft: Draft) -> tuple[str, ...]:
    """Docker's own variables, then those that were given; of one name the last counts."""
    known: dict[str, tuple[str, str]] = {"PATH": (defaults.PATH, DEFAULT)}
    known["HOSTNAME"] = (hostname_in(draft), DEFAULT)
    if draft.request.terminal:
        known["TERM"] = (defaults.TERM, f"{DEFAULT} with {draft.written('terminal')}")
    for index, (name, value) in enumerate(draft.request.environment):
        if value is None:
            known.pop(name, None)
        else:
            known[name] = (value, draft.written(f"environment[{index}]"))
    for index, (_, cause) in enumerate(known.values()):
        draft.note(f"process.env[{index}]", cause)
    return tuple(f"{name}={value}" for name, (value, _) in known.items())


# --- who --------------------------------------------------------------------------------------


def _user(draft: Draft) -> spec.User:
    request = draft.request
    asked = request.user or User()
    causes = (draft.written("user"),) if request.user else ()
    draft.note("process.user", *causes, *draft.all_written("groups"))

    def accounts() -> AccountFiles | Lookup:
        return accounts_of(request.image, draft.directory, draft.host.lookup)

    uid, gid, groups = ids_of(asked, accounts)
    further = tuple(group_of(group, accounts) for group in request.groups)
    # The own group too, so that nothing is gained by giving it up (CVE-2022-36109).
    return spec.User(uid, gid, additional_gids=tuple(dict.fromkeys((gid, *groups, *further))))


def ids_of(
    user: User, accounts: Callable[[], AccountFiles | Lookup]
) -> tuple[int, int, tuple[int, ...]]:
    """User, group and further groups.

    Args:
        user: who is asked for.
        accounts: gives those who know names, and groups of users by id; asked only if needed.

    Raises:
        NotFound: they do not know a name.
    """
    account = None
    if isinstance(user.user, str):
        account = accounts().account(user.user)
    elif user.group is None and user.user:
        account = accounts().account_of(user.user)
    uid = account.uid if account else int(user.user)
    if user.group is not None:
        return uid, group_of(user.group, accounts), ()
    return uid, account.gid if account else 0, account.groups if account else ()


def group_of(group: int | str, accounts: Callable[[], AccountFiles | Lookup]) -> int:
    """The id of a group that may be given by name; else as `ids_of`."""
    return group if isinstance(group, int) else accounts().group_id(group)


def accounts_of(image: Image, directory: str, lookup: Lookup) -> AccountFiles | Lookup:
    """Who knows users and groups by name: the host for its own image, else the image's files.

    What the container has written over them counts, since its root is made of both.

    Args:
        image: of the container.
        directory: the container's own, on the host.
        lookup: of the host.
    """
    written = f"{directory}/layers/root.upper"
    match image:
        case HostImage():
            return lookup
        case Directory(path):
            return lookup.account_files((written, path))
        case Copied(path):
            return lookup.account_files((path,))
        case Unpacked(lowers):
            return lookup.account_files((written, *lowers))
        case Named(ref):
            raise Unsupported(f"a user of the image {ref!r}", needs="the engine, which has images")


# --- what it may ------------------------------------------------------------------------------


def bounding_set(privileges: Privileges, available: int) -> tuple[str, ...]:
    """The capabilities that a container can have at most, as Docker counts them."""
    everything = capabilities.names(available)
    if privileges.privileged:
        return everything
    if "ALL" in privileges.add:
        return tuple(name for name in everything if name not in privileges.drop)
    base = () if "ALL" in privileges.drop else defaults.CAPABILITIES
    kept = (name for name in base if name not in privileges.drop)
    return tuple(dict.fromkeys((*kept, *privileges.add)))


def _capabilities(draft: Draft, user: spec.User) -> spec.Capabilities:
    privileges = draft.request.privileges
    bounding = bounding_set(privileges, draft.host.capabilities)
    causes = (*draft.all_written("privileges.add"), *draft.all_written("privileges.drop"))
    if privileges.privileged:
        causes = (draft.written("privileges.privileged"),)
    draft.note("process.capabilities", *causes)
    if user.uid:
        # What execve(2) would make of them for a user without rights.
        return spec.Capabilities(bounding=bounding)
    return spec.Capabilities(bounding=bounding, effective=bounding, permitted=bounding)


def _no_new_privileges(draft: Draft) -> bool:
    asked = draft.request.privileges.no_new_privileges
    draft.note(
        "process.noNewPrivileges",
        *((draft.written("privileges.no_new_privileges"),) if asked else ()),
    )
    return asked


def seccomp_of(draft: Draft) -> Profile | None:
    """The filter of system calls: the default one, one from a file, or none."""
    privileges = draft.request.privileges
    choice = privileges.seccomp
    if isinstance(choice, Default) and privileges.privileged:
        choice = Unconfined()
    match choice:
        case Unconfined():
            return None
        case ProfileText():
            from orlop.intent.seccomp_file import profile_of

            draft.note("linux.seccomp", draft.written("privileges.seccomp"))
            bounding = bounding_set(privileges, draft.host.capabilities)
            return profile_of(choice, bounding, draft.host)
        case _:
            return _default_seccomp(draft)


def _default_seccomp(draft: Draft) -> Profile | None:
    from orlop.runtime.seccomp_default import default_profile

    if not draft.host.seccomp:
        draft.warn("this kernel has no seccomp filters: no system call is refused")
        return None
    draft.note("linux.seccomp")
    bounding = bounding_set(draft.request.privileges, draft.host.capabilities)
    return default_profile(bounding, draft.host.machine)


def _apparmor(draft: Draft) -> str | None:
    choice = draft.request.privileges.apparmor
    if not isinstance(choice, ProfileName):
        if draft.host.apparmor and isinstance(choice, Default):
            draft.warn("orlop has no AppArmor profile of its own: the container has none")
        return None
    if not draft.host.apparmor:
        raise Unsupported(draft.written("privileges.apparmor"), needs="AppArmor")
    draft.note("process.apparmorProfile", draft.written("privileges.apparmor"))
    return choice.name


def _selinux(draft: Draft) -> str | None:
    label = draft.request.privileges.label
    parts = ("user", "role", "type", "level")
    asked = [part for part in parts if getattr(label, part)]
    if not asked or label.disable:
        return None
    causes = [draft.written(f"privileges.label.{part}") for part in asked]
    if not draft.host.selinux:
        draft.warn(f"{', '.join(causes)}: ignored, since SELinux is not active here")
        return None
    draft.note("process.selinuxLabel", *causes)
    usual = {"user": "system_u", "role": "system_r", "type": "container_t", "level": "s0"}
    return ":".join(getattr(label, part) or usual[part] for part in parts)


# --- limits of one process --------------------------------------------------------------------


def _rlimits(draft: Draft) -> tuple[Rlimit, ...]:
    limits = {"RLIMIT_NOFILE": Rlimit("RLIMIT_NOFILE", *defaults.open_files(draft.host))}
    causes = {"RLIMIT_NOFILE": OURS}
    for index, asked in enumerate(draft.request.ulimits):
        limits[asked.name] = Rlimit(asked.name, _number(asked.soft), _number(asked.hard))
        causes[asked.name] = draft.written(f"ulimits[{index}]")
        _check_hard(draft, limits[asked.name], causes[asked.name])
    for index, cause in enumerate(causes.values()):
        draft.note(f"process.rlimits[{index}]", cause)
    return tuple(limits.values())


def _number(limit: int) -> int:
    return _NO_LIMIT if limit == -1 else limit


def _check_hard(draft: Draft, limit: Rlimit, cause: str) -> None:
    most = draft.host.hard_limits.get(limit.type, _NO_LIMIT)
    if limit.hard > most:
        raise InvalidArgument(
            f"{cause}: this process cannot set a hard limit above {most}",
            hint="that takes CAP_SYS_RESOURCE",
        )


def _oom_score_adj(draft: Draft) -> int | None:
    asked = draft.request.oom_score_adj
    if asked is None and draft.host.oom_score_adj >= 0:
        return None
    draft.note("process.oomScoreAdj", *(() if asked is None else (draft.written("oom_score_adj"),)))
    return asked or 0
