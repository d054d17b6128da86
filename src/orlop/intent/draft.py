"""What all parts of composing share: the request, the host, and the causes noted on the way."""

from __future__ import annotations

from orlop.intent.docker_defaults import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.intent.host_facts import HostFacts
    from orlop.intent.preparation import Preparation
    from orlop.intent.request import Request


class Draft:
    """A configuration in the making.

    Attributes:
        request: what is asked.
        host: for which host.
        container: the id.
        data_root: the host directory of everything that lasts.
        directory: the container's directory on the host.
        origins: what caused a field of config.json, by its path.
        warnings: what is not as it was asked.
        preparations: what has to be on the host's disk before the start.
    """

    def __init__(
        self, request: Request, host: HostFacts, container: str, data_root: str, directory: str
    ) -> None:
        self.request = request
        self.host = host
        self.container = container
        self.data_root = data_root
        self.directory = directory
        self.origins: dict[str, str] = {}
        self.warnings: list[str] = []
        self.preparations: list[Preparation] = []

    def written(self, field: str) -> str:
        """How people wrote this field of the request; its flag's name if nobody wrote it."""
        return self.request.written.get(field) or _flag_of(field)

    def all_written(self, field: str) -> tuple[str, ...]:
        """The same of every entry of a list."""
        entries = self.request
        for name in field.split("."):
            entries = getattr(entries, name)
        count: int = len(entries)  # type: ignore[arg-type]
        return tuple(self.written(f"{field}[{index}]") for index in range(count))

    def note(self, path: str, *causes: str) -> None:
        """Remembers what caused a field of config.json; without causes, that it is a default."""
        self.origins[path] = ", ".join(dict.fromkeys(causes)) or DEFAULT

    def warn(self, text: str) -> None:
        """Remembers a warning."""
        self.warnings.append(text)


def _flag_of(field: str) -> str:
    from orlop.intent.flags import FLAGS

    bare = field.partition("[")[0]
    names = (flag.names[0] for flag in FLAGS if flag.field == bare)
    return next(names, bare)
