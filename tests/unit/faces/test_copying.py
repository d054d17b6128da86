"""What paths of `cp` mean. That copies are as Docker makes them is tested against it."""

from __future__ import annotations

import pytest

from orlop.errors import Conflict, InvalidArgument, NotFound
from orlop.faces.cli.copying.places import (
    CONTENT,
    Inside,
    Outside,
    Place,
    Source,
    Target,
    destination,
    place_of,
)


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("web:/etc", Inside("web", "/etc")),
        ("web:etc/x", Inside("web", "/etc/x")),
        ("web:/a:b", Inside("web", "/a:b")),
        ("-", Outside("-")),
        ("./a:b", Outside("./a:b")),
        ("/a:b", Outside("/a:b")),
        ("../x:y", Outside("../x:y")),
        ("plain", Outside("plain")),
        (":x", Outside(":x")),
    ],
)
def test_places(word: str, place: Place) -> None:
    assert place_of(word) == place


def test_a_container_without_path() -> None:
    with pytest.raises(InvalidArgument, match="names no path"):
        place_of("web:")


FILE, DIRECTORY, WITHIN = Source("/s/f", False), Source("/s/d", True), Source("/s/d/.", True)
OLD_FILE, OLD_DIRECTORY = Target("/t/old", True, False), Target("/t/dir", True, True)
NEW, NEW_DIRECTORY = Target("/t/new", False, False), Target("/t/new/", False, False)


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (FILE, OLD_DIRECTORY, ("/t/dir", "f")),
        (FILE, OLD_FILE, ("/t", "old")),
        (FILE, NEW, ("/t", "new")),
        (DIRECTORY, OLD_DIRECTORY, ("/t/dir", "d")),
        (DIRECTORY, NEW, ("/t", "new")),
        (DIRECTORY, NEW_DIRECTORY, ("/t", "new")),
        (WITHIN, OLD_DIRECTORY, ("/t/dir", CONTENT)),
        (WITHIN, NEW, ("/t", "new")),
        (Source("/", True), OLD_DIRECTORY, ("/t/dir", CONTENT)),
        (FILE, Target("new", False, False), (".", "new")),
    ],
)
def test_destinations(source: Source, target: Target, found: tuple[str, str]) -> None:
    assert destination(source, target) == found


def test_a_directory_does_not_replace_a_file() -> None:
    with pytest.raises(Conflict):
        destination(DIRECTORY, OLD_FILE)


def test_a_file_does_not_become_a_directory() -> None:
    with pytest.raises(NotFound):
        destination(FILE, NEW_DIRECTORY)
