"""Verbs that act on containers, several at a time, and what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.cli.peers import Orlop, with_image
from tests.integration.support.deadlines import eventually
from tests.integration.support.images import IMAGE

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]


def test_a_life(orlop: Orlop) -> None:
    made = orlop("create", *with_image(("--name", "web", "--", "sleep", "1000"))).ok().out.strip()
    assert re.fullmatch("[0-9a-f]{64}", made)
    assert orlop("start", "web").ok().out == "web\n"
    assert orlop("pause", "web").ok().out == "web\n"
    assert orlop.inspect("web")["State"]["Status"] == "paused"
    assert orlop("unpause", "web").ok().out == "web\n"
    assert orlop("rename", "web", "site").ok().out == ""
    pid = orlop.inspect("site")["State"]["Pid"]
    assert orlop("restart", "-t", "0", "site").ok().out == "site\n"
    assert orlop.inspect("site")["State"]["Pid"] != pid
    assert orlop("kill", "-s", "KILL", "site").ok().out == "site\n"
    assert orlop("wait", "site").ok().out == "137\n"
    assert orlop("rm", "site").ok().out == "site\n"
    assert orlop.is_gone(made)


def test_stop_and_its_limit(orlop: Orlop) -> None:
    trap = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    orlop.start("--name", "polite", "--", "sh", "-c", trap)
    orlop.wait_for_log("polite", "ready")
    orlop.start("--name", "deaf", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    assert orlop("stop", "polite").ok().out == "polite\n"
    assert orlop("wait", "polite").ok().out == "9\n"
    assert orlop("stop", "-t", "0", "deaf").ok().out == "deaf\n"
    assert orlop("wait", "deaf").ok().out == "137\n"


def test_one_that_is_missing_does_not_keep_the_others(orlop: Orlop) -> None:
    orlop.start("--name", "one", "--", "sleep", "1000")
    orlop.start("--name", "two", "--", "sleep", "1000")
    done = orlop("kill", "one", "no-such", "two")
    assert (done.status, done.lines()) == (1, ["one", "two"])
    done.refused("no-such")
    assert done.err.count("\n") == 1
    done = orlop("rm", "-f", "one", "no-such", "two")
    assert (done.status, done.lines()) == (0, ["one", "two"])


def test_details_of_a_log(orlop: Orlop) -> None:
    options = ("labels=team,none", "env=COLOUR", "tag={{.Name}}")
    flags = [word for option in options for word in ("--log-opt", option)]
    flags += ["--name", "web", "-l", "team=red, blue", "-e", "COLOUR=ä"]
    orlop("run", *with_image((*flags, "--", "sh", "-c", "echo out; echo err >&2"))).ok()
    detail = "COLOUR=%C3%A4,tag=web,team=red%2C+blue"
    done = orlop("logs", "--details", "web").ok()
    assert (done.out, done.err) == (f"{detail} out\n", f"{detail} err\n")
    orlop("run", *with_image(("--name", "plain", "--", "echo", "out"))).ok()
    assert orlop("logs", "--details", "plain").ok().out == " out\n"


def test_what_the_state_does_not_allow(orlop: Orlop) -> None:
    orlop.start("--name", "web", "--", "sleep", "1000")
    assert orlop("rm", "web").refused("running").status == 1
    assert orlop("rename", "web", "web").status == 1
    assert orlop("unpause", "web").status == 1
    again = orlop("create", *with_image(("--name", "web", "--", "true")))
    assert again.refused("web").status == 1


def test_removal_with_volumes(orlop: Orlop) -> None:
    orlop("create", *with_image(("--name", "web", "-v", "/data", "--", "true"))).ok()
    (mount,) = orlop.inspect("web")["Mounts"]
    assert mount["Name"] in orlop.docker("volume", "ls", "-q").ok().lines()
    orlop("rm", "-v", "web").ok()
    assert mount["Name"] not in orlop.docker("volume", "ls", "-q").ok().lines()


def test_limits_change(orlop: Orlop) -> None:
    orlop.start("--name", "web", "--", "sleep", "1000")
    words = ["--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "33"]
    assert orlop("update", *words, "--restart", "on-failure:2", "web").ok().out == "web\n"
    host = orlop.inspect("web")["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 << 20, 500_000_000, 33)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}


class TestLogs:
    SCRIPT = "for n in 1 2 3; do echo out $n; echo err $n >&2; done"

    def test_streams_and_the_end(self, orlop: Orlop) -> None:
        orlop("run", *with_image(("--name", "web", "--", "sh", "-c", self.SCRIPT))).ok()
        done = orlop("logs", "web").ok()
        assert done.lines() == ["out 1", "out 2", "out 3"]
        assert done.err.splitlines() == ["err 1", "err 2", "err 3"]
        assert len(orlop("logs", "--tail", "0", "web").ok().out) == 0
        assert orlop("logs", "--since", "2001-01-01", "--until", "1h", "web").ok().out == ""
        (line,) = orlop("logs", "-t", "-n", "1", "web").ok().lines() or ["none"]
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (out|err) 3|none", line)

    def test_following(self, orlop: Orlop) -> None:
        script = "echo one; read line </tmp/go; echo two"
        orlop.start("--name", "web", "--", "sh", "-c", f"mkfifo /tmp/go; {script}")
        following = orlop.foreground("logs", "-f", "web")
        assert following.line() == "one"
        orlop("exec", "web", "sh", "-c", "echo >/tmp/go").ok()
        done = following.finish()
        assert (done.status, done.out) == (0, "two\n")

    def test_of_a_terminal(self, orlop: Orlop) -> None:
        orlop("run", *with_image(("--name", "web", "-t", "--", "sh", "-c", "echo a; echo b >&2")))
        assert orlop("logs", "web").ok().out == "a\r\nb\r\n"


class TestImages:
    def test_a_commit(self, orlop: Orlop) -> None:
        orlop("run", *with_image(("--name", "web", "--", "touch", "/new"))).ok()
        made = orlop("commit", "-c", "CMD ls /new", "-m", "why", "web", "made:1").ok().out.strip()
        assert made.startswith("sha256:")
        assert orlop("run", "--rm", "--network", "none", "made:1").ok().out == "/new\n"
        assert orlop("tag", "made:1", "made:2").ok().out == ""
        assert orlop("rmi", "made:1").ok().out == "Untagged: made:1\n"
        orlop.remove_all()
        assert f"Deleted: {made}" in orlop("rmi", "made:2", "no-such").refused("no-such").lines()

    def test_archives(self, orlop: Orlop, workspace: Path) -> None:
        archive = workspace / "image.tar"
        orlop("tag", IMAGE, "saved:1").ok()
        orlop("save", "-o", archive, "saved:1").ok()
        orlop("rmi", "saved:1").ok()
        assert orlop("load", "-i", archive).ok().out == "Loaded image: saved:1\n"
        orlop("create", *with_image(("--name", "web", "--", "true"))).ok()
        tree = workspace / "tree.tar"
        orlop("export", "-o", tree, "web").ok()
        with tree.open("rb") as source:
            orlop("import", "-c", "CMD true", "-", "saved:2", stdin=source).ok()
        orlop("run", "--rm", "--network", "none", "saved:2").ok()
        orlop("rmi", "saved:1", "saved:2").ok()

    def test_archives_are_nothing_for_terminals(self, own: Orlop) -> None:
        with own.on_terminal("save", IMAGE) as session:
            session.screen.until("an archive is nothing for a terminal")
            assert session.wait() == 1


class TestPruning:
    def test_somebody_is_asked(self, orlop: Orlop) -> None:
        orlop("create", *with_image(("--name", "web", "--", "true"))).ok()
        done = orlop("container", "prune", stdin="n\n")
        assert done.status == 1
        assert "continue?" in done.err
        made = orlop.inspect("web")["Id"]
        done = orlop("container", "prune", stdin="y\n").ok()
        assert made in done.lines()
        assert orlop.is_gone("web")

    def test_filters(self, orlop: Orlop) -> None:
        orlop("create", *with_image(("--name", "web", "-l", "keep=1", "--", "true"))).ok()
        orlop("container", "prune", "-f", "--filter", "label!=keep=1").ok()
        assert not orlop.is_gone("web")

    def test_volumes(self, orlop: Orlop) -> None:
        orlop("volume", "create", "--label", "a=b", "data").ok()
        orlop("volume", "prune", "-f", "--filter", "label!=a").ok()
        assert "data" in orlop.docker("volume", "ls", "-q").ok().lines()
        assert orlop("volume", "rm", "data").ok().out == "data\n"
        assert orlop("volume", "rm", "data").status == 1
        assert orlop("volume", "rm", "-f", "data").status == 0

    def test_everything(self, orlop: Orlop) -> None:
        orlop("create", *with_image(("--name", "web", "--", "true"))).ok()
        assert "space that is free again" in orlop("system", "prune", "-f").ok().out
        assert orlop.is_gone("web")


def test_an_end_that_comes_late_is_waited_for(orlop: Orlop) -> None:
    orlop.start("--name", "web", "--", "sh", "-c", "mkfifo /tmp/go; read line </tmp/go; exit 6")
    waiting = orlop.foreground("wait", "web")

    def released() -> bool:
        return orlop("exec", "web", "sh", "-c", "[ -p /tmp/go ] && echo >/tmp/go").status == 0

    eventually(released, "the fifo")
    done = waiting.finish()
    assert (done.status, done.out) == (0, "6\n")
