"""References: Docker's grammar and normalisation.

The cases follow distribution/reference's own rules; each was tried with `docker tag`.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.image import reference
from orlop.image.reference import Reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "whole", "familiar"),
    [
        ("debian", "docker.io/library/debian", "debian"),
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("docker.io/debian", "docker.io/library/debian", "debian"),
        ("index.docker.io/library/debian", "docker.io/library/debian", "debian"),
        ("library/debian", "docker.io/library/debian", "debian"),
        ("me/tool", "docker.io/me/tool", "me/tool"),
        ("localhost/tool", "localhost/tool", "localhost/tool"),
        ("localhost:5000/tool:v1", "localhost:5000/tool:v1", "localhost:5000/tool:v1"),
        ("Host/tool", "Host/tool", "Host/tool"),
        ("a.b/c/d/e", "a.b/c/d/e", "a.b/c/d/e"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        (f"debian@{DIGEST}", f"docker.io/library/debian@{DIGEST}", f"debian@{DIGEST}"),
        (f"a.b/c:1@{DIGEST}", f"a.b/c:1@{DIGEST}", f"a.b/c:1@{DIGEST}"),
        ("a__b-c--d.e", "docker.io/library/a__b-c--d.e", "a__b-c--d.e"),
        ("x:" + "t" * 128, "docker.io/library/x:" + "t" * 128, "x:" + "t" * 128),
    ],
)
def test_a_name_becomes_whole_and_familiar_again(text: str, whole: str, familiar: str) -> None:
    parsed = reference.parse(text)
    assert (str(parsed), parsed.familiar) == (whole, familiar)
    assert reference.parse(whole) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        ":tag",
        "@" + DIGEST,
        "Debian",
        "debian:",
        "debian:-x",
        "debian:" + "t" * 129,
        "debian@sha256:12",
        "debian@md5:" + "0" * 32,
        "debian@" + DIGEST.upper(),
        "a//b",
        "/a",
        "a/",
        "a___b",
        "a..b",
        "-a",
        "a-",
        "a.b:x/c",
        "a.-b/c",
        "a" * 256,
        "0123456789abcdef" * 4,
        "a b",
        "a\n",
        "../a",
        "a:1:2",
        "https://a.b/c",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        reference.parse(text)


def test_a_name_for_an_image_has_a_tag_and_no_digest() -> None:
    assert reference.parse_tagged("x") == Reference("docker.io", "library/x", "latest")
    with pytest.raises(InvalidArgument):
        reference.parse_tagged(f"x@{DIGEST}")


def test_what_is_asked_of_a_registry() -> None:
    assert reference.parse("x").wanted == "latest"
    assert reference.parse("x:1").wanted == "1"
    assert reference.parse(f"x:1@{DIGEST}").wanted == DIGEST


_component = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", fullmatch=True).filter(
    lambda text: len(text) < 40
)
_domains = st.sampled_from(["docker.io", "localhost", "localhost:5000", "r.example", "[::1]:80"])
_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}", fullmatch=True)


@given(
    domain=_domains,
    path=st.lists(_component, min_size=1, max_size=4),
    tag=st.one_of(st.just(""), _tags),
    digest=st.sampled_from(["", DIGEST]),
)
def test_a_whole_reference_is_read_back(
    domain: str, path: list[str], tag: str, digest: str
) -> None:
    if domain == "docker.io" and len(path) == 1:
        path = ["library", *path]
    made = Reference(domain, "/".join(path), tag, digest)
    assert reference.parse(str(made)) == made
    assert reference.parse(made.familiar) == made


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        parsed = reference.parse(text)
    except InvalidArgument:
        return
    assert reference.parse(parsed.familiar) == parsed
