"""Pages of commands that show and prove isolation."""

from __future__ import annotations

from orlop.faces.cli.manual import Page

_TARGETS = """
        TARGET is the name or id of a container of the engine or of orlop-runtime, pid:N for any
        process, docker:NAME or podman:NAME for containers of those.
"""

PAGES = {
    "explain": Page(
        """
        Shows the kernel operations that a start would consist of, in order, each with the flag or
        default that causes it. Nothing is started, and no rights are needed.

        --container explains the start of a container of the engine. --diff compares two sets of
        flags; --as shell writes a script that makes the container by hand.
        """,
        see=("trace", "run", "proof"),
    ),
    "trace": Page(
        """
        Runs a container in the foreground, and then shows how long each operation of its start has
        taken, as a waterfall or for a trace viewer (--chrome). --container shows the same of the
        last start of a container of the engine.
        """,
        status="That of the container's command; 125 if it could not be started.",
        see=("explain",),
    ),
    "proof": Page(
        f"""
        Reads back from the kernel what isolates a container or process: namespaces, limits,
        capabilities, system call filter, mounts, and compares it with what was asked. With --probe
        it also tries what must not work.
        {_TARGETS}
        """,
        status="0 if all is as it was asked, 3 if something is not, 1 if it could not be read.",
        see=("compare", "explain", "why"),
    ),
    "reach": Page(
        """
        Tells who can reach the ports of a container that runs: this host, its neighbours at each
        device, others beyond them, containers of the same and of other networks; and by which
        rule. It reads all rules of nftables and of iptables-nft there are, whoever has made them,
        with addresses, routes and settings, and follows a connection through them, there and back.
        Nothing is sent. Where that cannot be told (a rule of an extension, a limit) it says
        `depends`, and on which rules. Without PORT it tells of all that are published or declared.
        """,
        see=("port", "network inspect", "proof"),
    ),
    "why": Page(
        """
        Tells in plain words why a container has ended: its exit status or signal, who was killed
        for want of memory and at which limit, what its health checks found, which system calls
        its filter has refused where the kernel has logged it, and its last lines. Of a container
        that runs it tells what holds it up: limits that it meets, and how often.
        """,
        see=("logs", "stats", "proof"),
    ),
    "compare": Page(
        f"""
        Shows which namespaces and limits several targets have in common with each other and with
        the host.
        {_TARGETS}
        """,
        see=("proof", "ps"),
    ),
    "sandbox": Page(
        """
        Runs one command that nobody trusts with hard limits of time, memory, processes and output,
        without an engine, and tells how it ended.
        """,
        status="That of the command; see orlop sandbox --help.",
        see=("run", "proof"),
    ),
}
