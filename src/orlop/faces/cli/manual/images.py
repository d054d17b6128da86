"""Pages of commands for images and registries."""

from __future__ import annotations

from orlop.faces.cli.manual import Page

_PRUNED = {
    "label": "with this label, or with this value of it (NAME=VALUE)",
    "label!": "without it",
    "until": "created before this time",
}

PAGES = {
    "images": Page(
        """
        Lists images, a line for each of their names. REPOSITORY may have a tag, and `*` in it.
        """,
        filters={
            "before": "created before this image",
            "dangling": "true: without a name; false: with one",
            "label": "with this label, or with this value of it (NAME=VALUE)",
            "reference": "whose name fits this pattern",
            "since": "created after this image",
            "until": "created before this time",
        },
        view="output.images:IMAGES",
        see=("history", "image inspect", "rmi"),
    ),
    "image inspect": Page("As `orlop inspect`, of images only.", see=("inspect", "history")),
    "image prune": Page(
        """
        Removes images that have no name and that no container uses, after it has asked; with --all
        all that no container uses.
        """,
        filters={"dangling": "false: as --all", **_PRUNED},
        see=("rmi", "system prune"),
    ),
    "image bootstrap": Page(
        """
        Makes an image of a Debian release with debootstrap(8), without a registry.
        """,
        see=("import", "pull"),
    ),
    "pull": Page(
        """
        Fetches an image, or with --all-tags all of a repository. Layers that are here already are
        not fetched again. Credentials are those of `orlop login`, or of docker's configuration.
        """,
        see=("push", "login", "images"),
    ),
    "push": Page(
        """
        Sends an image to the registry that its name begins with. Layers that are there already
        are not sent again.
        """,
        see=("tag", "pull", "login"),
    ),
    "tag": Page("Gives an image one more name; it keeps those that it has.", see=("push", "rmi")),
    "rmi": Page(
        """
        Takes names from images, and removes those that have none left with the layers that nothing
        else uses. What containers use is refused; --force removes it if none of them runs.
        """,
        see=("images", "image prune"),
    ),
    "history": Page(
        """
        Lists the layers of an image, the uppermost first, with what made them. <missing> are
        layers that were made elsewhere.
        """,
        view="output.layers:LAYERS",
        see=("image inspect",),
    ),
    "save": Page(
        """
        Writes images with all their layers and names as one tar archive, to --output or to standard
        output if that is no terminal.
        """,
        see=("load", "export"),
    ),
    "load": Page(
        """
        Reads images from a tar archive as `save` of orlop, Docker and podman writes them, plain or
        compressed, from --input or standard input.
        """,
        see=("save", "import"),
    ),
    "import": Page(
        """
        Makes an image of one layer from a tar archive of files: a file, an address (http), or `-`
        for standard input. --change sets what its configuration says.
        """,
        see=("export", "load"),
    ),
    "login": Page(
        """
        Tries credentials with a registry and keeps them where docker keeps its own, with the helper
        that docker's configuration names if it names one. --password-stdin keeps the password out
        of the list of processes.
        """,
        see=("logout", "pull", "push"),
    ),
    "logout": Page("Forgets the credentials for a registry.", see=("login",)),
    "search": Page(
        """
        Asks the engine to search a registry. Only Docker Hub has a search of that kind; orlop's
        engine has none and says so. It works with other engines (-H).
        """,
        see=("pull",),
    ),
}
