"""What the database keeps comes back as it was."""

import pytest

from orlop.engine.container import Container, HealthState, Probe, ResolvedImage, State
from orlop.engine.documents import dumps, loads
from orlop.errors import InternalError
from orlop.image.config import ImageConfig
from orlop.intent.flags import parse_run

WORDS = (
    "--name web -e A=1 -e B -v /etc:/e:ro --mount type=volume,dst=/v --tmpfs /t:size=1m -m 64m"
    " --device /dev/null --restart on-failure:3 --network container:abc --pid host -p 80:80 host ls"
)


def container() -> Container:
    image = ResolvedImage("host", "sha256:00", ImageConfig(environment=("A=1",), labels={"a": "b"}))
    state = State(exit_code=3, health=HealthState(probes=(Probe(1, 2, 0, "ok"),)))
    return Container("0" * 64, "x", 1, parse_run(WORDS.split()), image, state=state)


def test_round_trip() -> None:
    assert loads(Container, dumps(container())) == container()


def test_fields_of_other_versions() -> None:
    text = dumps(container()).replace('"created_ns":1', '"created_ns":1,"later":1')
    assert "later" in text
    assert loads(Container, text) == container()


def test_what_is_as_always_takes_no_space() -> None:
    assert dumps(State()) == '{"@":"State"}'


@pytest.mark.parametrize("labels", [{"@": "State"}, {"@": "mapping", "items": "x"}, {"a": "b"}, {}])
def test_labels_are_only_labels(labels: dict[str, str]) -> None:
    made = container()
    made = made.replace(image=made.image.replace(config=ImageConfig(labels=labels)))
    assert loads(Container, dumps(made)) == made


def test_another_kind_is_a_bug() -> None:
    with pytest.raises(InternalError):
        loads(State, dumps(container()))
