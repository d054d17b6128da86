"""Other limits beside those that there were."""

from __future__ import annotations

from orlop.engine.containers.updating import merged
from orlop.intent.request import DeviceRate, Limits

BEFORE = Limits(memory_bytes=64, pids=5, nano_cpus=10**9, read_bytes=(DeviceRate("/dev/a", 1),))


def test_what_is_not_asked_stays() -> None:
    assert merged(BEFORE, Limits()) == BEFORE
    assert merged(BEFORE, Limits(memory_bytes=128)) == BEFORE.replace(memory_bytes=128)


def test_cpus_and_a_quota_replace_each_other() -> None:
    quota = merged(BEFORE, Limits(cpu_quota_us=5000))
    assert (quota.nano_cpus, quota.cpu_quota_us) == (None, 5000)
    both = merged(BEFORE, Limits(nano_cpus=7, cpu_quota_us=5000))  # which is refused later
    assert (both.nano_cpus, both.cpu_quota_us) == (7, 5000)
    again = merged(quota, Limits(nano_cpus=7))
    assert (again.nano_cpus, again.cpu_quota_us, again.cpu_period_us) == (7, None, None)
