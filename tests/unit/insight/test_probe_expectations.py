"""What is expected of each attempt, for contexts as Docker's flags make them."""

from __future__ import annotations

import errno
import functools
import platform
from collections.abc import Collection, Iterable, Mapping

import pytest

from orlop.insight.filters import Action, reading_of
from orlop.insight.mounts import ABSENT, MASKED, READ_ONLY, WRITABLE
from orlop.insight.probe.attempts import ATTEMPTS, BY_NAME
from orlop.insight.probe.context import answers_of
from orlop.insight.probe.expectations import RULES, expect
from orlop.insight.probe.facts import (
    KERNEL_MEMORY,
    MEMORY,
    NOT_MOUNTED,
    READ_ONLY_CGROUPS,
    SYSCTL,
    TERMINALS,
    WRITABLE_CGROUPS,
    Devices,
    Facts,
    Machine,
    after_execve,
)
from orlop.insight.probe.outcomes import Outcome
from orlop.kernel import capabilities, seccomp_library
from orlop.kernel.capabilities import ALL, DOCKER_DEFAULT, CapabilitySets
from orlop.kernel.namespaces import NAMESPACES
from orlop.runtime.seccomp_default import default_profile

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="orlop has numbers of these only"
)

KINDS = frozenset(kind.name for kind in NAMESPACES)
STRICT = Machine(
    sysctls={
        "kernel.unprivileged_bpf_disabled": 2,
        "kernel.perf_event_paranoid": 2,
        "kernel.dmesg_restrict": 1,
        "kernel.io_uring_disabled": 0,
        "vm.unprivileged_userfaultfd": 0,
        "dev.tty.legacy_tiocsti": 0,
        "user.max_user_namespaces": 1000,
    },
    capabilities=ALL,
)
PATHS = {SYSCTL: READ_ONLY, MEMORY: ABSENT, KERNEL_MEMORY: MASKED, TERMINALS: WRITABLE}
OPEN_PATHS = {SYSCTL: WRITABLE, MEMORY: WRITABLE, KERNEL_MEMORY: WRITABLE, TERMINALS: WRITABLE}


@functools.cache
def answers_for(*capabilities: tuple[str, ...]) -> Mapping[str, Action]:
    """The answers of Docker's default filters for these sets of capabilities together."""
    profiles = (default_profile(names, platform.machine()) for names in capabilities)
    return answers_of(reading_of(*profiles))


def docker(
    *,
    add: Iterable[str] = (),
    host: Collection[str] = (),
    filtered: bool = True,
    **changes: object,
) -> Facts:
    """The context of a container that `docker run` would make with such flags."""
    names = tuple(dict.fromkeys((*DOCKER_DEFAULT, *add)))
    facts = Facts(
        capabilities=capabilities.mask(names),
        uid=0,
        host_uid=0,
        host_users=True,
        shared=frozenset({"user", "time", *host}),
        governed=KINDS,
        answers=answers_for(names) if filtered else {},
        paths=PATHS,
        cgroups=READ_ONLY_CGROUPS,
        devices=Devices(make=True, use=False, memory=False, terminals=True),
        machine=STRICT,
    )
    return facts.replace(**changes)


def privileged(**changes: object) -> Facts:
    return docker(filtered=False).replace(
        **{
            "capabilities": ALL,
            "paths": OPEN_PATHS,
            "cgroups": WRITABLE_CGROUPS,
            "devices": Devices(),
            **changes,
        }
    )


def texts(facts: Facts) -> dict[str, str]:
    return {name: expect(name, facts).text for name in BY_NAME}


def flips(facts: Facts) -> dict[str, str]:
    """What is not expected of the default container."""
    before, after = texts(docker()), texts(facts)
    return {name: after[name] for name in before if after[name] != before[name]}


