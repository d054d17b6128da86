"""Pages of commands for volumes and networks."""

from __future__ import annotations

from orlop.faces.cli.manual import Page

_LABEL = "with this label, or with this value of it (NAME=VALUE)"

PAGES = {
    "volume create": Page(
        "Makes a volume, by default with a name that nobody chose; prints its name.",
        see=("volume ls", "run"),
    ),
    "volume inspect": Page("As `orlop inspect`, of volumes only.", see=("inspect",)),
    "volume ls": Page(
        "Lists volumes.",
        filters={
            "dangling": "true: no container uses it; false: one does",
            "driver": "of this driver",
            "label": _LABEL,
            "name": "whose name contains this",
        },
        view="output.named:VOLUMES",
        see=("volume inspect", "volume prune"),
    ),
    "volume prune": Page(
        """
        Removes volumes that have no name of their own and that no container uses, after it has
        asked; with --all also those with names.
        """,
        filters={"all": "true: as --all", "label": _LABEL, "label!": "without it"},
        see=("volume rm", "system prune"),
    ),
    "volume rm": Page("Removes volumes that no container uses.", see=("volume ls",)),
    "network connect": Page("Connects a container to a network.", see=("network disconnect",)),
    "network create": Page("Makes a network; prints its id.", see=("network ls",)),
    "network disconnect": Page("Disconnects a container from a network.", see=("network connect",)),
    "network inspect": Page("As `orlop inspect`, of networks only.", see=("inspect",)),
    "network ls": Page(
        "Lists networks.",
        filters={
            "dangling": "true: no container is in it; false: one is",
            "driver": "of this driver",
            "id": "whose id begins so",
            "label": _LABEL,
            "name": "whose name contains this",
            "scope": "local",
            "type": "builtin or custom",
        },
        view="output.named:NETWORKS",
        see=("network inspect",),
    ),
    "network prune": Page(
        "Removes networks that no container is in, after it has asked.",
        filters={"label": _LABEL, "label!": "without it", "until": "created before this time"},
        see=("network rm", "system prune"),
    ),
    "network rm": Page("Removes networks that no container is in.", see=("network ls",)),
}
