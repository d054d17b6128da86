"""Host name and sysctls of the target's namespaces."""

from __future__ import annotations

from orlop.insight.proof.rows import NOT_ASKED, Row, Section, compared
from orlop.runtime.validate.sysctls import is_plain, namespace_of, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.proof.facts import Facts
    from orlop.runtime.spec import Spec

NAME = "settings"

_READABLE = ("ipc", "network", "uts")


def sysctls_to_read(asked: Spec | None) -> tuple[str, ...]:
    """The paths of those sysctls that were asked for and belong to a namespace."""
    if asked is None:
        return ()
    return tuple(path for path in map(path_of, asked.linux.sysctl) if _is_readable(path))


def _is_readable(path: str) -> bool:
    return is_plain(path) and namespace_of(path) in _READABLE


def section(facts: Facts, asked: Spec | None) -> Section:
    """Host name, domain name, and the sysctls that were asked for."""
    settings = facts.settings
    if settings is None:
        return Section(NAME, ())
    rows = [
        _name("host name", settings.host_name, asked.hostname if asked else None),
        _name("domain name", settings.domain_name, asked.domainname if asked else None),
    ]
    if asked is not None:
        rows += _sysctls(facts, asked)
    return Section(NAME, tuple(rows))


def _name(what: str, found: str, wanted: str | None) -> Row:
    """A name that the target can change itself, if it has the capability."""
    if not wanted:
        return Row(what, found)
    return compared(what, found, wanted, same=found == wanted)


def _sysctls(facts: Facts, asked: Spec) -> Iterator[Row]:
    found = facts.settings.sysctls if facts.settings is not None else {}
    for key, value in asked.linux.sysctl.items():
        wanted, now = " ".join(value.split()), found.get(path_of(key))
        if not _is_readable(path_of(key)):
            yield Row(key, "cannot be told", wanted, NOT_ASKED, "of the host or a user namespace")
        else:
            observed = "not there" if now is None else now
            yield compared(key, observed, wanted, same=now == wanted)
