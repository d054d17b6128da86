"""orlop-runtime exec"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.options import FLAG, LIST, TEXT, Option
from orlop.runtime.cli.common import (
    CONSOLE_SOCKET,
    PID_FILE,
    PIDFD_SOCKET,
    PRESERVE_FDS,
    preserved_fds,
)
from orlop.runtime.lifecycle.execute import (
    ExecChoices,
    execute,
    parse_user,
    run_process,
    running_container,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.spec import Process, Spec
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER COMMAND [ARGUMENTS] | [OPTIONS] --process FILE CONTAINER"
WORDS = (1, 1 << 16)
OPTIONS = (
    Option(("--process", "-p"), TEXT, "file with the process, as in config.json", "FILE"),
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    PRESERVE_FDS,
    Option(("--detach", "-d"), FLAG, "leave as soon as the program runs"),
    Option(("--tty", "-t"), FLAG, "give the process a terminal"),
    Option(("--user", "-u"), TEXT, "user and group of the process", "UID[:GID]"),
    Option(("--additional-gids", "-g"), LIST, "supplementary groups", "GID"),
    Option(("--cwd",), TEXT, "working directory in the container", "DIR"),
    Option(("--env", "-e"), LIST, "environment variables", "NAME=VALUE"),
    Option(("--cap", "-c"), LIST, "add a capability to all sets but the inheritable", "CAP"),
    Option(("--no-new-privs",), FLAG, "set no_new_privs"),
    Option(("--apparmor",), TEXT, "AppArmor profile", "PROFILE"),
    Option(("--process-label",), TEXT, "SELinux label", "LABEL"),
    Option(("--cgroup",), LIST, "a cgroup below the container's own", "PATH"),
    Option(("--ignore-paused",), FLAG, "also in a paused container"),
)
EXAMPLE = "orlop-runtime exec --user 1000:1000 web ps -ef"


def run(store: Store, values: Values, log: Log) -> int:
    """Runs a process; the exit status is the process's."""
    container, *command = values.words
    found = running_container(store, container, ignore_paused=values.flag("ignore-paused"))
    spec = found.spec()
    process = _process(spec, values, command)
    choices = ExecChoices(
        console_socket=values.text("console-socket"),
        pidfd_socket=values.text("pidfd-socket"),
        pid_file=values.text("pid-file"),
        preserve_fds=preserved_fds(values),
        cgroups=values.list("cgroup"),
        detach=values.flag("detach"),
    )
    if choices.detach:
        with execute(found, spec, process, choices, log.warning) as launch:
            launch.reap()
        return 0
    return run_process(found, spec, process, choices, log.warning)


def _process(spec: Spec, values: Values, command: list[str]) -> Process:
    """The process of --process, or the container's own with what the options change."""
    if values.given("process"):
        return _from_file(values.text("process"))
    if not command:
        raise InvalidArgument("exec needs a command, or --process")
    if spec.process is None:
        raise InvalidArgument("the container's configuration has no process to start from")
    process = spec.process
    user = process.user
    if values.given("user"):
        uid, gid = parse_user(values.text("user"))
        user = user.replace(uid=uid, gid=gid)
    cwd = values.text("cwd", process.cwd)
    if not cwd.startswith("/"):
        raise InvalidArgument(f"--cwd: {cwd!r} is not an absolute path")
    gids = (*user.additional_gids, *map(_gid, values.list("additional-gids")))
    return process.replace(
        args=tuple(command),
        terminal=values.flag("tty"),
        console_size=None,
        user=user.replace(additional_gids=gids),
        cwd=cwd,
        env=(*process.env, *values.list("env")),
        capabilities=_with_capabilities(process, values.list("cap")),
        no_new_privileges=process.no_new_privileges or values.flag("no-new-privs"),
        apparmor_profile=values.text("apparmor") or process.apparmor_profile,
        selinux_label=values.text("process-label") or process.selinux_label,
    )


def _from_file(path: str) -> Process:
    from orlop import jsontext
    from orlop.runtime.config_json import parse_process

    try:
        with open(path, "rb") as file:
            return parse_process(jsontext.loads(file.read()))
    except OSError as error:
        raise InvalidArgument(f"cannot read --process {path}: {error.strerror}") from error


def _gid(text: str) -> int:
    return parse_user(text)[0]


def _with_capabilities(process: Process, names: tuple[str, ...]) -> object:
    from orlop.runtime.spec import Capabilities

    if not names:
        return process.capabilities
    sets = process.capabilities or Capabilities()
    return sets.replace(
        bounding=sets.bounding + names,
        effective=sets.effective + names,
        permitted=sets.permitted + names,
        ambient=sets.ambient + names,
    )
