"""Rules that others change: ours are made again at once, and fit to what the host's say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orlop.kernel.nftables import Nftables
from tests.integration.network.asking import run
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine, running_engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]


@pytest.fixture
def rules() -> Iterator[Rules]:
    with Nftables() as nftables:
        yield Rules(nftables)
        nftables.run("delete table inet fw")  # of a test that failed


class Rules:
    """The packet filter of the host, as somebody else sees it."""

    def __init__(self, nftables: Nftables) -> None:
        self._nftables = nftables

    def generation(self) -> int:
        return self._nftables.generation()

    def change(self, commands: str) -> None:
        assert self._nftables.run(commands) is None

    def all(self) -> list[Any]:
        """All there is, without the kernel's numbers."""
        text = self._nftables.list_json("list ruleset")
        assert isinstance(text, str)
        entries = json.loads(text)["nftables"][1:]
        for entry in entries:
            for described in entry.values():
                described.pop("handle", None)
        return sorted(entries, key=json.dumps)

    def tables(self) -> list[str]:
        return sorted(entry["table"]["name"] for entry in self.all() if "table" in entry)


CHANGES = [
    "flush ruleset",
    "delete table inet {0}",
    "delete table inet {1}",
    "flush chain inet {0} forward",
    "flush table inet {0}",
    "add rule inet {0} forward accept",
]


def test_ours_are_made_again(engine: Engine, rules: Rules) -> None:
    """Whatever somebody does to them; an event tells it (one for several, if they are quick)."""
    run(engine, "--name", "web", "-p", "18084:80")
    before, tables = rules.all(), rules.tables()
    assert len(tables) == 2
    for change in CHANGES:
        rules.change(change.format(*tables))
        eventually(lambda: rules.all() == before, f"the rules after: {change}")
    eventually(lambda: reloads(engine) > 0, "an event")


def reloads(engine: Engine) -> int:
    """How often the engine has told that it has made its rules again."""
    until = f"{time.time():.9f}"
    seen = engine.docker("events", "--since", "0", "--until", until, "--filter", "type=network")
    return seen.ok().out.count(" network reload ")


def test_two_engines_do_not_answer_each_other(
    engine: Engine, workspace: Path, rules: Rules
) -> None:
    """Each copies what the host's own rules say, once, and takes the other's for what they are."""
    other_directory = workspace / "other"
    other_directory.mkdir()
    with running_engine(other_directory) as other:
        run(engine, "--name", "one", "-p", "18084:80")
        run(other, "--name", "two", "-p", "18085:80")
        assert len(rules.tables()) == 4
        settled = eventually(lambda: still(rules, engine, other), "both to be done")
        for number in range(1, 4):
            rules.change(
                "table inet fw {\nchain in {\n type filter hook input priority 0; policy drop\n"
                f"tcp dport {number} accept\n}}\n}}\n"
            )
            settled += 3
            eventually(lambda at=settled: rules.generation() >= at, "both to follow")  # type: ignore[misc]
            assert still(rules, engine, other) == settled
        other.docker("rm", "-f", "two").ok()
        eventually(lambda: len(rules.tables()) == 3, "the other one's to be gone")
    rules.change("delete table inet fw")


def still(rules: Rules, *engines: Engine) -> int:
    """The generation of the rules, if it stays the same while engines have time to do something."""
    before = rules.generation()
    for engine in engines:
        engine.docker("ps").ok()
    return before if rules.generation() == before else 0


def test_a_firewall_that_changes_all_the_time(engine: Engine, rules: Rules) -> None:
    """Nothing of it is missed, and containers start in between."""
    rules.change("table inet fw {\nchain in {\n type filter hook input priority 0\n}\n}")
    run(engine, "--name", "web", "-p", "18084:80")
    for number in range(200):
        rules.change(f"add rule inet fw in tcp dport {number + 1} drop")
    run(engine, "--name", "two", "-p", "18085:80")

    eventually(lambda: copies(rules) == 200, "all rules to be copied")
    rules.change("delete table inet fw")
    eventually(lambda: copies(rules) == 0, "the copies to be gone")


def copies(rules: Rules) -> int:
    """How many rules the engine has copied that refuse something."""
    (own,) = [name for name in rules.tables() if name.endswith("_host")]
    found = [one["rule"] for one in rules.all() if one.get("rule", {}).get("table") == own]
    return sum({"drop": None} in rule["expr"] for rule in found)
