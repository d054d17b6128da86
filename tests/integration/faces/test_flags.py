"""The flags of docker's client are those of `orlop`, but for some that are not, with reasons."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from orlop.faces.cli.verbs import CONTAINERS, ENGINE, IMAGES, OF_GROUP
from orlop.options import FLAG
from orlop.program import load, load_verb

pytestmark = [pytest.mark.requires_docker]

WINDOWS = "of Windows containers"
SWARM = "of swarms, which orlop does not have"
ABSENT = {
    "run": {
        "--cpu-count": WINDOWS,
        "--cpu-percent": WINDOWS,
        "--io-maxbandwidth": WINDOWS,
        "--io-maxiops": WINDOWS,
        "--isolation": WINDOWS,
        "--use-api-socket": "gives a container root on the machine; -v does the same visibly",
    },
    "start": {
        "--checkpoint": "checkpoints are not made",
        "--checkpoint-dir": "checkpoints are not made",
    },
    "images": {"--tree": "shows the platforms of images; one is kept here"},
    "push": {"--platform": "there is one platform of an image here"},
    "rmi": {"--platform": "there is one platform of an image here"},
    "volume create": {
        "--availability": SWARM,
        "--group": SWARM,
        "--limit-bytes": SWARM,
        "--required-bytes": SWARM,
        "--scope": SWARM,
        "--secret": SWARM,
        "--sharing": SWARM,
        "--topology-preferred": SWARM,
        "--topology-required": SWARM,
        "--type": SWARM,
    },
    "volume ls": {"--cluster": SWARM},
    "context ls": {"--format": "a line of a context is its name and its address"},
}
ABSENT["create"] = ABSENT["run"]
OWN = {"daemon", "completion", "context show", "image bootstrap"}
"""What docker's client does not have."""
FLAG_LINE = re.compile(r"^ +(?:(-\w), )?(--[\w-]+)(?: ([\w<>|-]+))?", re.MULTILINE)


def modules() -> dict[str, ModuleType]:
    """By their words, those that docker's client has too."""
    verbs = [verb for verb in (*CONTAINERS, *IMAGES, *ENGINE) if verb not in OWN]
    found = {verb: load(f"orlop.faces.cli.{verb}_") for verb in verbs}
    for group, entry in OF_GROUP.items():
        for verb in entry.own:
            if f"{group} {verb}" not in OWN:
                found[f"{group} {verb}"] = load_verb(f"orlop.faces.cli.{group}", verb)
    return found


def flags_of_docker(verb: str) -> list[tuple[str, str, bool]]:
    """Short name or "", long name, and whether it takes a value."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    words = ["docker", *verb.split(), "--help"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    found = FLAG_LINE.findall(done.stdout.partition("\nOptions:\n")[2])
    return [(short, name, bool(value)) for short, name, value in found if name != "--help"]


def differences(verb: str, module: ModuleType) -> set[str]:
    ours = {name: option for option in module.OPTIONS for name in option.names}
    found = set()
    for short, name, takes_value in flags_of_docker(verb):
        option = ours.get(name)
        if option is None:
            found.add(name)
        elif (option.kind != FLAG) != takes_value:
            found.add(f"{name}: with a value or without")
        elif short and short not in option.names:
            found.add(short)
    return found


def test_all_flags_are_there_or_have_a_reason() -> None:
    known = modules()
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(known, pool.map(differences, known, known.values()), strict=True))
    assert {verb: names for verb, names in found.items() if names} == {
        verb: set(names) for verb, names in ABSENT.items()
    }
