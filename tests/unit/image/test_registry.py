"""What is asked of registries, and whom it is shown; without any registry."""

from __future__ import annotations

import hashlib
import json
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import IncompleteRead

from orlop.errors import InvalidArgument, NotFound, Unauthorized, Unavailable
from orlop.image import media
from orlop.image.cancellation import Cancellation
from orlop.image.content import ContentStore, WrongContent
from orlop.image.manifest import Descriptor
from orlop.image.registry import challenge
from orlop.image.registry.challenge import Challenge
from orlop.image.registry.client import Repository
from orlop.image.registry.connections import Patience
from orlop.image.registry.credentials import ANONYMOUS, Credentials
from orlop.image.registry.download import download
from orlop.image.registry.policy import RegistryPolicy, domain_of, server_of
from orlop.image.registry.stored import StoredCredentials

BEARER = 'Bearer realm="https://a.example/token",service="s, x",scope="repository:a/b:pull,push"'


class TestChallenges:
    def test_of_a_token_server(self) -> None:
        (found,) = challenge.parse([BEARER])
        assert found.scheme == "bearer"
        assert found.parameter("realm") == "https://a.example/token"
        assert found.parameter("service") == "s, x"
        assert found.parameter("scope") == "repository:a/b:pull,push"
        assert found.parameter("error") == ""

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            (["Basic realm=x"], [Challenge("basic", (("realm", "x"),))]),
            (['BASIC realm = "a \\"b\\""'], [Challenge("basic", (("realm", 'a "b"'),))]),
            (["Negotiate, Basic realm=x"], ["negotiate", "basic"]),
            (["Basic realm=x, Bearer realm=y,service=z"], ["basic", "bearer"]),
            (["Basic realm=x", "Bearer realm=y"], ["basic", "bearer"]),
            (["", " , ", "="], []),
        ],
    )
    def test_several(self, fields: list[str], found: list[Any]) -> None:
        parsed = challenge.parse(fields)
        if found and isinstance(found[0], str):
            assert [one.scheme for one in parsed] == found
        else:
            assert list(parsed) == found

    @given(st.lists(st.text(max_size=100), max_size=3))
    def test_nothing_goes_wrong(self, fields: list[str]) -> None:
        challenge.parse(fields)

    def test_nothing_takes_long(self) -> None:
        for text in ("a=" * 100_000, 'Bearer a="' + "\\" * 100_000, "Basic " + "a " * 100_000):
            challenge.parse([text])


class TestPolicy:
    def test_docker_hub_has_mirrors_and_another_name(self) -> None:
        policy = RegistryPolicy(("https://m.example/proxy/", "http://127.0.0.1:5"), ())
        first, second, last = policy.endpoints("docker.io")
        assert (first.host, first.prefix, first.schemes) == ("m.example", "/proxy", ("https",))
        assert second.schemes == ("http",)
        assert first.is_mirror
        assert (last.host, last.is_mirror) == ("registry-1.docker.io", False)
        assert [e.host for e in policy.endpoints("r.example")] == ["r.example"]

    @pytest.mark.parametrize("url", ["", "ftp://x", "https://", "https://x/?a"])
    def test_a_mirror_has_to_be_a_url(self, url: str) -> None:
        with pytest.raises(InvalidArgument):
            RegistryPolicy((url,)).endpoints("docker.io")

    @pytest.mark.parametrize(
        ("host", "insecure"),
        [
            ("localhost", True),
            ("localhost:5000", True),
            ("127.0.0.1:5000", True),
            ("127.9.9.9", True),
            ("[::1]:5000", True),
            ("r.example", False),
            ("r.example:5000", True),
            ("named.example", True),
            ("named.example:5000", True),
            ("10.1.2.3:5000", True),
            ("11.1.2.3:5000", False),
            ("[fd00::5]", True),
            ("localhost.example", False),
        ],
    )
    def test_who_may_do_without_tls(self, host: str, insecure: bool) -> None:
        named = ("r.example:5000", "named.example", "10.0.0.0/8", "fd00::/8")
        policy = RegistryPolicy(insecure=named)
        assert policy.is_insecure(host) == insecure
        endpoint = policy.registry(host)
        assert endpoint.schemes == (("https", "http") if insecure else ("https",))
        assert endpoint.is_verified != insecure

    def test_without_an_authority_an_insecure_registry_is_not_verified(
        self, tmp_path: Path
    ) -> None:
        policy = RegistryPolicy(certificates=(str(tmp_path),))
        assert policy.tls(policy.registry("localhost:1")).verify_mode == ssl.CERT_NONE
        assert policy.tls(policy.registry("r.example")).verify_mode == ssl.CERT_REQUIRED

    def test_damaged_certificates_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "r.example").mkdir()
        (tmp_path / "r.example/ca.crt").write_text("no certificate")
        policy = RegistryPolicy(certificates=(str(tmp_path),))
        with pytest.raises(InvalidArgument, match=r"r\.example"):
            policy.tls(policy.registry("r.example"))

    def test_names_of_docker_hub(self) -> None:
        for name in ("", "docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"):
            assert domain_of(name) == "docker.io"
        assert server_of("docker.io") == "https://index.docker.io/v1/"
        assert domain_of("https://r.example:5/v2/") == server_of("r.example:5") == "r.example:5"


