"""Starts as shell scripts: their text. What they make is tested by running them."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.faces.cli import main
from orlop.insight.shell import RENDERINGS, script, script_of
from orlop.insight.shell.words import Paths, comment, is_name, word, words
from orlop.intent.host_image import HostImageFacts
from orlop.intent.preparation import (
    CopyHosts,
    CopyResolvConf,
    MakeDirectory,
    MakeHostImage,
    WriteFile,
)
from orlop.launch import plan as ops
from orlop.launch.plan import CONTAINER, LAUNCHER, NO_SLOT, Operation, Plan, Side, Slot, Step
from tests.unit.insight.starts import V1, V2, planned
from tests.unit.insight.test_notation import TABLE

# As Python has arguments and file names: any bytes but NUL, those that are no UTF-8 as surrogates.
arguments = st.binary(max_size=30).map(
    lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
NASTY = [
    *("", " ", "a b", "'", '"', "\\", "`false`", "$(false)", "$HOME", "*", "~", "#", "!", "-n"),
    *("a\nb", "\n", "\t", "\x01", "\x7f", "\x1b[2J", "\udcff", "é", "\u202e", "a=b", "{a,b}", "&"),
]


def run(text: str) -> bytes:
    """What a script writes; it must not complain."""
    raw = text.encode("utf-8", "surrogateescape")
    done = subprocess.run(["bash", "-c", raw], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout


def joined(texts: Sequence[str]) -> bytes:
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


class TestWords:
    @given(st.lists(arguments, min_size=1, max_size=40))
    @settings(max_examples=40, deadline=None)
    def test_survive_a_shell(self, texts: list[str]) -> None:
        assert run(f"printf '%s\\0' {words(texts)}") == joined(texts)

    def test_survive_a_shell_whatever_they_are(self) -> None:
        assert run(f"printf '%s\\0' {words(NASTY)}") == joined(NASTY)

    @given(arguments)
    def test_can_be_shown_on_a_terminal(self, text: str) -> None:
        assert word(text).isprintable()
        assert comment(text).isprintable()

    @given(st.lists(arguments, min_size=1, max_size=40))
    @settings(max_examples=20, deadline=None)
    def test_a_comment_does_nothing(self, texts: list[str]) -> None:
        lines = "".join(f"# {comment(text)}\n" for text in texts)
        assert run(f"{lines}echo end") == b"end\n"

    @given(arguments.filter(bool), st.text("ab /'", max_size=5))
    @settings(max_examples=40, deadline=None)
    def test_paths_with_a_variable(self, root: str, rest: str) -> None:
        paths = Paths()
        paths.define("ROOT", root)
        path = f"{root}/{rest}"
        text = f"ROOT={word(root)}; printf '%s\\0' {paths.word(path)} {paths.word(root)}"
        assert run(text) == joined([path, root])

    def test_a_variable_stands_for_whole_parts_of_paths(self) -> None:
        paths = Paths()
        for name, path in (("A", "/a"), ("A", "/a/b"), ("C", "/a")):
            paths.define(name, path)
        found = [paths.word(path) for path in ("/a", "/a/x", "/a/b/x", "/ab", "/")]
        assert found == ['"$A"', '"$A/x"', '"$A_2/x"', "/ab", "/"]

    def test_names(self) -> None:
        assert [name for name in ("A", "a_1", "1a", "a.b", "a-b", "", "ä") if is_name(name)] == [
            "A",
            "a_1",
        ]


# --- all operations ---------------------------------------------------------------------------

EVERY = [op for op, _ in TABLE]


CLONE = ops.Clone(0x20000000)


def plan_of(*operations: Operation, side: Side = CONTAINER) -> Plan:
    """A plan of a clone and these steps by one side."""
    steps = tuple(Step(side, op, f"reason {number}") for number, op in enumerate(operations))
    return Plan((Step(LAUNCHER, CLONE, "namespaces"), *steps), 16)


def test_every_operation_has_a_rendering() -> None:
    assert set(RENDERINGS) == set(ops.operations().values()) == {type(op) for op in EVERY}


@pytest.mark.parametrize("side", [LAUNCHER, CONTAINER])
def test_every_operation_is_a_script_that_a_shell_can_read(side: Side) -> None:
    text = script(plan_of(*EVERY, side=side))
    subprocess.run(["bash", "-n", "-c", text], check=True)
    assert text == script(plan_of(*EVERY, side=side))


CANNOT = "it cannot make this container: "
FLAGS = (
    "",
    "--privileged -t",
    "--read-only --tmpfs /run -v /etc:/a:ro -u 5:6 --memory 64m --security-opt no-new-privileges",
    "--network host --pid host --ipc host --uts host --ulimit nofile=5 -e a.b=c -e A=$(b) -e B=`c`",
)
PREPARATIONS = (
    MakeDirectory("/d/layers", 0o700),
    MakeDirectory("/data x"),
    WriteFile("/d/hostname", "box\n"),
    CopyHosts("/d/hosts", (("db", "10.0.0.7"),)),
    CopyResolvConf("/d/resolv.conf", ("10.0.0.1",), ("example.com",), ("ndots:1",)),
    CopyResolvConf("/d/plain"),
    MakeHostImage(
        HostImageFacts(("usr", "etc"), (("bin", "usr/bin"),), ("shadow", "ssl/private x/key")),
        "/i",
    ),
)


@pytest.mark.requires_shellcheck
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    scripts = [script_of(planned(flags, layout)) for flags in FLAGS for layout in (V1, V2)]
    scripts.append(script(planned().plan, {}, PREPARATIONS, "/d"))
    possible = [op for op in EVERY if CANNOT not in script(plan_of(op))]
    possible.sort(key=lambda op: isinstance(op, ops.Execute))
    scripts.append(script(plan_of(*possible)))
    files = [tmp_path / f"{number}.sh" for number in range(len(scripts))]
    for file, text in zip(files, scripts, strict=True):
        file.write_text(text)
    done = subprocess.run(["shellcheck", *files], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_no_line_is_endless() -> None:
    text = script_of(planned("--read-only --memory 64m", V2))
    long = [line for line in text.splitlines() if len(line) > 100 and line.lstrip()[0] == "#"]
    assert long == []


# --- what a reader looks for ------------------------------------------------------------------


def lines_of(text: str, function: str) -> list[str]:
    """The lines of a function of a script, without indentation."""
    body = text.partition(f"\n{function}() {{\n")[2].partition("\n}\n")[0]
    return [line.strip() for line in body.splitlines()]


def test_commands_stand_under_the_flags_that_ask_for_them() -> None:
    text = script_of(planned("--memory 64m --read-only --hostname box", V2))
    host = lines_of(text, "on_the_host")
    at = host.index('echo 67108864 > "$CGROUP/memory.max"')
    assert host[at - 1] == "# --memory 64m"
    inside = lines_of(text, "inside_the_namespaces")
    assert inside[inside.index("hostname -- box") - 1] == "# --hostname box"
    assert inside[inside.index('change_mount "$ROOT" ro') - 1] == "# --read-only"
    assert "# == mounts ==" in inside


def test_cgroup_v2() -> None:
    text = script_of(planned("", V2))
    assert "export CGROUP=/sys/fs/cgroup/" in text
    assert lines_of(text, "first_process")[-3] == 'echo 0 > "$CGROUP/cgroup.procs"'
    assert "# - the device filter: on cgroup v2" in text
    assert "WARNING: without the device filter" in text
    assert "mount -t cgroup2" in text


def test_cgroup_v1() -> None:
    text = script_of(planned("", V1))
    assert "export CGROUP_MEMORY=/sys/fs/cgroup/memory/" in text
    assert 'echo 0 > "$CGROUP_MEMORY/tasks"' in lines_of(text, "first_process")
    assert any("devices.deny" in line for line in lines_of(text, "on_the_host"))
    assert "device filter" not in text


def test_the_seccomp_filter_is_in_the_script() -> None:
    program = bytes(range(256)) * 8
    text = script(plan_of(ops.NoNewPrivileges(), ops.LoadSeccomp(program, 6)))
    rows = text.partition("<< 'END' | gzip")[2].partition("\nEND\n")[0].splitlines()[1:]
    assert gzip.decompress(base64.b64decode("".join(rows))) == program
    assert 'run+=(perl -e "$LOAD_FILTER" "$SCRATCH/filter" 6)' in text


def test_a_listener_is_left_out_loudly() -> None:
    text = script(plan_of(ops.LoadSeccomp(bytes(8), 8 | 32)))
    assert '"$SCRATCH/filter" 0)' in text
    assert "WARNING: without the listener" in text


IMPOSSIBLE = (
    ops.SwitchRoot(Slot(1)),
    ops.ChangeRoot(Slot(1)),
    ops.NextPart(),
    ops.Join(Slot(0), 0x40000000),
    ops.SetMount(Slot(2), 1 << 20, user_namespace=Slot(3)),
)


@pytest.mark.parametrize("op", IMPOSSIBLE)
def test_what_cannot_be_made_fails_before_anything_is_done(op: Operation) -> None:
    body = lines_of(script(plan_of(op)), "on_the_host")
    assert body[1].startswith(f"fail '{CANNOT}")


LACKING = {
    "a terminal of the container": ops.OpenConsole(Slot(1), NO_SLOT, NO_SLOT, 0, 0, 0),
    "chrt(1) does not know": ops.SetScheduler(9, 0, 0, 0, 0, 0, 0),
    "descriptors 3 and above": ops.Execute(("a",), (), 0, 2),
    "'a.b' of the environment": ops.Execute(("a",), ("a.b=c",)),
    "7 ns of the boottime clock": ops.WriteProc(ops.SELF, "timens_offsets", b"boottime 1 7\n"),
    "the SELinux label of keys": ops.WriteProc(ops.SELF, "attr/keycreate", b"l"),
    "the wait for `start`": ops.AwaitStart(Slot(0)),
    "MPOL_DEFAULT": ops.SetMemoryPolicy(0, b""),
}


@pytest.mark.parametrize("text", LACKING)
def test_what_is_left_out_is_said_at_its_place_and_when_it_runs(text: str) -> None:
    made = script(plan_of(LACKING[text]))
    assert any(text in line for line in made.splitlines() if line.startswith("# - "))
    assert any(
        text in line.replace("'\\''", "'") for line in made.splitlines() if "WARNING" in line
    )
    assert any(text in line for line in made.splitlines() if "# MISSING: " in line)


RIGHTS = (ops.NoNewPrivileges(), ops.DropBounding(0b11), ops.SetUser(0, 0, b""))


def test_fewer_permitted_capabilities_take_another_tool() -> None:
    same = script(plan_of(*RIGHTS, ops.SetCapabilities(0b11, 0b11, 0, 0)))
    fewer = script(plan_of(*RIGHTS, ops.SetCapabilities(1, 1, 0, 0)))
    assert "capsh" not in same
    assert "run+=(capsh --caps='cap_chown=ep' --shell=/usr/bin/env --)" in fewer


# --- the last steps, run ----------------------------------------------------------------------


def executed(argv: Sequence[str], env: Sequence[str]) -> bytes:
    """What a program writes that the last steps execute."""
    text = script(plan_of(ops.SetUmask(0o27), ops.Execute((*argv,), (*env,))))
    # The script without its last line, and then what the first process executes.
    before = text.rpartition("on_the_host")[0]
    return run(f'{before}env -i sh -eu -c "$LAST_STEPS" sh there 1 8<<< go 9> /dev/null')


@given(
    st.lists(arguments, min_size=1, max_size=20),
    st.dictionaries(st.sampled_from(["A", "_b", "PWD", "UID", "PATH", "LD_X"]), arguments),
)
@settings(max_examples=25, deadline=None)
def test_the_program_gets_exactly_its_words_and_environment(
    texts: list[str], variables: dict[str, str]
) -> None:
    env = [f"{name}={value}" for name, value in {**variables, "HOME": "/"}.items()]
    assert executed(["/usr/bin/printf", "%s\\0", *texts], env) == joined(texts)
    assert sorted(executed(["/usr/bin/env", "-0"], env).split(b"\0")) == sorted(
        joined(env).split(b"\0")
    )


# --- the command ------------------------------------------------------------------------------


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--as", "shell", "--", "--read-only", "host", "true"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("#!/bin/bash\n")
    assert text.endswith("\non_the_host\n")
    subprocess.run(["bash", "-n", "-c", text], check=True)
    assert main(["explain", "--as", "shell", "--json", "--", "--read-only", "host", "true"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] == text


@pytest.mark.parametrize(
    "options", [["--as", "C"], ["--as", "shell", "--all"], ["--as", "shell", "--diff", "a", "b"]]
)
def test_the_command_refuses(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *options, "--", "host"]) == 1
    assert capsys.readouterr().err.startswith("orlop: ")
