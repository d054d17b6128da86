"""What has to be on the host's disk before a start from flags: directories and small files.

The container's own directory is removed with the container. The layers of the image `host` stay,
as orlop would leave them: other containers use them.
"""

from __future__ import annotations

import posixpath
from itertools import groupby

from orlop.insight.shell.words import word, words
from orlop.intent import preparation
from orlop.intent.host_image import directories
from orlop.intent.preparation import (
    HOSTS,
    RESOLV_CONF,
    CopyHosts,
    CopyResolvConf,
    MakeDirectory,
    MakeHostImage,
    WriteFile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.shell.draft import Draft
    from orlop.intent.host_image import HostImageFacts
    from orlop.intent.preparation import Preparation

OWN = "CONTAINER"


def render(preparations: Iterable[Preparation], directory: str, d: Draft) -> None:
    """Adds the preparations; `directory` is the container's own."""
    d.paths.define(OWN, directory)
    own = d.path(directory)
    d.ahead(
        "the container's own directory: it is removed with the container",
        f"mkdir -p -- {d.path(posixpath.dirname(directory))}",
        f"mkdir -m 711 -- {own} || fail {own}' is there already: this container exists'",
        f"own={own}",
    )
    for one in preparations:
        _render(one, d)


def _render(one: Preparation, d: Draft) -> None:
    path = d.path(one.path)
    match one:
        case MakeDirectory(_, mode):
            d.ahead("directories that are missing", f"[ -e {path} ] || mkdir -p -- {path}")
            if mode != 0o755:
                d.ahead("directories that are missing", f"chmod {mode:o} {path}")
        case WriteFile(_, text):
            d.ahead("small files", f"printf %s {word(text)} > {path}")
        case CopyHosts(_, names):
            lines = word(preparation.hosts(names))
            d.ahead("small files", f"{{ cat {HOSTS}; printf %s {lines}; }} > {path}")
        case CopyResolvConf():
            d.ahead("small files", _resolv_conf(one, path))
        case MakeHostImage(facts, _):
            d.paths.define("IMAGE", one.path)
            d.ahead("the layers of the image `host`, unless they are there", *_host_image(facts))


def _resolv_conf(one: CopyResolvConf, path: str) -> str:
    """The host's, without the lines that are replaced, and the new ones."""
    given = {
        "nameserver": one.servers,
        "(search|domain)": one.search,
        "options": one.options,
    }
    replaced = [keyword for keyword, values in given.items() if values]
    if not replaced:
        return f"cat {RESOLV_CONF} > {path}"
    pattern = f"^[[:space:]]*({'|'.join(replaced)})([[:space:]]|$)"
    lines = preparation.resolv_conf("", one.servers, one.search, one.options)
    keep = f"grep -Ev {word(pattern)} {RESOLV_CONF} || :"
    return f"{{ {keep}; printf %s {word(lines)}; }} > {path}"


def _host_image(facts: HostImageFacts) -> list[str]:
    """Made under another name first, so that nobody sees half of it."""
    return [
        'if [ ! -d "$IMAGE" ]; then',
        '  mkdir -p -- "$IMAGE.new/root" "$IMAGE.new/etc"',
        '  cd -- "$IMAGE.new/root"',
        *(f"  mkdir -m {mode:o} -- {words(names)}" for mode, names in _by_mode(facts)),
        *(f"  ln -s -- {word(target)} {word(name)}" for name, target in facts.links),
        "  # what only some may read on the host: a device 0:0 hides a name in the layer below",
        '  cd -- "$IMAGE.new/etc"',
        *(f"  mkdir -- {word(name)}; chmod {_as_host(name)}" for name in _above(facts)),
        *(f"  mknod -m 0 -- {word(name)} c 0 0" for name in facts.secrets),
        "  cd /",
        '  mv -T -- "$IMAGE.new" "$IMAGE"',
        "fi",
    ]


def _by_mode(facts: HostImageFacts) -> list[tuple[int, list[str]]]:
    rows = groupby(directories(facts), lambda row: row[1])
    return [(mode, [name for name, _ in same]) for mode, same in rows]


def _above(facts: HostImageFacts) -> list[str]:
    """The directories above the secrets, each after those above it."""
    found: dict[str, None] = {}
    for path in facts.secrets:
        parts = path.split("/")[:-1]
        for depth in range(len(parts)):
            found["/".join(parts[: depth + 1])] = None
    return list(found)


def _as_host(name: str) -> str:
    return f"--reference={word('/etc/' + name)} -- {word(name)}"
