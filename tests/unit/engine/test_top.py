"""The columns are those that ps has for the same options, and so is what they say."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from orlop.engine import top
from orlop.engine.top import parse
from orlop.errors import InvalidArgument

EF = "UID PID PPID C STIME TTY TIME CMD"


@pytest.mark.parametrize(
    ("args", "titles"),
    [
        ("", EF),
        ("-ef", EF),
        ("-eF", "UID PID PPID C SZ RSS PSR STIME TTY TIME CMD"),
        ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("-aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("auxf", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("ax", "PID TTY STAT TIME COMMAND"),
        ("-e", "PID TTY TIME CMD"),
        ("-l", "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD"),
        ("-j", "PID PGID SID TTY TIME CMD"),
        ("-o pid,comm", "PID COMMAND"),
        ("-opid,%cpu", "PID %CPU"),
        ("-eo pid,user=WHO", "PID WHO"),
        ("-o pid -o user", "PID USER"),
        ("axo pid,args", "PID COMMAND"),
        ("--format=pid,tt", "PID TTY"),
        ("--format pid", "PID"),
    ],
)
def test_options_choose_columns(args: str, titles: str) -> None:
    assert [column.title for column in parse(args)] == titles.split()


@pytest.mark.parametrize("args", ["--help", "-o", "-o nothing", "-Q", "root", "'", "-e;id", "-"])
def test_what_is_not_understood_is_refused(args: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(args)


def rows(args: str, *pids: int) -> tuple[tuple[str, ...], ...]:
    return top._table(lambda: pids, parse(args)).rows


@pytest.mark.skipif(shutil.which("ps") is None, reason="compares with ps")
@pytest.mark.parametrize(
    "columns",
    ["pid,ppid,pgid,sid", "user,group,uid,gid,ruser,rgroup", "comm,args", "ni,pri,nlwp", "tty,f"],
)
def test_ps_says_the_same(columns: str) -> None:
    pid = os.getpid()
    shown = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", columns], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1]
    (own,) = rows(f"-o {columns}", pid)
    assert " ".join(own).split() == shown.split()


def test_every_column_can_be_read() -> None:
    names = sorted(top._COLUMNS)
    (row,) = rows("-o " + ",".join(names), os.getpid())
    assert len(row) == len(names)
    assert all(row)


def test_a_process_that_has_ended_is_left_out() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert [row[0] for row in rows("-o pid", child.pid, os.getpid())] == [str(os.getpid())]