class TestStoredCredentials:
    def test_a_file_that_is_not_there_knows_nothing(self, tmp_path: Path) -> None:
        stored = StoredCredentials(str(tmp_path / "none/config.json"))
        assert stored.get("r.example") == ANONYMOUS
        assert not stored.erase("r.example")

    def test_what_is_stored_is_found(self, tmp_path: Path) -> None:
        path = tmp_path / "docker/config.json"
        stored = StoredCredentials(str(path))
        secret = Credentials("me", "pass:word")
        stored.store("r.example", secret)
        stored.store("https://index.docker.io/v1/", Credentials("hub", "", "t"))
        again = StoredCredentials(str(path))
        assert again.get("https://r.example/v1/") == secret
        assert again.get("https://index.docker.io/v1/") == Credentials("hub", "", "t")
        assert again.get("other.example") == ANONYMOUS
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert again.erase("r.example")
        assert StoredCredentials(str(path)).get("r.example") == ANONYMOUS

    def test_what_else_is_in_the_file_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text('{"psFormat": "table", "auths": {"a": {"auth": "bWU6cHc="}}}')
        StoredCredentials(str(path)).store("b", Credentials("x", "y"))
        document = json.loads(path.read_text())
        assert document["psFormat"] == "table"
        assert set(document["auths"]) == {"a", "b"}
        assert StoredCredentials(str(path)).get("a") == Credentials("me", "pw")

    @pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000, '{"auths": {"a": {"auth": "%"}}}'])
    def test_a_damaged_file_is_named(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "config.json"
        path.write_text(text)
        with pytest.raises(InvalidArgument, match=r"config\.json"):
            StoredCredentials(str(path)).get("a")

    @pytest.mark.parametrize(
        "text", ['{"auths": null}', '{"auths": []}', "", '{"auths": {"a": 1}}']
    )
    def test_what_is_not_there_is_not_damaged(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "config.json"
        path.write_text(text)
        assert StoredCredentials(str(path)).get("a") == ANONYMOUS

    HELPER = """\
#!/bin/sh
cd "$(dirname "$0")"
case $1 in
get) read -r server; test -f "$(basename "$server")" || {
    echo credentials not found in native keychain; exit 1; }
    cat "$(basename "$server")";;
store) sed 's/.*"ServerURL": "\\([^"]*\\)".*/\\1/' > name.$$ && exit 3;;
erase) read -r server; rm -f "$(basename "$server")";;
esac
"""

    def test_programs_keep_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "docker-credential-test"
        program.write_text(self.HELPER)
        program.chmod(0o755)
        (tmp_path / "r.example").write_text('{"Username": "me", "Secret": "pw"}')
        (tmp_path / "t.example").write_text('{"Username": "<token>", "Secret": "tt"}')
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        path = tmp_path / "config.json"
        path.write_text('{"credsStore": "test", "credHelpers": {"b.example": "missing"}}')
        stored = StoredCredentials(str(path))
        assert stored.get("r.example") == Credentials("me", "pw")
        assert stored.get("t.example") == Credentials("", "", "tt")
        assert stored.get("none.example") == ANONYMOUS
        assert not stored.is_plain("r.example")
        with pytest.raises(Unavailable, match="docker-credential-missing"):
            stored.get("b.example")
        with pytest.raises(Unavailable, match="docker-credential-test store"):
            stored.store("r.example", Credentials("me", "pw"))
        stored.erase("r.example")
        assert stored.get("r.example") == ANONYMOUS

    def test_a_secret_is_not_shown(self) -> None:
        assert "hush" not in repr(Credentials("me", "hush", "hush", "hush"))


DATA = bytes(range(256)) * 4000
BLOB = Descriptor(media.OCI_LAYER_GZIP, f"sha256:{hashlib.sha256(DATA).hexdigest()}", len(DATA))
AT_ONCE = Patience(tries=3, first_s=0, longest_s=0)


class Answer:
    """Of a server that breaks off after some bytes."""

    def __init__(
        self, data: bytes, status: int = 200, breaks: bool = False, **headers: str
    ) -> None:
        self.status = status
        self.headers = HTTPHeaderDict({k.replace("_", "-"): v for k, v in headers.items()})
        self._data = data
        self._breaks = breaks

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        if not data and self._breaks:
            raise IncompleteRead(1, 2)
        return data

    def close(self) -> None:
        pass

    release_conn = drain_conn = close


class Server:
    """Stands for a `Repository`: gives its answers, and then fails.

    A fake, because a real registry cannot be made to break off at a given byte.
    """

    host = "r.example"
    path = "a"

    def __init__(self, *answers: Answer | Exception) -> None:
        self.cancellation = Cancellation()
        self.ranges: list[str] = []
        self._answers: Iterator[Answer | Exception] = iter(answers)

    def request(self, _method: str, _url: str, *, headers: dict[str, str]) -> Answer:
        self.ranges.append(headers.get("Range", ""))
        answer = next(self._answers, OSError("the network is down"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def failure(self, answer: Answer, *_: str) -> Exception:
        return NotFound("blob", "x") if answer.status == 404 else Unauthorized("no")


def part(start: int, end: int = len(DATA), *, breaks: bool = False) -> Answer:
    span = f"bytes {start}-{end - 1}/{len(DATA)}"
    return Answer(DATA[start:end], 206, breaks, Content_Range=span)


class TestDownloads:
    def fetch(self, tmp_path: Path, *servers: Server) -> list[int]:
        told: list[int] = []
        store = ContentStore(str(tmp_path / "blobs"))
        repositories = cast("tuple[Repository, ...]", servers)
        with store.ingest(BLOB.digest, BLOB.size) as ingest:
            download(repositories, BLOB, ingest, told.append, AT_ONCE)
            ingest.commit()
        assert store.read(BLOB.digest) == DATA
        return told

    def test_in_one_go(self, tmp_path: Path) -> None:
        server = Server(Answer(DATA))
        told = self.fetch(tmp_path, server)
        assert told == sorted(told)
        assert told[-1] == len(DATA)
        assert server.ranges == [""]

    def test_it_goes_on_where_it_broke_off(self, tmp_path: Path) -> None:
        server = Server(Answer(DATA[:500_000], breaks=True), part(500_000, 600_000), part(600_000))
        self.fetch(tmp_path, server)
        assert server.ranges == ["", "bytes=500000-", "bytes=600000-"]

    def test_a_server_without_ranges_begins_again(self, tmp_path: Path) -> None:
        server = Server(Answer(DATA[:500_000], breaks=True), Answer(DATA))
        self.fetch(tmp_path, server)

    def test_a_part_that_begins_too_early(self, tmp_path: Path) -> None:
        self.fetch(tmp_path, Server(Answer(DATA[:500_000], breaks=True), part(100_000)))

    def test_a_part_that_begins_too_late(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable):
            self.fetch(tmp_path, Server(Answer(DATA[:500], breaks=True), part(1000)))

    def test_progress_gives_new_patience(self, tmp_path: Path) -> None:
        step = 100_000
        answers = [part(n, n + step, breaks=True) for n in range(step, 900_000, step)]
        self.fetch(tmp_path, Server(Answer(DATA[:step], breaks=True), *answers, part(900_000)))

    def test_patience_ends(self, tmp_path: Path) -> None:
        server = Server(Answer(DATA[:500], breaks=True))
        with pytest.raises(Unavailable, match="the network is down"):
            self.fetch(tmp_path, server)
        assert len(server.ranges) == 3

    def test_the_next_try_uses_what_came(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable):
            self.fetch(tmp_path, Server(Answer(DATA[:500_000], breaks=True)))
        server = Server(part(500_000))
        self.fetch(tmp_path, server)
        assert server.ranges == ["bytes=500000-"]

    def test_other_bytes_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WrongContent):
            self.fetch(tmp_path, Server(Answer(DATA[:-1] + b"?")))

    def test_more_bytes_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WrongContent):
            self.fetch(tmp_path, Server(Answer(DATA + DATA)))

    def test_the_registry_stands_in_for_its_mirror(self, tmp_path: Path) -> None:
        for bad in (Answer(b"", 404), Answer(b"", 401), Unavailable("down")):
            self.fetch(tmp_path, Server(bad), Server(Answer(DATA)))
            (tmp_path / "blobs/sha256" / BLOB.digest.removeprefix("sha256:")).unlink()

    def test_nobody_has_it(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            self.fetch(tmp_path, Server(Answer(b"", 404)))

    def test_nobody_waits_for_it(self, tmp_path: Path) -> None:
        server = Server(Answer(DATA))
        server.cancellation.cancel()
        with pytest.raises(Unavailable, match="given up"):
            self.fetch(tmp_path, server)
