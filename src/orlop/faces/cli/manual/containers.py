"""Pages of commands for containers."""

from __future__ import annotations

from orlop.faces.cli.manual import Page

_OF_THE_COMMAND = (
    "That of the container's command. 125: orlop could not start it; 126: the command cannot be "
    "executed; 127: there is no such command; 128 + N: signal N has ended it."
)
_LIFE = ("start", "stop", "restart", "kill", "wait", "rm")

PAGES = {
    "run": Page(
        """
        Creates a container of an image and starts COMMAND in it, in place of the image's own one.
        Without --detach it waits until the command has ended, and passes on what it writes; with
        -i it also gets what is typed, with -t it gets a terminal. An image that is not here is
        fetched first (--pull).

        IMAGE may also be `host`, the machine's own /usr, /etc and /opt with private copies of what
        is changed, or a directory that has a root file system (/srv/root, ./root).

        What each flag does to the start is shown by `orlop explain`.
        """,
        status=_OF_THE_COMMAND,
        see=("create", "exec", "explain", "logs", "rm"),
    ),
    "create": Page(
        """
        Creates a container as `orlop run` does, prints its id, and does not start it.
        """,
        see=("run", "start"),
    ),
    "start": Page(
        """
        Starts containers that are created or have ended. With --attach it passes on what the one
        container writes, and ends as it ends; with --interactive it passes on what is typed.
        """,
        see=("stop", "attach", "logs"),
    ),
    "stop": Page(
        """
        Sends the container's stop signal (TERM, if nobody has chosen another) and waits; what has
        not ended after --time seconds is ended by KILL. -1 waits for ever.
        """,
        see=("kill", "start"),
    ),
    "restart": Page("Stops containers as `orlop stop` does, and starts them again.", see=_LIFE[:2]),
    "kill": Page(
        """
        Sends a signal to the first process of containers that run: KILL, or the one that --signal
        names, by name (HUP, SIGHUP) or number.
        """,
        see=("stop", "pause"),
    ),
    "pause": Page(
        """
        Freezes all processes of containers in their control groups. They do not notice, use no
        CPU, and keep their memory.
        """,
        see=("unpause",),
    ),
    "unpause": Page("Lets the processes of paused containers go on.", see=("pause",)),
    "wait": Page(
        """
        Waits until containers have ended, and prints the exit status of each. Those that do not
        run have ended already.
        """,
        see=("run", "why"),
    ),
    "rm": Page(
        """
        Removes containers with their files. Those that run are refused, or ended first (--force).
        --volumes also removes volumes that have no name and that nothing else uses.
        """,
        see=("stop", "container prune"),
    ),
    "rename": Page("Gives a container another name. Its id stays the same.", see=("ps",)),
    "update": Page(
        """
        Changes the limits of containers, also while they run: the kernel's control groups are
        written at once. It is all or nothing for each container.
        """,
        see=("stats", "proof"),
    ),
    "exec": Page(
        """
        Starts a further command in a container that runs, in its namespaces and with its limits,
        capabilities and filters. -i and -t are as for `orlop run`; --detach does not wait.
        """,
        status=_OF_THE_COMMAND,
        see=("run", "top"),
    ),
    "attach": Page(
        """
        Joins the input and output of a container that runs, as if it had been started in this
        terminal. Ctrl-P Ctrl-Q leaves it again, and the container goes on (--detach-keys). Signals
        are passed on, unless --sig-proxy=false.
        """,
        status=_OF_THE_COMMAND,
        see=("logs", "exec"),
    ),
    "cp": Page(
        """
        Copies files and directories between a container, running or not, and this machine. `-` is
        a tar archive on standard input or output. Nothing of the container's own links and mounts
        can lead it outside of the container.
        """,
        see=("diff", "export"),
    ),
    "logs": Page(
        """
        Shows what a container has written to its standard output and standard error. TIME is so
        long ago (10m, 1h30m), a date or time (2026-01-31, 2026-01-31T12:00:00Z), or seconds since
        1970. Without a zone it is this machine's.
        """,
        see=("attach", "why"),
    ),
    "ps": Page(
        """
        Lists the containers of the engine that run; with --all those that do not as well. --format
        is `table`, `json`, a template of Go's text/template for each container, or `table TEMPLATE`
        for a table of the template's own columns; in it, backslash-t parts columns.

        --machine and --ns ask the kernel and not the engine: they list whatever runs in namespaces
        of its own on this machine, whoever has started it.
        """,
        filters={
            "ancestor": "of this image, or of one that was made of it",
            "before": "created before this container",
            "exited": "ended with this status",
            "expose": "exposes this port",
            "health": "starting, healthy, unhealthy or none",
            "id": "whose id begins so",
            "label": "with this label, or with this value of it (NAME=VALUE)",
            "name": "whose name contains this",
            "network": "in this network",
            "publish": "publishes this port",
            "since": "created after this container",
            "status": "created, running, paused, restarting, removing, exited or dead",
            "volume": "uses this volume, or has something mounted at this path",
        },
        view="output.containers:CONTAINERS",
        see=("inspect", "stats", "compare"),
    ),
    "inspect": Page(
        """
        Shows what the engine knows of a name or id, as JSON. Containers are looked for first, then
        images, networks and volumes; --type looks for one kind only.

        --format is `json` for one line, or a template for each object. Templates name Go's fields,
        as docker's client has them (.ID, .State.Pid, .HostConfig.Memory), or else the members of
        the JSON document; something that neither has is an error.
        """,
        see=("ps", "image inspect", "volume inspect", "network inspect"),
    ),
    "container inspect": Page("As `orlop inspect`, of containers only.", see=("inspect",)),
    "container prune": Page(
        """
        Removes all containers that do not run, after it has asked (--force: without).
        """,
        filters={
            "label": "with this label, or with this value of it (NAME=VALUE)",
            "label!": "without it",
            "until": "created before this time",
        },
        see=("rm", "system prune"),
    ),
    "top": Page(
        """
        Shows the processes of a container as ps(1) of this machine does, with PIDs as the host has
        them. PS-OPTIONS choose columns.
        """,
        see=("stats", "proof"),
    ),
    "stats": Page(
        """
        Shows what containers use: CPU since the sample before (200 % for two CPUs), memory without
        what the kernel can drop at once, bytes over the network and to disks since the start, and
        the number of processes. The screen is written again each second; --no-stream shows it once.
        NetRate is what networks are held to at most, in and out (--net-rate).
        """,
        view="output.usage:USAGE",
        see=("top", "why", "update"),
    ),
    "diff": Page(
        """
        Lists what a container has added (A), changed (C) and deleted (D) in the files of its image.
        Volumes and other mounts do not count.
        """,
        see=("commit", "cp"),
    ),
    "port": Page(
        "Shows at which addresses of this machine the ports of a container can be reached.",
        see=("ps",),
    ),
    "export": Page(
        """
        Writes the files of a container, running or not, as one tar archive: its image and its own
        changes, without volumes.
        """,
        see=("import", "commit", "save"),
    ),
    "commit": Page(
        """
        Makes an image of a container: the layers of its image, and one more with its changes. The
        container is paused for it (--pause=false: not). --change sets what the image's
        configuration says, in the words of a Dockerfile.
        """,
        see=("diff", "export"),
    ),
}
