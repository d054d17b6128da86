"""orlop exec: one more program in a container that runs."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import InvalidArgument
from orlop.faces.cli.detaching import chosen, keys_of
from orlop.faces.cli.foreground import Foreground
from orlop.faces.cli.streams import Wishes
from orlop.faces.cli.terminal import check_input, size_of_terminal
from orlop.intent.forms import process
from orlop.options import FLAG, LIST, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER COMMAND [ARGUMENTS]"
WORDS = (2, 100_000)
OPTIONS = (
    Option(("--interactive", "-i"), FLAG, "pass on what is typed"),
    Option(("--tty", "-t"), FLAG, "give the program a terminal"),
    Option(("--detach", "-d"), FLAG, "do not wait"),
    Option(("--env", "-e"), LIST, "a variable", "NAME[=VALUE]"),
    Option(("--env-file",), LIST, "variables from a file", "FILE"),
    Option(("--user", "-u"), TEXT, "names or ids", "USER[:GROUP]"),
    Option(("--workdir", "-w"), TEXT, "where the program starts", "DIR"),
    Option(("--privileged",), FLAG, "with all capabilities"),
    Option(("--detach-keys",), TEXT, "to leave it, as ctrl-p,ctrl-q", "KEYS"),
)
EXAMPLE = """\
orlop exec web cat /proc/1/status
orlop exec -it web sh
orlop exec -u 33 -w /tmp web id"""


def run(values: Values, _: Screen) -> int:
    """Runs it; the exit status is the program's."""
    check_input(
        attached=values.flag("interactive") and not values.flag("detach"),
        terminal=values.flag("tty"),
    )
    request = request_of(values)
    client = Client()
    made = client.post(f"/containers/{part(values.words[0])}/exec", request)["Id"]
    start = {"Detach": values.flag("detach"), "Tty": request["Tty"]}
    if values.flag("detach"):
        client.post(f"/exec/{made}/start", start)
        return 0
    if "ConsoleSize" in request:
        start["ConsoleSize"] = request["ConsoleSize"]
    wishes = Wishes(
        request["AttachStdin"],
        output=True,
        terminal=request["Tty"],
        detach_keys=keys_of(request["DetachKeys"]),
    )
    path = f"/exec/{made}"
    with Foreground(client, path, terminal=request["Tty"], forward=False) as foreground:
        connection = client.hijack(f"{path}/start", start)
        foreground.follow(connection, wishes, None)
    if foreground.left:
        return 0
    return int(client.get(f"{path}/json")["ExitCode"] or 0)


def request_of(values: Values) -> dict[str, Any]:
    """The body of Docker's ExecCreate.

    Raises:
        InvalidArgument: a variable or the keys are malformed.
    """
    attach = not values.flag("detach")
    request: dict[str, Any] = {
        "AttachStdin": attach and values.flag("interactive"),
        "AttachStdout": attach,
        "AttachStderr": attach,
        "Tty": values.flag("tty"),
        "Privileged": values.flag("privileged"),
        "User": values.text("user"),
        "WorkingDir": values.text("workdir"),
        "DetachKeys": chosen(values.text("detach-keys")),
        "Env": environment_of(values),
        "Cmd": list(values.words[1:]),
    }
    size = size_of_terminal() if request["Tty"] else None
    return {**request, "ConsoleSize": list(size)} if size else request


def environment_of(values: Values) -> list[str]:
    """Variables of files, then those that were given one by one.

    Raises:
        InvalidArgument: one is malformed.
    """
    try:
        found = [pair for file in values.list("env-file") for pair in process.variables_file(file)]
        found += [process.variable(text) for text in values.list("env")]
    except InvalidArgument as bad:
        raise InvalidArgument(f"--env: one of them {bad.message}", hint=bad.hint) from None
    return [name if value is None else f"{name}={value}" for name, value in found]