DONE = (
    *("trace_child", "become_root", "set_groups", "change_root"),
    *("raw_socket", "make_device", "see_cgroups"),
)
GONE = (
    *("see_host_process", "signal_host_process", "trace_host_process", "read_host_file_by_proc"),
    *("connect_to_host", "read_host_file", "open_memory", "read_kernel_memory"),
)
NEW = [f"new_{kind.name}_namespace" for kind in NAMESPACES]
ADMIN = [*NEW, "join_namespace", "move_mount", "mount_tmpfs", "set_hostname"]
OTHER = {
    "packet_socket": "done or absent",
    "write_sysctl": "refused: EROFS",
    "write_cgroups": "refused: EROFS",
    "push_input": "refused: EIO",
    "exceed_cpu": "limited",
    "exceed_tasks": "refused: EAGAIN",
    "exceed_memory": "killed by SIGKILL or refused: ENOMEM",
}


def test_every_attempt_has_a_rule() -> None:
    assert list(RULES) == list(BY_NAME)
    assert len(BY_NAME) == len(ATTEMPTS)


def test_every_call_is_known_to_libseccomp() -> None:
    library = seccomp_library.load()
    names = {call.name for attempt in ATTEMPTS for call in attempt.calls}
    assert not {name for name in names if library.resolve(name) < 0}


def test_reasons_are_given() -> None:
    for facts in (docker(), privileged(), docker(filtered=False)):
        assert all(expect(name, facts).because for name in BY_NAME)


class TestGolden:
    def test_default(self) -> None:
        golden = {**dict.fromkeys(DONE, "done"), **dict.fromkeys(GONE, "absent"), **OTHER}
        assert texts(docker()) == {name: golden.get(name, "refused: EPERM") for name in BY_NAME}

    def test_pid_host(self) -> None:
        assert flips(docker(host=["pid"])) == {
            "see_host_process": "done",
            "signal_host_process": "done",
            "trace_host_process": "refused: EPERM",
            "read_host_file_by_proc": "refused: EACCES",
        }

    def test_network_host(self) -> None:
        assert flips(docker(host=["network"])) == {"connect_to_host": "done"}

    @pytest.mark.parametrize(
        ("capability", "names"),
        [
            ("CAP_NET_ADMIN", ["configure_network"]),
            ("CAP_SYS_TIME", ["set_clock"]),
            ("CAP_SYS_BOOT", ["reboot"]),
            ("CAP_DAC_READ_SEARCH", ["open_by_handle"]),
            ("CAP_SYSLOG", ["read_kernel_log"]),
            ("CAP_SYS_MODULE", ["load_module"]),
            ("CAP_SYS_PTRACE", []),
            ("CAP_SYS_RAWIO", []),
        ],
    )
    def test_one_capability(self, capability: str, names: list[str]) -> None:
        assert flips(docker(add=[capability])) == dict.fromkeys(names, "done")

    def test_sys_admin(self) -> None:
        or_else = "done or refused: ENOSYS"
        assert flips(docker(add=["CAP_SYS_ADMIN"])) == {
            **dict.fromkeys(ADMIN, "done"),
            "use_bpf": or_else,
            "trace_kernel": or_else,
            "read_kernel_log": "done or refused: EPERM",
            "push_input": "done",
        }

    def test_seccomp_unconfined(self) -> None:
        or_else = "done or refused: ENOSYS"
        by_kernel = "refused: EPERM or refused: ENOSYS"
        assert flips(docker(filtered=False)) == {
            "new_user_namespace": "done",
            "crypto_socket": "done or absent",
            "vm_socket": "done or absent",
            "add_key": or_else,
            "find_keyring": or_else,
            "use_io_uring": or_else,
            "use_bpf": by_kernel,
            "trace_kernel": "refused: EACCES or refused: ENOSYS",
            "use_userfaultfd": by_kernel,
        }

    def test_privileged(self) -> None:
        unmoved = {*DONE, *GONE[:6], "packet_socket", "exceed_cpu", "exceed_tasks", "exceed_memory"}
        flipped = flips(privileged())
        assert set(flipped) == set(BY_NAME) - unmoved
        assert all(text.startswith("done") for text in flipped.values())

    def test_privileged_with_the_hosts_processes(self) -> None:
        shared = frozenset({"user", "pid"})
        observed = texts(privileged(shared=shared))
        assert {observed[name] for name in GONE[:4]} == {"done"}


