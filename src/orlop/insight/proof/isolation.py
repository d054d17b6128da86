"""Namespaces: which are the target's own, and with whom the others are shared."""

from __future__ import annotations

import os

from orlop.insight.proof.rows import AS_ASKED, NOT_ASKED, Row, Section, compared, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.namespaces import Isolation
    from orlop.insight.proof.facts import Facts
    from orlop.runtime.spec import Namespace, Spec

NAME = "namespaces"


def section(facts: Facts, asked: Spec | None) -> Section:
    """One row for each kind of namespace."""
    return Section(NAME, tuple(_row(found, facts, asked) for found in facts.isolation))


def _row(found: Isolation, facts: Facts, asked: Spec | None) -> Row:
    if found.inode is None:
        return unreadable(found.kind, "needs CAP_SYS_PTRACE over the process")
    isolated = bool(facts.isolated(found.kind))
    observed = _observed(found, isolated=isolated)
    note = "" if isolated else found.exposes
    if asked is None:
        return Row(found.kind, observed, note=note)
    entry = asked.linux.namespace(found.kind)
    if entry is None:
        return _not_its_own(found, observed, note, isolated=isolated)
    if entry.path:
        return _joined(found, entry, observed, note)
    return compared(found.kind, observed, "its own", same=isolated, note=note)


def _observed(found: Isolation, *, isolated: bool) -> str:
    others = [name for name in found.shared_with if name != "host"]
    what = f"its own, {found.inode}" if isolated else f"the host's, {found.inode}"
    if isolated and others:
        return f"{what}, and that of {', '.join(others)}"
    return f"{what} (host {found.host})" if isolated else what


def _not_its_own(found: Isolation, observed: str, note: str, *, isolated: bool) -> Row:
    """Nothing was asked, so the container has that of whoever made it."""
    if isolated:
        note = "that of the process that made it, or a later one"
    verdict = NOT_ASKED if isolated else AS_ASKED
    return Row(found.kind, observed, "not isolated", verdict, note)


def _joined(found: Isolation, entry: Namespace, observed: str, note: str) -> Row:
    path = entry.path or ""
    if path.startswith("/proc/") and path.rpartition("/")[0].endswith("/fd"):
        return _by_descriptor(found, observed, note)
    asked = f"that of {path}"
    try:
        inode = os.stat(path).st_ino
    except OSError:
        return Row(found.kind, observed, asked, NOT_ASKED, "there is nothing at that path any more")
    return compared(found.kind, observed, asked, same=inode == found.inode, note=note)


def _by_descriptor(found: Isolation, observed: str, note: str) -> Row:
    """Whoever started it had the namespace open; by now that descriptor may be another's."""
    asked = "one that was made or open for it"
    if found.isolated:
        return Row(found.kind, observed, asked, AS_ASKED, note)
    return Row(found.kind, observed, asked, NOT_ASKED, note)
