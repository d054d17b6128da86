"""The host's own network tools, run in whatever network namespace the calling thread is in.

They are looked for on the host and get nothing of this process's environment. What they say is data
that the kernel gave them; names and comments in it may be a container's text.
"""

from __future__ import annotations

from orlop.errors import Unavailable, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES = {
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "iptables-legacy-save": "iptables",
    "ip6tables-legacy-save": "iptables",
}
_TIMEOUT_S = 20.0


def run(tool: str, *words: str) -> str:
    """What a tool prints.

    Raises:
        Unsupported: it is not installed.
        Unavailable: it has failed, or takes too long.
    """
    import shutil
    import subprocess

    path = shutil.which(tool, path=PATH)
    if path is None:
        package = _PACKAGES[tool]
        raise Unsupported(
            f"reading networks without {tool}", needs=package, hint=f"install the package {package}"
        )
    command = " ".join((tool, *words))
    try:
        done = subprocess.run(
            [path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": PATH, "LC_ALL": "C"},
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command} did not end within {_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise Unavailable(f"cannot run {command}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"{command} failed: {said[0] if said else f'status {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape")


def ask(tool: str, *words: str) -> Any:
    """What a tool prints, as JSON; an empty list if that is nothing.

    Raises:
        Unsupported: it is not installed.
        Unavailable: it has failed, or what it prints is no JSON.
    """
    import json  # not jsontext: some of these tools name a member twice

    text = run(tool, *words)
    try:
        return json.loads(text) if text.strip() else []
    except ValueError as bad:
        raise Unavailable(f"cannot understand what {tool} says: {bad}") from None
