from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, Unsupported
from orlop.kernel import capabilities


def test_bits_are_those_of_the_kernel() -> None:
    # linux/capability.h: numbers that everything else is built on.
    expected = {
        "CAP_CHOWN": 0,
        "CAP_SETPCAP": 8,
        "CAP_NET_ADMIN": 12,
        "CAP_SYS_ADMIN": 21,
        "CAP_SYS_RESOURCE": 24,
        "CAP_SETFCAP": 31,
        "CAP_MAC_OVERRIDE": 32,
        "CAP_AUDIT_READ": 37,
        "CAP_PERFMON": 38,
        "CAP_BPF": 39,
        "CAP_CHECKPOINT_RESTORE": 40,
    }
    assert {name: capabilities.BITS[name] for name in expected} == expected
    assert len(capabilities.NAMES) == 41


@pytest.mark.skipif(
    not Path("/usr/include/linux/capability.h").exists(), reason="needs the kernel's headers"
)
def test_all_bits_match_the_header() -> None:
    header = Path("/usr/include/linux/capability.h").read_text()
    defined = [line.split() for line in header.splitlines() if line.startswith("#define CAP_")]
    numbers = {row[1]: int(row[2]) for row in defined if row[2].isdecimal()}
    known = {name: bit for name, bit in capabilities.BITS.items() if name in numbers}
    assert known.items() <= numbers.items()
    assert len(known) >= 38


def test_mask_and_names_are_inverse() -> None:
    bits = capabilities.mask(capabilities.DOCKER_DEFAULT)
    assert bits == 0xA80425FB  # as /proc/self/status shows it in a container of Docker's
    assert set(capabilities.names(bits)) == set(capabilities.DOCKER_DEFAULT)
    assert capabilities.names(capabilities.ALL) == capabilities.NAMES
    assert capabilities.mask([]) == 0


@pytest.mark.parametrize("name", ["CAP_EVERYTHING", "cap_chown", "CHOWN", ""])
def test_mask_names_what_it_does_not_know(name: str) -> None:
    with pytest.raises(InvalidArgument, match=repr(name)):
        capabilities.mask(["CAP_CHOWN", name])


def test_mask_refuses_what_is_not_available() -> None:
    available = capabilities.mask(["CAP_CHOWN"])
    with pytest.raises(Unsupported, match="CAP_BPF"):
        capabilities.mask(["CAP_CHOWN", "CAP_BPF"], available=available)


def test_grantable_leaves_out_and_tells() -> None:
    available = capabilities.mask(["CAP_CHOWN", "CAP_KILL"])
    asked = ["CAP_CHOWN", "CAP_BPF", "CAP_NONSENSE", "CAP_KILL", "CAP_BPF"]
    assert capabilities.grantable(asked, available) == (available, ("CAP_BPF", "CAP_NONSENSE"))


def test_kernel_mask_has_all_below_the_last() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    assert capabilities.kernel_mask() == (2 << min(last, 40)) - 1
