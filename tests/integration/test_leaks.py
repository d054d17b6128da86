"""The leak fixture finds every kind of leak: each test here leaves one behind on purpose."""

from __future__ import annotations

import os
import subprocess
import textwrap

import pytest

from tests import leaks

pytestmark = pytest.mark.requires_root

PREAMBLE = """
import os, subprocess
from pathlib import Path
from tests import isolation, leaks
from tests.leaks import nothing_leaks
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "SETTLE_S", 0.2)


LEAKS = {
    "mount": "isolation.mount('tmpfs', '/mnt', 'tmpfs')",
    "cgroup": "(isolation.hierarchies()[0].at / 'leak').mkdir()",
    "network link": "subprocess.run(['ip', 'link', 'add', 'leak0', 'type', 'bridge'], check=True)",
    "file in /run": "Path('/run/orlop-leak').write_text('x')",
    "descriptor": "os.open('/dev/null', os.O_RDONLY)",
    "process": "os.system('sleep 1000 >/dev/null 2>&1 </dev/null &')",
    "name": "os.chdir('/')",
    "device node": "os.chmod('/dev/full', 0o600)",
}


def outcome_of(pytester: pytest.Pytester, *lines: str) -> pytest.RunResult:
    body = textwrap.indent("\n".join(lines), "    ")
    pytester.makepyfile(f"{PREAMBLE}\ndef test_it(tmp_path):\n{body}\n")
    return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")


@pytest.mark.requires_iproute2
@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_fails_the_test(
    pytester: pytest.Pytester, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, descriptors = os.getcwd(), leaks.snapshot()["descriptor"]
    result = outcome_of(pytester, LEAKS[kind])
    os.chdir(here)
    for leaked in leaks.snapshot()["descriptor"] - descriptors:
        os.close(int(leaked.split()[0]))
    if kind == "network link":
        subprocess.run(["ip", "link", "del", "leak0"], check=True)
    if kind == "file in /run":
        os.unlink("/run/orlop-leak")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*left behind: {kind} *"])


def test_taking_away_is_found_too(pytester: pytest.Pytester) -> None:
    with open("/run/orlop-there", "w"):
        pass
    result = outcome_of(pytester, "os.unlink('/run/orlop-there')")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*lost: file in /run /run/orlop-there*"])


def test_what_goes_by_itself_is_no_leak(pytester: pytest.Pytester) -> None:
    result = outcome_of(pytester, "os.system('sleep 0.1 >/dev/null 2>&1 </dev/null &')")
    result.assert_outcomes(passed=1)


def test_strays_of_other_namespaces_are_found(pytester: pytest.Pytester) -> None:
    result = outcome_of(
        pytester,
        "os.system('unshare -fp setsid sleep 1000 >/dev/null 2>&1 </dev/null &')",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*left behind: process *(sleep)*"])
