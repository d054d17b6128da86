"""What `orlop` can do: its verbs by topic, and those of its groups, as one table.

A verb's module is `orlop.faces.cli.VERB_`. What a group as `orlop container` has, is either one
of these verbs under the same or another name, or a module in the group's own package.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINERS = {
    "run": "create and start a container",
    "create": "create a container",
    "start": "start containers",
    "stop": "stop containers",
    "restart": "restart containers",
    "kill": "send containers a signal",
    "pause": "freeze all processes of containers",
    "unpause": "let the processes of containers go on",
    "wait": "wait until containers end, and print their exit statuses",
    "rm": "remove containers",
    "rename": "give a container another name",
    "update": "change the limits of containers",
    "exec": "run a command in a running container",
    "attach": "join the streams of a running container",
    "cp": "copy files between a container and this machine",
    "logs": "show what a container has written",
    "ps": "list containers",
    "inspect": "show everything about containers, images, volumes and networks",
    "top": "show the processes of a container",
    "stats": "show what containers use",
    "diff": "show what a container has changed in its files",
    "port": "show the published ports of a container",
    "export": "write the files of a container as a tar archive",
    "commit": "make an image of a container",
}
IMAGES = {
    "images": "list images",
    "pull": "fetch an image from a registry",
    "push": "send an image to a registry",
    "tag": "give an image one more name",
    "rmi": "remove images",
    "history": "show the layers of an image",
    "save": "write images as a tar archive",
    "load": "read images from a tar archive",
    "import": "make an image of a tar archive of files",
    "login": "keep credentials for a registry",
    "logout": "forget the credentials for a registry",
    "search": "search a registry for images",
}
ENGINE = {
    "info": "show what the engine is and has",
    "version": "show the versions of command and engine",
    "events": "show what happens, as it happens",
    "daemon": "run the engine",
    "completion": "print the completion script of a shell",
}
ISOLATION = {
    "explain": "show the kernel operations of a start, without starting anything",
    "trace": "start a container and show the time of each operation",
    "proof": "read back from the kernel what isolates a container or process",
    "reach": "tell who can reach a container's ports, and by which rule",
    "why": "tell why a container has ended, or is slow",
    "compare": "show which namespaces and limits several containers share",
    "ns": "make, enter, show and remove namespaces by hand",
    "cgroup": "make, set, show and remove control groups by hand",
    "sandbox": "run an untrusted command with hard limits",
}
GROUPS = {
    "container": "handle containers",
    "image": "handle images",
    "volume": "handle volumes",
    "network": "handle networks",
    "system": "handle the engine and what it has on disk",
    "context": "show the engines that have a name",
}
TOPICS = (
    ("containers", CONTAINERS),
    ("images", IMAGES),
    ("engine", ENGINE),
    ("what isolates containers", ISOLATION),
    ("groups of commands", GROUPS),
)
VERBS: Mapping[str, str] = CONTAINERS | IMAGES | ENGINE | ISOLATION | GROUPS
_PACKAGE = "orlop.faces.cli"


class Group(Record):
    """A group of verbs.

    Attributes:
        shared: its verbs that are verbs of `orlop` too, by their name in the group.
        own: its other verbs, with a line of help; their modules are in the group's package.
        aliases: further names of its verbs.
    """

    shared: Mapping[str, str]
    own: Mapping[str, str]
    aliases: Mapping[str, str]

    @property
    def verbs(self) -> dict[str, str]:
        """All of its verbs with a line of help, by name."""
        shared = {name: VERBS[verb] for name, verb in self.shared.items()}
        return dict(sorted((shared | dict(self.own)).items()))

    @property
    def modules(self) -> dict[str, str]:
        """The modules of the shared verbs."""
        return {name: f"{_PACKAGE}.{verb}_" for name, verb in self.shared.items()}


_LIST = {"list": "ls"}
_REMOVE = {"remove": "rm"}
OF_GROUP: Mapping[str, Group] = {
    "container": Group(
        {
            **{verb: verb for verb in CONTAINERS if verb not in ("ps", "inspect")},
            "ls": "ps",
        },
        {
            "inspect": "show everything about containers",
            "prune": "remove all containers that do not run",
        },
        {**_LIST, **_REMOVE, "ps": "ls"},
    ),
    "image": Group(
        {
            **{verb: verb for verb in ("history", "import", "load", "pull", "push", "save", "tag")},
            "ls": "images",
            "rm": "rmi",
        },
        {
            "bootstrap": "make an image of a Debian release with debootstrap",
            "inspect": "show everything about images",
            "prune": "remove images that nothing uses",
        },
        {**_LIST, **_REMOVE},
    ),
    "volume": Group(
        {},
        {
            "create": "make a volume",
            "inspect": "show everything about volumes",
            "ls": "list volumes",
            "prune": "remove volumes that nothing uses",
            "rm": "remove volumes",
        },
        {**_LIST, **_REMOVE},
    ),
    "network": Group(
        {},
        {
            "connect": "connect a container to a network",
            "create": "make a network",
            "disconnect": "disconnect a container from a network",
            "inspect": "show everything about networks",
            "ls": "list networks",
            "prune": "remove networks that nothing uses",
            "rm": "remove networks",
        },
        {**_LIST, **_REMOVE},
    ),
    "system": Group(
        {"events": "events", "info": "info"},
        {
            "df": "show what is on disk",
            "dial-stdio": "pass standard input and output on to the engine, for ssh",
            "prune": "remove everything that nothing uses",
        },
        {},
    ),
    "context": Group(
        {},
        {"ls": "list the engines that have a name", "show": "print the name of the one in use"},
        _LIST,
    ),
}

ELSEWHERE = {
    "build": "load an image that was built elsewhere, or commit a container",
    "buildx": "load an image that was built elsewhere, or commit a container",
    "compose": "docker compose works, with DOCKER_HOST=unix:///run/orlop/orlop.sock",
    "swarm": "an engine is for one machine",
    "plugin": "there are none",
}
"""Commands of Docker's that are none here, and what to do instead."""
