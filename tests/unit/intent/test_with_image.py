"""What an image adds to a request: Docker's rules."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.image.config import HealthCheck, ImageConfig
from orlop.intent.flags import parse_run
from orlop.intent.request import Port, Request, User, Volume
from orlop.intent.with_image import check_program, health_check, with_image

IMAGE = ImageConfig(
    environment=("PATH=/img", "LANG=C", "EMPTY="),
    entrypoint=("/entry", "-x"),
    command=("serve", "now"),
    user="web:staff",
    directory="/srv",
    volumes=("/data", "/var/lib/x/"),
    exposed_ports=("80/tcp", "53/udp", "443"),
    labels={"team": "red", "kind": "image"},
    stop_signal="SIGQUIT",
)


def merged(flags: str = "", command: str = "", image: ImageConfig = IMAGE) -> Request:
    return with_image(parse_run([*flags.split(), "img", *command.split()]), image)


class TestProgram:
    @pytest.mark.parametrize(
        ("flags", "command", "entrypoint", "arguments"),
        [
            ("", "", ("/entry", "-x"), ("serve", "now")),
            ("", "other", ("/entry", "-x"), ("other",)),
            ("--entrypoint /mine", "", ("/mine",), ()),
            ("--entrypoint /mine", "other", ("/mine",), ("other",)),
        ],
    )
    def test_rules(
        self, flags: str, command: str, entrypoint: tuple[str, ...], arguments: tuple[str, ...]
    ) -> None:
        found = merged(flags, command)
        assert (found.entrypoint, found.command) == (entrypoint, arguments)

    def test_an_entrypoint_that_is_taken_away(self) -> None:
        for entrypoint in ((), ("",)):
            found = with_image(Request(entrypoint=entrypoint, command=("sh",)), IMAGE)
            assert (found.entrypoint, found.command) == ((), ("sh",))

    def test_nothing_to_execute(self) -> None:
        check_program(merged())
        with pytest.raises(InvalidArgument, match="no command"):
            check_program(merged(image=ImageConfig()))


class TestEnvironment:
    def test_what_is_asked_counts_and_comes_first(self) -> None:
        found = merged("-e LANG=de -e A=1").environment
        assert found == (("LANG", "de"), ("A", "1"), ("PATH", "/img"), ("EMPTY", ""))

    def test_what_is_taken_away(self) -> None:
        request = Request(environment=(("PATH", None),))
        found = with_image(request, IMAGE).environment
        assert dict(found)["PATH"] is None

    def test_nonsense_is_left_out(self) -> None:
        assert merged(image=ImageConfig(environment=("=x", ""))).environment == ()


class TestWho:
    @pytest.mark.parametrize(
        ("text", "user"),
        [
            ("web:staff", User("web", "staff")),
            ("5:6", User(5, 6)),
            ("5", User(5)),
            (":6", User(0, 6)),
            ("web:", User("web")),
        ],
    )
    def test_the_images(self, text: str, user: User) -> None:
        assert merged(image=ImageConfig(user=text)).user == user

    def test_another_one(self) -> None:
        assert merged("-u 7").user == User(7)

    def test_nobody_in_particular(self) -> None:
        assert merged(image=ImageConfig()).user is None


def test_directory() -> None:
    assert merged().directory == "/srv"
    assert merged("-w /own").directory == "/own"


def test_labels() -> None:
    assert merged("-l team=blue").labels == (("team", "blue"), ("kind", "image"))


class TestVolumes:
    def test_anonymous_ones(self) -> None:
        assert merged().mounts == (Volume("", "/data"), Volume("", "/var/lib/x"))

    def test_not_where_something_else_is(self) -> None:
        targets = [mount.target for mount in merged("--tmpfs /data").mounts]
        assert targets == ["/data", "/var/lib/x"]

    def test_the_driver_that_is_asked(self) -> None:
        first = merged("--volume-driver local").mounts[0]
        assert isinstance(first, Volume)
        assert first.driver == "local"


class TestPorts:
    def test_declared(self) -> None:
        ports = merged("-p 8080:80").ports
        assert [(port.port, port.protocol, port.published) for port in ports] == [
            (80, "tcp", True),
            (53, "udp", False),
            (443, "tcp", False),
        ]
        assert Port(53, "udp", published=False) in ports

    @pytest.mark.parametrize("text", ["x", "0", "70000/tcp", ""])
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match="port"):
            merged(image=ImageConfig(exposed_ports=(text,)))


def test_stop_signal() -> None:
    assert merged().handling.stop_signal == 3
    assert merged("--stop-signal INT").handling.stop_signal == 2
    with pytest.raises(InvalidArgument, match="stop signal"):
        merged(image=ImageConfig(stop_signal="SIGNOTHING"))


class TestHealth:
    CHECK = HealthCheck(("CMD", "/check"), interval_ns=5, retries=9)

    def check(self, flags: str, image: HealthCheck | None = CHECK) -> HealthCheck | None:
        request = parse_run([*flags.split(), "img"])
        return health_check(request.handling.health, ImageConfig(health=image))

    def test_the_images_with_defaults(self) -> None:
        found = self.check("")
        assert found == HealthCheck(("CMD", "/check"), 5, 30 * 10**9, 0, 5 * 10**9, 9)

    def test_what_is_asked_counts(self) -> None:
        found = self.check("--health-cmd true --health-retries 2")
        assert found is not None
        assert found.test == ("CMD-SHELL", "true")
        assert (found.interval_ns, found.retries) == (5, 2)

    def test_none(self) -> None:
        assert self.check("--no-healthcheck") is None
        assert self.check("", None) is None
        assert self.check("", HealthCheck(("NONE",))) is None


def test_the_cause_of_what_the_image_adds() -> None:
    written = merged("-e LANG=de -w /own").written
    assert written["environment[0]"] == "-e LANG=de"
    assert written["environment[1]"] == "the image"
    assert written["directory"] == "-w /own"
    assert written["user"] == "the image"
    assert written["mounts[0]"] == "the image"
