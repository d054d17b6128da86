"""Which device nodes the control groups let the target use."""

from __future__ import annotations

from orlop.errors import OrlopError
from orlop.insight.proof.rows import NOT_ASKED, Row, compared
from orlop.insight.quantities import plural
from orlop.insight.targets import ORLOP
from orlop.kernel.cgroup import devices, devices_attach
from orlop.kernel.cgroup.resources import DeviceRule
from orlop.runtime.device_rules import with_device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.proof.facts import DeviceControl
    from orlop.kernel.cgroup.devices import Exceptions
    from orlop.runtime.spec import Spec

WHAT = "devices that may be used"

# runc allowed it to every container up to 1.1 (opencontainers/runc, issue 3568).
_TUN = DeviceRule(allow=True, type="c", major=10, minor=200)


def device_row(found: DeviceControl | None, asked: Spec | None, engine: str) -> Iterator[Row]:
    """At most one row: on v1 the list, on v2 the filters."""
    if found is None:
        return
    if found.v1 is not None:
        yield _listed(found.v1, asked, engine)
    elif found.filters is not None:
        yield _filtered(found.filters, asked, engine)


def _listed(found: Exceptions, asked: Spec | None, engine: str) -> Row:
    observed = shown(found)
    if asked is None:
        return Row(WHAT, observed)
    try:
        wanted = devices.exceptions(_rules(asked))
        allowed = wanted if engine == ORLOP else devices.exceptions((*_rules(asked), _TUN))
    except OrlopError as error:
        return Row(WHAT, observed, error.message, NOT_ASKED)
    more = _more(found, allowed)
    note = f"more than asked: {', '.join(more)}" if more else ""
    return compared(WHAT, observed, shown(wanted), same=not more, note=note)


def _rules(asked: Spec) -> tuple[DeviceRule, ...]:
    return with_device_rules(asked.linux.resources).devices


def _more(found: Exceptions, wanted: Exceptions) -> tuple[str, ...]:
    """What is allowed beyond what was asked."""
    if found.allow:
        return () if wanted.allow else ("everything",)
    writes = devices.transition(found, wanted)
    return tuple(value for file, value in writes if file == "devices.deny")


def shown(state: Exceptions) -> str:
    """A state as text: "everything", or the devices."""
    if state.allow:
        return "everything"
    found = (f"{each} {devices.letters(access)}" for each, access in state.accesses.items())
    return ", ".join(sorted(found)) or "none"


def _filtered(tags: tuple[bytes, ...], asked: Spec | None, engine: str) -> Row:
    if not tags:
        observed = "everything: there is no filter"
        if asked is None:
            return Row(WHAT, observed)
        return compared(WHAT, observed, "a filter", same=False)
    observed = f"{plural(len(tags), 'filter')}: {', '.join(tag.hex() for tag in tags)}"
    if asked is None or engine != ORLOP:
        return Row(WHAT, observed, note="eBPF programs, by their tags")
    wanted = devices_attach.tag(devices.program(_rules(asked)))
    note = "eBPF programs are compared by their tags"
    return compared(WHAT, observed, f"the filter {wanted.hex()}", same=wanted in tags, note=note)