class TestUsers:
    def test_another_user(self) -> None:
        facts = docker(uid=1000, host_uid=1000, capabilities=0)
        flipped = flips(facts)
        assert flipped == {
            **dict.fromkeys(
                ("become_root", "set_groups", "change_root", "raw_socket"), "refused: EPERM"
            ),
            "packet_socket": "refused: EPERM or absent",
            "write_sysctl": "refused: EACCES",
            "write_cgroups": "refused: EACCES",
            "make_device": "refused: EPERM or refused: EACCES",
            "open_device": "refused: EPERM or refused: EACCES",
        }

    def test_another_user_may_not_signal_the_host(self) -> None:
        facts = docker(host=["pid"], uid=1000, host_uid=1000, capabilities=0)
        assert texts(facts)["signal_host_process"] == "refused: EPERM"

    def test_capabilities_of_a_user_namespace_are_not_the_hosts(self) -> None:
        inside = privileged(
            host_users=False,
            host_uid=100000,
            shared=frozenset({"time"}),
            governed=KINDS - {"user", "time"},
        )
        observed = texts(inside)
        own = ("mount_tmpfs", "set_hostname", "configure_network", "raw_socket", "reboot")
        assert {observed[name] for name in own} == {"done"}
        assert observed["set_clock"] == observed["load_module"] == "refused: EPERM"
        assert observed["make_device"] == "refused: EPERM or refused: EACCES"
        assert observed["write_sysctl"] == observed["write_cgroups"] == "refused: EACCES"

    def test_capabilities_do_not_count_over_what_belongs_to_others(self) -> None:
        facts = privileged(host_users=False, governed=KINDS - {"network", "uts"})
        observed = texts(facts)
        assert observed["configure_network"] == observed["set_hostname"] == "refused: EPERM"
        assert observed["mount_tmpfs"] == "done"

    def test_groups_may_be_fixed(self) -> None:
        assert texts(docker(groups_fixed=True))["set_groups"] == "refused: EPERM"


class TestFilters:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (Action("errno", errno.ENOSYS), "refused: ENOSYS"),
            (Action("kill process"), "killed by SIGSYS"),
            (Action("kill thread"), "killed by SIGSYS"),
            (Action("trap"), "killed by SIGSYS"),
            (Action("notify"), "refused: ENOSYS"),
            (Action("trace"), "refused: ENOSYS"),
            (Action("log"), "done"),
        ],
    )
    def test_they_answer_first(self, answer: Action, text: str) -> None:
        facts = docker().replace(answers={"change_root": answer})
        assert expect("change_root", facts).text == text

    def test_but_not_where_nothing_is_asked(self) -> None:
        facts = docker().replace(answers={"signal_host_process": Action("trap")})
        assert expect("signal_host_process", facts).text == "absent"

    def test_several_count_together(self) -> None:
        lax = (*DOCKER_DEFAULT, "CAP_SYS_BOOT")
        assert "reboot" not in answers_for(lax)
        assert "reboot" in answers_for(DOCKER_DEFAULT, lax)
        assert "reboot" in answers_for(lax, DOCKER_DEFAULT)


