"""The parts of a draft as one text."""

from __future__ import annotations

from itertools import groupby

from orlop.insight.shell import functions
from orlop.insight.shell.namespaces import option
from orlop.insight.shell.words import remark, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.shell.draft import Draft, Item

    Lines = list[str]

_TITLE_WIDTH = 100
_INDENT = "  "
_BASE64_COLUMNS = 76

_INTRODUCTION = (
    "Makes the container that orlop would make, with the tools of Debian 12, as root. It is a text"
    " to read: every command stands under the flag, default or field of the configuration that"
    " asks for it.",
    "Two processes take part. The first process of the container enters its namespaces, waits,"
    " gives up its rights, and executes the program. This script does everything else, in the"
    " first process's namespaces by nsenter(1). The first process executes tools of the host only"
    " while the host's files are in its sight. Then this script puts the container's root there,"
    " from outside, with pivot_root(8), when all that is left are the shell's own commands.",
    "Mounts are made by path. orlop makes them by descriptor, so that nobody who can write to a"
    " volume at the same time can lead one elsewhere: do not run this beside programs that you do"
    " not trust.",
)
_MISSING = "What orlop does and this script does not:"


def text_of(d: Draft) -> str:
    """The script."""
    parts = [
        _head(d),
        _paths(d),
        _title("On the host"),
        _function("on_the_host", _on_the_host(d)),
        _title("The first process of the container"),
        _function("first_process", _first_process(d)),
        _function("get_ready", _get_ready(d)),
        _title("Inside the new namespaces"),
        *(_function(name, _in_namespaces(actor, items)) for name, actor, items in _visits(d)),
        _title("The last steps: the container's root is the root now"),
        _function("last_steps", _last_steps(d)),
        _title("Functions"),
        *([function] for function in functions.with_needs(d.functions)),
        *([program] for program in functions.PROGRAMS if program in d.programs),
        _filter(d),
        _end(d),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(d: Draft) -> Lines:
    lines = ["#!/bin/bash"]
    for paragraph in _INTRODUCTION:
        lines += [*remark(paragraph), "#"]
    if d.missing:
        lines += remark(_MISSING)
        for missing in d.missing:
            lines += remark(missing, first="# - ", more="#   ")
        lines.append("#")
    # Whoever wants a $ in a word has it in the word.
    return [*lines[:-1], "", "# shellcheck disable=SC2016", "set -eu", "umask 022"]


def _title(text: str) -> Lines:
    return [f"# ---- {text} ".ljust(_TITLE_WIDTH, "-")]


def _function(name: str, body: Lines) -> Lines:
    return [f"{name}() {{", *(f"{_INDENT}{line}" if line else "" for line in body), "}"]


def _paths(d: Draft) -> Lines:
    names = {variable: path for path, variable in d.paths.names.items()}
    if d.root_path:
        names["ROOT"] = d.root_path
    return [f"export {variable}={word(path)}" for variable, path in names.items()]


def _body(items: Iterable[Item]) -> Lines:
    """Commands under headings and reasons."""
    lines: Lines = []
    for group, run in groupby(items, lambda item: item.group):
        lines += ["", f"# == {group} =="] if group else [""]
        for reason, same in groupby(run, lambda item: item.reason):
            commands = [command for item in same for command in item.commands]
            lines += [*remark(reason), *commands] if commands and reason else commands
    return lines[1:] if lines and not lines[0] else lines


# --- the parts ---


def _on_the_host(d: Draft) -> Lines:
    return [
        '[ "$(id -u)" = 0 ] || fail "it has to be run as root"',
        *(f"fail {word(f'it cannot make this container: {why}')}" for why in d.impossible),
        *(f"echo {word(f'orlop script: WARNING: without {what}')} >&2" for what in d.missing),
        "",
        "# A directory for what is needed in between; the root of a user namespace may enter it.",
        "SCRATCH=$(mktemp -d)",
        *([] if d.root_path else ["ROOT=$SCRATCH/root"]),
        "MACHINE=$(uname -m)",
        "export SCRATCH ROOT MACHINE",
        'chmod 711 "$SCRATCH"',
        'mkdir "$SCRATCH/root" "$SCRATCH/new" "$SCRATCH/stage"',
        "trap clean_up EXIT",
        "trap 'exit 129' HUP",
        "trap 'exit 130' INT",
        "trap 'exit 143' TERM",
        *(['seccomp_filter > "$SCRATCH/filter"'] if d.filter else []),
        *_prepared(d),
        "",
        *_body(d.host),
        "",
        "# == the first process ==",
        "start=()",
        *_body(item.replace(group="") for item in (*d.joins, *d.start)),
        "# Two pipes connect it with this script: it reads from 8 and writes to 9.",
        'mkfifo "$SCRATCH/to" "$SCRATCH/from"',
        '"${start[@]}" bash -eu -c first_process <&0 8< "$SCRATCH/to" 9> "$SCRATCH/from" &',
        "container=$!",
        'exec 8> "$SCRATCH/to" 9< "$SCRATCH/from"',
        "# The PID that it has here.",
        'read -r first <&9 || fail "the first process has ended"',
        "export first",
        "",
        *_flow(d),
        "",
        "# == the root ==",
        'read -r _ <&9 || fail "the first process has ended before its last steps"',
        *_body(item.replace(group="") for item in _entering(d)),
        "",
        "# The program.",
        "echo go >&8",
        "status=0",
        "# (unshare(1) of Debian 12 says 1 of a program that was ended by SIGKILL.)",
        'wait "$container" || status=$?',
        "first=",
        'return "$status"',
    ]


def _prepared(d: Draft) -> Lines:
    return ["", "# == files ==", *_body(d.prepared)] if d.prepared else []


def _visits(d: Draft) -> list[tuple[str, str, list[Item]]]:
    """What is done in the namespaces, as functions: name, by whom, and what."""
    found: list[tuple[str, str, list[Item]]] = []
    names = {"inside": "inside_the_namespaces", "staging": "with_the_rights_of_the_host"}
    for actor, items in d.flow:
        if actor in names:
            again = sum(known.startswith(names[actor]) for known, _, _ in found)
            name = names[actor] + (f"_{again + 1}" if again else "")
            found.append((name, actor, items))
    return found


def _flow(d: Draft) -> Lines:
    """The steps between the start of the first process and its last steps."""
    names = iter([name for name, _, _ in _visits(d)])
    everywhere = " ".join(dict.fromkeys(map(option, d.namespaces)))
    lines: Lines = []
    for actor, items in d.flow:
        match actor:
            case "outside":
                lines += [*_body(items), ""]
            case "staging":
                lines += [f'nsenter --target "$first" --mount bash -eu -c {next(names)}', ""]
            case _:
                lines += [
                    f'nsenter --target "$first" {everywhere} bash -eu -c {next(names)}',
                    "",
                ]
    return lines[:-1]


def _entering(d: Draft) -> list[Item]:
    """The pivot, what can be done only after it, and then the host's tree goes away."""
    return (
        [
            *d.entered,
            d.entered[0].replace(
                reason="the host's tree is on top of the new root now: it goes, with all below",
                commands=('nsenter --target "$first" --mount umount --lazy /',),
            ),
        ]
        if d.entered
        else []
    )


def _first_process(d: Draft) -> Lines:
    lines = [
        "# Nothing of the caller's but stdin, stdout and stderr.",
        "for file in /proc/self/fd/*; do",
        "  file=${file##*/}",
        "  case $file in",
        "    [01289]) ;;",
        "    *) exec {file}>&- ;;",
        "  esac",
        "done",
        *_body(item.replace(group="") for item in d.entering),
    ]
    goes_on = any(command.startswith("exec ") for item in d.entering for command in item.commands)
    return lines if goes_on else [*lines, "get_ready"]


def _get_ready(d: Draft) -> Lines:
    return [
        "# This procfs is the host's still, and tells the PID that the host sees.",
        "read -r first _ < /proc/self/stat",
        'echo "$first" >&9',
        "# All is made, and this is the working directory.",
        "IFS= read -r -d '' directory <&8",
        'if cd -- "$directory" 2> /dev/null; then there=there; else cd /; there=; fi',
        "",
        "run=()",
        *_body(d.rights),
        "",
        "# Nothing of the script's own environment, and no signal that is ignored.",
        "run+=(env --ignore-environment --default-signal)",
        """exec "${run[@]}" sh -eu -c "$LAST_STEPS" sh "$there" "$first\"""",
    ]


def _in_namespaces(actor: str, items: list[Item]) -> Lines:
    if actor == "staging":
        return ['mount -t tmpfs -o mode=711 tmpfs "$SCRATCH/stage"', "", *_body(items)]
    return _body(items)


def _last_steps(d: Draft) -> Lines:
    return [
        *_body(item.replace(group="") for item in d.labels),
        "# Now this shell is in memory, and nothing of the host is needed any more.",
        "echo ready >&9",
        "read -r _ <&8",
        "",
        *_body(d.last),
    ]


def _filter(d: Draft) -> Lines:
    if not d.filter:
        return []
    from base64 import b64encode
    from gzip import compress

    text = b64encode(compress(d.filter, mtime=0)).decode()
    rows = [text[at : at + _BASE64_COLUMNS] for at in range(0, len(text), _BASE64_COLUMNS)]
    return [
        f"# The seccomp filter: {len(d.filter) // 8} instructions of BPF, compressed.",
        "seccomp_filter() {",
        "  base64 --decode << 'END' | gzip --decompress",
        *rows,
        "END",
        "}",
    ]


def _end(d: Draft) -> Lines:
    names = [functions.name_of(function) for function in functions.with_needs(d.functions)]
    names += ["first_process", "get_ready", *(name for name, _, _ in _visits(d))]
    programs = [
        functions.name_of(program) for program in functions.PROGRAMS if program in d.programs
    ]
    return [
        "# The other processes get these through their environment.",
        f"export -f {' '.join(names)}",
        *(f"{name.upper()}=$({name})" for name in programs),
        *(f"export {name.upper()}" for name in programs),
        "LAST_STEPS=$(declare -f last_steps)",
        'export LAST_STEPS="$LAST_STEPS',
        'last_steps \\"\\$@\\""',
        "on_the_host",
    ]
