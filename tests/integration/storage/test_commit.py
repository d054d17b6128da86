"""Images that are made of containers."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from orlop.engine.archives import Committing
from orlop.errors import InvalidArgument
from orlop.intent.flags import parse_run
from tests.integration.storage.copies import export
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]


def made(live: Live, image: str, command: str, flags: str = "") -> str:
    """A container of an image."""
    words = [*flags.split(), image, "/bin/sh", "-c", command]
    return live(live.containers.create(parse_run(words))).id


def finished(live: Live, image: str, command: str, flags: str = "") -> str:
    """The same, that has run to its end."""
    key = made(live, image, command, flags)
    live(live.containers.start(key))
    assert live.end(key) == 0, live.log(key)
    return key


def commit(live: Live, key: str, **how: object) -> str:
    return live(live.engine.archives.commit(key, Committing(**how)))  # type: ignore[arg-type]


def test_what_was_changed_is_in_the_image(live: Live, base: str) -> None:
    script = "rm /etc/group; echo new > /etc/new; rm -r /home; mkdir /home; echo x >> /etc/passwd"
    key = finished(live, base, script)
    commit(live, key, ref="derived")
    look = "cat /etc/new; ls /etc /home; tail -n 1 /etc/passwd"
    log = live.log(finished(live, "derived", look))
    assert all(f'"{word}\\n"' in log for word in ("new", "passwd", "x"))
    assert '"group\\n"' not in log
    assert "tester" not in log
    # The places that starts make for mounts are none of the container's changes.
    assert '"hosts\\n"' in log
    layers = live(live.engine.images.resolve("derived")).lowers
    assert not Path(layers[0], "etc/hosts").exists()


def test_the_same_as_the_container(live: Live, base: str) -> None:
    key = finished(live, base, "echo 1 > /tmp/a; ln /tmp/a /tmp/b; chown 5:6 /tmp/a; mkfifo /tmp/f")
    commit(live, key, ref="derived")
    other = made(live, "derived", "true")
    assert _without(export(live, key)) == _without(export(live, other))


def _without(data: bytes) -> list[tuple[object, ...]]:
    """What matters of an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return [
            (m.name, m.type, m.mode, m.uid, m.gid, m.size, m.linkname)
            for m in opened.getmembers()
            if m.name not in ("etc", "etc/hosts", "etc/hostname", "etc/resolv.conf")
        ]


def test_its_defaults(live: Live, base: str) -> None:
    key = made(live, base, "true", "-e B=2 -l a=b -w /tmp -u tester -v /data -v named:/named")
    image = commit(live, key, ref="derived", changes=('CMD ["top"]', "EXPOSE 80"))
    resolved = live(live.engine.images.resolve("derived"))
    assert resolved.id == image
    config = resolved.config
    assert {"A=1", "B=2"} <= set(config.environment)
    assert (dict(config.labels), config.directory, config.user) == ({"a": "b"}, "/tmp", "tester")
    assert (config.command, config.volumes) == (("top",), ("/data",))
    assert config.exposed_ports == ("80/tcp",)


def test_while_it_runs(live: Live, base: str) -> None:
    key = made(live, base, "echo 1 > /tmp/a; echo ready; while :; do sleep 0.1; done")
    live(live.containers.start(key))
    live.until(lambda: "ready" in live.log(key))
    commit(live, key, ref="derived")
    actions = live.actions(key)
    assert actions[-3:] == ["pause", "unpause", "commit"]
    assert live.get(key).is_running
    commit(live, key, pause=False)
    assert live.actions(key)[-1] == "commit"
    assert "pause" not in live.actions(key)[len(actions) :]


def test_a_name_or_a_change_that_is_none(live: Live, base: str) -> None:
    key = made(live, base, "true")
    with pytest.raises(InvalidArgument):
        commit(live, key, ref="NOT A NAME")
    with pytest.raises(InvalidArgument):
        commit(live, key, changes=("RUN rm -rf /",))


def test_a_container_of_no_image(live: Live) -> None:
    with pytest.raises(InvalidArgument, match="no image"):
        commit(live, live.create())


def test_nothing_is_left_behind(live: Live, base: str) -> None:
    commit(live, finished(live, base, "echo 1 > /tmp/a"))
    assert list(Path(live.settings.data_root, "scratch").glob("commit-*")) == []
