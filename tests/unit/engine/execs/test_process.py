"""A further process has of the container's own what nobody asked to be different."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.engine import documents
from orlop.engine.container import Container, ResolvedImage
from orlop.engine.exec_request import Exec, ExecRequest
from orlop.engine.execs.process import check, process_of
from orlop.errors import InvalidArgument, NotFound
from orlop.intent.request import Request, Size, User
from orlop.runtime.spec import Box, Capabilities, Process, Spec
from orlop.runtime.spec import User as Ids

BOUNDING = ("CAP_CHOWN", "CAP_KILL")
OWN = Spec(
    oci_version="1.2.0",
    process=Process(
        cwd="/srv",
        args=("sleep", "1"),
        env=("PATH=/bin", "A=1", "HOME=/old"),
        user=Ids(1000, 1000, additional_gids=(1000, 4)),
        capabilities=Capabilities(bounding=BOUNDING),
        no_new_privileges=True,
    ),
)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    etc = tmp_path / "layer" / "etc"
    etc.mkdir(parents=True)
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\nlog:x:70:web\nextra:x:80:\n")
    image = ResolvedImage("debian", "sha256:1", lowers=(str(tmp_path / "layer"),))
    request = Request(groups=("extra",))
    return Container("c" * 64, "web", 1, request, image, directory=str(tmp_path / "own"))


def test_nothing_asked_is_the_containers_own(container: Container) -> None:
    process = process_of(container, OWN, ExecRequest(("id",)))
    assert OWN.process is not None
    assert process == OWN.process.replace(args=("id",))


def test_variables_are_changed_and_added(container: Container) -> None:
    request = ExecRequest(("id",), environment=(("A", "2"), ("B", "3")))
    assert process_of(container, OWN, request).env == ("PATH=/bin", "A=2", "HOME=/old", "B=3")


def test_a_terminal_has_a_kind_and_a_size(container: Container) -> None:
    process = process_of(container, OWN, ExecRequest(("sh",), terminal=True, size=Size(24, 80)))
    assert process.terminal
    assert process.console_size == Box(24, 80)
    assert "TERM=xterm" in process.env


def test_a_user_by_name_has_its_groups_and_home(container: Container) -> None:
    process = process_of(container, OWN, ExecRequest(("id",), user=User("web")))
    assert process.user == Ids(33, 34, additional_gids=(34, 70, 80))
    assert not any(pair.startswith("HOME=") for pair in process.env)
    assert process.capabilities == Capabilities(bounding=BOUNDING)


def test_root_gets_what_the_container_may_have(container: Container) -> None:
    process = process_of(container, OWN, ExecRequest(("id",), user=User(0, "log")))
    assert process.user == Ids(0, 70, additional_gids=(70, 80))
    assert process.capabilities is not None
    assert process.capabilities.effective == BOUNDING


def test_privileged_has_everything_that_the_engine_has(container: Container) -> None:
    request = ExecRequest(("id",), user=User(0), privileged=True)
    capabilities = process_of(container, OWN, request).capabilities
    assert capabilities is not None
    assert capabilities.effective == capabilities.bounding
    assert process_of(container, OWN, request).no_new_privileges


def test_an_unknown_user_is_not_found(container: Container) -> None:
    with pytest.raises(NotFound):
        process_of(container, OWN, ExecRequest(("id",), user=User("nobody-here")))


@pytest.mark.parametrize(
    "request_",
    [
        ExecRequest(()),
        ExecRequest(("",)),
        ExecRequest(("id",), directory="srv"),
        ExecRequest(("id", "a\0b")),
        ExecRequest(("id",), environment=(("A", "\0"),)),
        ExecRequest(("id",), detach_keys="ctrl-"),
    ],
)
def test_nonsense_is_refused(request_: ExecRequest) -> None:
    with pytest.raises(InvalidArgument):
        check(request_)


def test_an_exec_can_be_stored() -> None:
    request = ExecRequest(("sh", "-c", "x"), user=User("web", 3), size=Size(1, 2))
    stored = Exec("e" * 64, "c" * 64, request, exit_code=3)
    assert documents.loads(Exec, documents.dumps(stored)) == stored
