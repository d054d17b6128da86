"""Which devices a container may use: none, then what was asked, then what every container needs.

See: runtime-spec config-linux.md#default-devices and #allowed-device-list. Making a node (`m`) is
always allowed: it gives no access.
"""

from __future__ import annotations

from orlop.kernel.cgroup.resources import DeviceRule, Resources

_DENY_ALL = DeviceRule(allow=False)

_ALWAYS = (
    DeviceRule(allow=True, type="c", access="m"),
    DeviceRule(allow=True, type="b", access="m"),
    DeviceRule(allow=True, type="c", major=1, minor=3),  # null
    DeviceRule(allow=True, type="c", major=1, minor=5),  # zero
    DeviceRule(allow=True, type="c", major=1, minor=7),  # full
    DeviceRule(allow=True, type="c", major=1, minor=8),  # random
    DeviceRule(allow=True, type="c", major=1, minor=9),  # urandom
    DeviceRule(allow=True, type="c", major=5, minor=0),  # tty
    DeviceRule(allow=True, type="c", major=5, minor=2),  # ptmx
    DeviceRule(allow=True, type="c", major=136),  # pts/*
)


def with_device_rules(resources: Resources | None) -> Resources:
    """The resources with the complete list of rules, in the order in which they count."""
    asked = resources or Resources()
    return asked.replace(devices=(_DENY_ALL, *asked.devices, *_ALWAYS))
