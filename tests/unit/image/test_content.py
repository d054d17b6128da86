"""The content store: whole blobs or none, also when somebody breaks off."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, NotFound, Unavailable
from orlop.image.content import ContentStore, WrongContent

DATA = bytes(range(256)) * 5000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(str(tmp_path / "blobs"))


def files(store: ContentStore) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(above, name), store.directory)
        for above, _, names in os.walk(store.directory)
        for name in names
    )


def test_what_is_put_is_there_by_its_digest(store: ContentStore) -> None:
    assert store.put(DATA) == DIGEST
    assert store.put(DATA) == DIGEST
    assert store.read(DIGEST) == DATA
    assert list(store.all()) == [(DIGEST, len(DATA))]
    assert files(store) == ["sha256/" + DIGEST.removeprefix("sha256:")]


def test_a_blob_that_is_not_there(store: ContentStore) -> None:
    assert not store.has(DIGEST)
    for use in (store.size, store.open, store.read):
        with pytest.raises(NotFound):
            use(DIGEST)
    assert store.remove(DIGEST) == 0


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:" + "A" * 64, "x", ""])
def test_a_digest_is_no_path(store: ContentStore, digest: str) -> None:
    with pytest.raises(InvalidArgument):
        store.path(digest)


def test_a_new_blob_that_is_not_committed_is_gone(store: ContentStore) -> None:
    with store.new() as blob:
        blob.write(DATA)
    assert files(store) == []


def test_a_new_blob_with_another_digest_than_expected(store: ContentStore) -> None:
    with store.new() as blob:
        blob.write(DATA[1:])
        with pytest.raises(InvalidArgument):
            blob.commit(DIGEST)
    assert files(store) == []


def test_new_blobs_of_a_dead_engine_are_gone_when_the_store_is_opened(store: ContentStore) -> None:
    Path(store.directory, "new/left").write_bytes(DATA)
    assert files(ContentStore(store.directory)) == []


def test_a_blob_comes_in_pieces(store: ContentStore) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        for at in range(0, len(DATA), 1000):
            assert not store.has(DIGEST)
            ingest.write(DATA[at : at + 1000])
        ingest.commit()
    assert store.read(DIGEST) == DATA
    store.settle()
    assert len(files(store)) == 1


class TestYoung:
    """Blobs that were fetched, and may not have reached the disk when the machine crashes."""

    @pytest.fixture
    def path(self, store: ContentStore) -> Path:
        store.put(DATA, fetched=True)
        return Path(store.path(DIGEST))

    def crash(self, store: ContentStore, monkeypatch: pytest.MonkeyPatch) -> ContentStore:
        """The store after another start of the machine."""
        monkeypatch.setattr("orlop.image.content.boot_id", lambda: "another")
        return ContentStore(store.directory)

    def test_a_damaged_one_is_gone_after_a_crash(
        self, store: ContentStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path.write_bytes(bytes(len(DATA)))
        assert ContentStore(store.directory).has(DIGEST)  # of the engine alone
        assert files(self.crash(store, monkeypatch)) == []

    def test_a_sound_one_stays(
        self, store: ContentStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        after = self.crash(store, monkeypatch)
        assert after.read(DIGEST) == DATA
        assert files(after) == [f"sha256/{path.name}"]

    def test_one_that_is_settled_is_not_read_again(
        self, store: ContentStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.settle()
        path.write_bytes(bytes(len(DATA)))
        assert self.crash(store, monkeypatch).has(DIGEST)

    def test_one_that_was_removed_meanwhile(
        self, store: ContentStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.remove(DIGEST)
        assert not path.exists()
        assert files(self.crash(store, monkeypatch)) == []


def test_a_blob_goes_on_where_it_broke_off(store: ContentStore) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:1000])
    with ContentStore(store.directory).ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == 1000
        ingest.write(DATA[1000:])
        ingest.commit()
    assert store.read(DIGEST) == DATA


def test_bytes_that_are_missing_are_no_blob(store: ContentStore) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:-1])
        with pytest.raises(Unavailable):
            ingest.commit()
    assert not store.has(DIGEST)


@pytest.mark.parametrize("wrong", [DATA[:-1] + b"x", DATA + b"x"])
def test_other_bytes_are_thrown_away(store: ContentStore, wrong: bytes) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest, pytest.raises(WrongContent):
        ingest.write(wrong)
        ingest.commit()
    assert files(store) == []


def test_a_damaged_beginning_is_noticed_and_not_kept(store: ContentStore) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:1000])
    partial = Path(store.partial_path(DIGEST))
    partial.write_bytes(bytes(1000))
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[1000:])
        with pytest.raises(WrongContent):
            ingest.commit()
    assert files(store) == []


def test_a_partial_blob_that_is_too_long_begins_anew(store: ContentStore) -> None:
    Path(store.partial_path(DIGEST)).write_bytes(DATA + DATA)
    with store.ingest(DIGEST, len(DATA)) as ingest:
        assert ingest.offset == 0


def test_two_who_fetch_one_blob_take_turns(store: ContentStore) -> None:
    seen = []

    def second() -> None:
        with store.ingest(DIGEST, len(DATA)) as other:
            seen.append(other.is_complete)

    with store.ingest(DIGEST, len(DATA)) as ingest:
        thread = threading.Thread(target=second)
        thread.start()
        ingest.write(DATA)
        assert seen == []
        ingest.commit()
    thread.join(10)
    assert seen == [True]


def test_the_second_goes_on_when_the_first_gives_up(store: ContentStore) -> None:
    seen = []

    def second() -> None:
        with store.ingest(DIGEST, len(DATA)) as other:
            seen.append(other.offset)

    with store.ingest(DIGEST, len(DATA)) as ingest:
        thread = threading.Thread(target=second)
        thread.start()
        ingest.write(DATA[:10])
    thread.join(10)
    assert seen == [10]


class TestReading:
    def test_while_it_comes(self, store: ContentStore) -> None:
        got = []
        with store.ingest(DIGEST, len(DATA)) as ingest, ingest.reader() as reader:

            def read() -> None:
                while data := reader.read(7777):
                    got.append(data)

            thread = threading.Thread(target=read)
            thread.start()
            for at in range(0, len(DATA), 100_000):
                ingest.write(DATA[at : at + 100_000])
            ingest.commit()
            thread.join(10)
        assert b"".join(got) == DATA

    def test_the_end_comes_only_after_the_digest(self, store: ContentStore) -> None:
        with store.ingest(DIGEST, len(DATA)) as ingest, ingest.reader() as reader:
            wrong = DATA[:-1] + b"x"
            ingest.write(wrong)
            assert reader.read(len(wrong)) == wrong
            with pytest.raises(WrongContent):
                ingest.verify()
            with pytest.raises(Unavailable):
                reader.read()

    def test_what_was_there_before(self, store: ContentStore) -> None:
        store.put(DATA)
        with store.ingest(DIGEST, len(DATA)) as ingest, ingest.reader() as reader:
            assert ingest.is_complete
            assert b"".join(iter(lambda: reader.read(1000), b"")) == DATA

    def test_a_failure_reaches_the_reader(self, store: ContentStore) -> None:
        with store.ingest(DIGEST, len(DATA)) as ingest, ingest.reader() as reader:
            ingest.write(DATA[:5])
            assert reader.read() == DATA[:5]
            ingest.fail(Unavailable("the line is dead"))
            with pytest.raises(Unavailable, match="the line is dead"):
                reader.read()


def test_what_is_held_is_known(store: ContentStore) -> None:
    with store.hold(["a", "b"]), store.hold(["a"]):
        assert store.is_held("a")
        assert store.is_held("b")
    assert not store.is_held("a")


def test_partial_blobs_are_forgotten_after_a_time_unless_somebody_fetches(
    store: ContentStore,
) -> None:
    with store.ingest(DIGEST, len(DATA)) as ingest:
        ingest.write(DATA[:1000])
        assert store.forget_partial(0) == 0
    assert store.forget_partial() == 0
    old = time.time() - 30 * 24 * 3600
    os.utime(store.partial_path(DIGEST), (old, old))
    assert store.forget_partial() == 1000
    assert files(store) == []