class TestMachine:
    @pytest.mark.parametrize(
        ("sysctl", "value", "name", "text"),
        [
            ("kernel.unprivileged_bpf_disabled", 0, "use_bpf", "done or refused: ENOSYS"),
            ("kernel.perf_event_paranoid", 1, "trace_kernel", "done or refused: ENOSYS"),
            ("kernel.perf_event_paranoid", -1, "trace_kernel", "done or refused: ENOSYS"),
            ("vm.unprivileged_userfaultfd", 1, "use_userfaultfd", "done or refused: ENOSYS"),
            ("kernel.dmesg_restrict", 0, "read_kernel_log", "done or refused: ENOSYS"),
            ("kernel.io_uring_disabled", 1, "use_io_uring", "refused: EPERM"),
            ("kernel.io_uring_disabled", 2, "use_io_uring", "refused: EPERM"),
            ("dev.tty.legacy_tiocsti", 1, "push_input", "done"),
            ("user.max_user_namespaces", 0, "new_user_namespace", "refused: ENOSPC"),
            ("kernel.unprivileged_userns_clone", 0, "new_user_namespace", "refused: EPERM"),
            ("kernel.yama.ptrace_scope", 1, "trace_child", "done"),
            ("kernel.yama.ptrace_scope", 2, "trace_child", "refused: EPERM"),
            ("kernel.yama.ptrace_scope", 3, "trace_child", "refused: EPERM"),
        ],
    )
    def test_settings(self, sysctl: str, value: int, name: str, text: str) -> None:
        machine = STRICT.replace(sysctls={**STRICT.sysctls, sysctl: value})
        assert expect(name, docker(filtered=False, machine=machine)).text == text

    def test_yama_keeps_root_from_the_launcher(self) -> None:
        facts = privileged(shared=frozenset({"pid"}), capabilities=ALL & ~(1 << 19))
        machine = STRICT.replace(capabilities=ALL & ~(1 << 19))
        assert expect("trace_host_process", facts.replace(machine=machine)).text == "done"
        scope = {**machine.sysctls, "kernel.yama.ptrace_scope": 1}
        facts = facts.replace(machine=machine.replace(sysctls=scope))
        assert expect("trace_host_process", facts).text == "refused: EPERM"
        assert expect("read_host_file_by_proc", facts).text == "done"

    def test_what_the_kernel_does_not_have(self) -> None:
        bare = STRICT.replace(modules=False, kexec=False, time_namespaces=False)
        observed = texts(privileged(machine=bare))
        assert observed["load_module"] == observed["load_kernel"] == "refused: ENOSYS"
        assert observed["new_time_namespace"] == "absent"

    def test_lockdown(self) -> None:
        observed = texts(privileged(machine=STRICT.replace(locked_down=True)))
        names = ("load_module", "load_kernel", "open_memory", "read_kernel_memory")
        assert {observed[name] for name in names} == {"done or refused: EPERM"}


class TestFiles:
    def test_without_proc(self) -> None:
        observed = texts(docker(filtered=False, paths={**PATHS, SYSCTL: ABSENT}))
        assert observed["write_sysctl"] == observed["join_namespace"] == "absent"

    def test_a_proc_of_the_host(self) -> None:
        assert flips(docker(host_proc=True)) == {"see_host_process": "done"}

    def test_a_directory_of_the_host(self) -> None:
        assert flips(docker(host_file_visible=True)) == {"read_host_file": "done"}

    def test_cgroups(self) -> None:
        assert flips(docker(cgroups=NOT_MOUNTED)) == {
            "see_cgroups": "absent",
            "write_cgroups": "absent",
        }
        assert flips(docker(cgroups=WRITABLE_CGROUPS)) == {"write_cgroups": "done"}

    def test_devices(self) -> None:
        assert flips(docker(devices=Devices(make=False, use=False, memory=False))) == {
            "make_device": "refused: EPERM"
        }
        unknown = Devices(make=None, use=None, memory=None, terminals=None)
        either = "done or refused: EPERM"
        assert flips(docker(devices=unknown)) == {"make_device": either, "open_device": either}

    def test_the_rules_for_devices_hold_for_the_machines_memory_too(self) -> None:
        observed = texts(privileged(devices=Devices(memory=False)))
        assert observed["open_memory"] == "refused: EPERM"


def test_a_security_module_may_refuse_anything() -> None:
    facts = docker(confined=True)
    expected = expect("raw_socket", facts)
    for number in (errno.EPERM, errno.EACCES):
        assert expected.fits(Outcome("refused", number))
    assert expected.fits(Outcome("done"))
    assert not expect("connect_to_host", facts).fits(Outcome("done"))
    assert not expect("configure_network", facts).fits(Outcome("done"))


class TestAfterExecve:
    SETS = CapabilitySets(effective=1, permitted=3, inheritable=4, bounding=11, ambient=2)

    def test_root_gets_what_is_in_the_bounding_set(self) -> None:
        assert after_execve(self.SETS, root=True, no_new_privileges=False) == 15

    def test_no_new_privileges_gains_nothing(self) -> None:
        assert after_execve(self.SETS, root=True, no_new_privileges=True) == 3

    def test_others_keep_the_ambient_ones(self) -> None:
        assert after_execve(self.SETS, root=False, no_new_privileges=False) == 2
