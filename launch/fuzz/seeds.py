"""Writes real plans as seeds for the fuzzer: `seeds.py DIRECTORY`, with the package on PYTHONPATH.

One for each operation, between a clone and an execute, and one with all of them.
"""

import sys
from pathlib import Path

from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    MIDDLE,
    AwaitStart,
    BecomeInit,
    Clone,
    Execute,
    LoadSeccomp,
    NextPart,
    Operation,
    Plan,
    SendSeccompListener,
    Slot,
    Step,
    Supervise,
    Undumpable,
    operations,
)
from orlop.launch.wire import encode, signature

SLOTS = 4
SAMPLES = {"u": 1, "q": 1 << 40, "f": 1, "s": "/some/path", "b": b"\1\0\2", "l": ("one", "")}
SPECIAL = (
    Clone,
    Execute,
    NextPart,
    AwaitStart,
    LoadSeccomp,
    SendSeccompListener,
    BecomeInit,
    Supervise,
)


def sample(cls: type[Operation]) -> Operation:
    """An operation with something in each field."""
    return cls(*(SAMPLES[letter] for letter in signature(cls)))


def plans() -> dict[str, tuple[Step, ...]]:
    """The seeds by name."""
    begin = Step(LAUNCHER, Clone(0x20000))
    end = Step(CONTAINER, Execute(("sh", "-c", "exit"), ("A=b",)))
    ordinary = [cls for cls in operations().values() if cls not in SPECIAL]
    found: dict[str, tuple[Step, ...]] = {}
    for cls in ordinary:
        for side in (LAUNCHER, CONTAINER):
            found[f"{cls.kind}-{side}"] = (begin, Step(side, sample(cls)), end)
    found["all"] = (begin, *(Step(CONTAINER, sample(cls)) for cls in ordinary), end)
    listener = (
        Step(CONTAINER, LoadSeccomp(b"12345678", 8)),
        Step(LAUNCHER, SendSeccompListener("/agent", ("a", "b"))),
    )
    middle = (Step(MIDDLE, Undumpable()), Step(MIDDLE, Clone(0, Slot(2))))
    found["listener"] = (begin, *listener, Step(CONTAINER, AwaitStart(Slot(0))), end)
    found["middle"] = (*middle, end)
    found["init"] = (begin, Step(CONTAINER, BecomeInit()), end)
    found["supervised"] = (Step(LAUNCHER, sample(Supervise)), begin, end)
    found["part"] = (begin, Step(LAUNCHER, NextPart()))
    return found


def main() -> None:
    """Write them."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, steps in plans().items():
        (directory / name).write_bytes(encode(Plan(steps, SLOTS, 1, 1)))


if __name__ == "__main__":
    main()
