"""What the engine's own settings give to containers that do not ask."""

from __future__ import annotations

from orlop.engine.containers.composing import with_defaults
from orlop.engine.settings import Settings
from orlop.intent.flags import parse_run
from orlop.intent.request import Ulimit

SETTINGS = Settings(
    cgroup_parent="/all",
    shm_bytes=1 << 20,
    init=True,
    ulimits=(Ulimit("RLIMIT_NOFILE", 10, 20), Ulimit("RLIMIT_CORE", 0, 0)),
)


def test_who_asks_for_nothing_has_the_engines_values() -> None:
    found = with_defaults(parse_run(["host"]), SETTINGS)
    assert (found.cgroup_parent, found.shm_bytes, found.init) == ("/all", 1 << 20, True)
    assert found.ulimits == SETTINGS.ulimits
    assert found.written["ulimits[0]"] == "--default-ulimit of the engine"


def test_what_is_asked_for_counts() -> None:
    flags = "--ulimit nofile=5 --shm-size 2m --cgroup-parent /own host"
    found = with_defaults(parse_run(flags.split()), SETTINGS)
    assert (found.cgroup_parent, found.shm_bytes) == ("/own", 2 << 20)
    assert found.ulimits == (Ulimit("RLIMIT_NOFILE", 5, 5), SETTINGS.ulimits[1])
    assert found.written["ulimits[0]"].startswith("--ulimit")
    assert found.written["ulimits[1]"] == "--default-ulimit of the engine"
