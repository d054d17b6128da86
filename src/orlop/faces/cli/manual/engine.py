"""Pages of commands for the engine itself."""

from __future__ import annotations

from orlop.faces.cli.manual import Page

PAGES = {
    "info": Page(
        """
        Shows what the engine is and has, and the machine that it runs on. --tree shows the chain of
        processes instead: the engine, below it the launcher of each container that runs, below
        that the container's first process. Each goes on when the one above it ends.
        """,
        see=("version", "system df", "proof"),
    ),
    "version": Page(
        """
        Shows the versions of this command and of the engine. Without an engine it shows its own and
        says what is wrong with the other.
        """,
        see=("info",),
    ),
    "events": Page(
        """
        Shows what happens to containers, images, volumes and networks as it happens, a line each:
        time, kind, what, id, and further facts in parentheses. It goes on until it is interrupted,
        or up to --until; --since begins with what has happened already. TIME is as for `logs`.
        """,
        filters={
            "container": "of this container, by name or id",
            "daemon": "of this engine",
            "event": "of this name, as start, die or pull",
            "image": "of this image, or of a container of it",
            "label": "of an object with this label",
            "network": "of this network",
            "scope": "local",
            "type": "container, image, network, volume or daemon",
            "volume": "of this volume",
        },
        see=("logs", "why"),
    ),
    "daemon": Page(
        """
        Runs the engine in the foreground. `orlop` starts it by itself where none answers, so this
        is for service managers and for engines with settings of their own: several can be on one
        machine, with roots of their own.
        """,
        see=("info",),
    ),
    "completion": Page(
        """
        Prints the completion script of a shell. It completes commands, options and their values,
        and the names of containers, images, volumes and networks, which it asks the engine for
        if that runs.
        """,
        see=("help",),
    ),
    "system df": Page(
        """
        Shows what images, containers and volumes take on disk, and how much of it nothing uses.
        With --verbose each of them; SHARED SIZE is what an image has in common with others.
        """,
        view="output.space:SPACES",
        see=("system prune", "images"),
    ),
    "system dial-stdio": Page(
        """
        Passes what comes at standard input on to the engine, and what the engine answers to
        standard output. By it clients use the engine of another machine: their host is then
        ssh://[USER@]HOST. Docker's clients call it as `docker`, which can be a link to orlop there.
        """,
        see=("system df",),
    ),
    "system prune": Page(
        """
        Removes containers that do not run, networks that nothing is in and images without a name,
        after it has asked; with --all all images that no container uses, with --volumes also
        volumes without a name.
        """,
        filters={
            "label": "with this label, or with this value of it (NAME=VALUE)",
            "label!": "without it",
            "until": "created before this time",
        },
        see=("system df", "container prune", "image prune", "volume prune"),
    ),
    "context ls": Page(
        """
        Lists the engines that have a name: orlop's own (default), Docker's (docker), and the
        contexts of docker's client. `--context NAME` uses one of them.
        """,
        see=("context show",),
    ),
    "context show": Page("Prints the name of the engine that is in use.", see=("context ls",)),
}
