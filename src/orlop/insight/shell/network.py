"""Network devices, by ip(8)."""

from __future__ import annotations

from orlop.insight.notation.network import addresses
from orlop.insight.shell.words import word
from orlop.launch.plan import ConfigureNetDevice, MoveNetDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings


def _move(op: MoveNetDevice, d: Draft) -> None:
    name = f" name {word(op.new_name)}" if op.new_name else ""
    d.outside(f'ip link set dev {word(op.name)} netns "$first"{name}')


def _configure(op: ConfigureNetDevice, d: Draft) -> None:
    for _, address in addresses(op.addresses):
        d.here(f"ip address add {address} dev {word(op.name)}")
    d.here(f"ip link set dev {word(op.name)} up")


RENDERINGS: Renderings = {MoveNetDevice: _move, ConfigureNetDevice: _configure}
