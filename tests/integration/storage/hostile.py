"""Archives that want to do harm, and what has to become of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.tarballs import (
    END,
    GNU,
    directory,
    gnu_name,
    hardlink,
    header,
    member,
    old_sparse,
    padded,
    pax,
    record,
    symlink,
)

REFUSED = None
"""The archive is refused with a clear error."""

Tree = dict[str, str]
"""What is there afterwards: by path "f:CONTENT", "d", "l:TARGET", "c:MAJOR,MINOR", "p" or "w"."""


@dataclass(frozen=True)
class Case:
    """An archive, and what becomes of it as a layer.

    Attributes:
        name: of the case.
        archive: its bytes, given the path of the canary outside of the root.
        tree: what is there afterwards.
        parts: paths that have to be there, if the tree is not told whole.
    """

    name: str
    archive: Callable[[bytes], bytes]
    tree: Tree | None
    rules: dict[str, object] = field(default_factory=dict)


def _case(name: str, archive: bytes, tree: Tree | None, **rules: object) -> Case:
    return Case(name, lambda _: archive + END, tree, rules)


def _cut(name: str, archive: bytes) -> Case:
    return Case(name, lambda _: archive, REFUSED)


def _with_canary(name: str, make: Callable[[bytes], bytes], tree: Tree | None) -> Case:
    return Case(name, lambda canary: make(canary) + END, tree)


def _file(name: bytes, content: bytes = b"evil") -> bytes:
    return member(name, content=content)


_BASE_256_MINUS_1 = b"\xff" * 12
_HUGE = b"\x80" + (1 << 62).to_bytes(11, "big")
_DEEP = b"/".join([b"d"] * 1500)

CASES = [
    # --- names that lead out
    _case("dot dot", _file(b"../canary"), REFUSED),
    _case("dot dot in the middle", _file(b"a/../../canary"), REFUSED),
    _case("many dot dots", _file(b"../" * 20 + b"tmp/canary"), REFUSED),
    _case("dot dot alone", _file(b".."), REFUSED),
    _case("dot dot taken back", _file(b"a/../b"), {"b": "f:evil"}),
    _case("absolute", _file(b"/etc/x"), {"etc": "d", "etc/x": "f:evil"}),
    _case("absolute with dot dot", _file(b"/../../x"), {"x": "f:evil"}),
    Case(
        "absolute path of the canary",
        lambda c: directory(c, mode=0o777) + END,
        {},
        {"parts": True},
    ),
    _case("many slashes", _file(b"///a////b"), {"a": "d", "a/b": "f:evil"}),
    _case("dots", _file(b"./././a"), {"a": "f:evil"}),
    _case("a directory out", directory(b"../out/"), REFUSED),
    _case("pax path out", pax({b"path": b"../canary"}) + _file(b"ok"), REFUSED),
    _case("pax path absolute", pax({b"path": b"/p"}) + _file(b"ok"), {"p": "f:evil"}),
    _case("global pax path out", pax({b"path": b"../canary"}, b"g") + _file(b"ok"), REFUSED),
    _case("gnu name out", gnu_name(b"../canary") + _file(b"ok"), REFUSED),
    _case("prefix out", member(b"canary", content=b"x", prefix=b"../.."), REFUSED),
    _case("empty name", _file(b""), REFUSED),
    _case("a file as the root", _file(b"."), REFUSED),
    _case("a symlink as the root", symlink(b"./", b"/"), REFUSED),
    # --- symlinks
    _with_canary(
        "write through a symlink to a directory",
        lambda c: symlink(b"a", c) + _file(b"a/canary"),
        REFUSED,
    ),
    _case(
        "write through a relative symlink",
        symlink(b"a", b"../..") + _file(b"a/canary"),
        {"a": "l:../..", "canary": "f:evil"},
    ),
    _case(
        "write through a symlink to the root",
        symlink(b"a", b"/") + _file(b"a/b"),
        {"a": "l:/", "b": "f:evil"},
    ),
    _with_canary(
        "write over a symlink to a file",
        lambda c: symlink(b"a", c + b"/file") + _file(b"a"),
        {"a": "f:evil"},
    ),
    _with_canary(
        "symlinks in a row",
        lambda c: symlink(b"a", c) + symlink(b"b", b"a") + _file(b"b/canary"),
        REFUSED,
    ),
    _case("a symlink to itself", symlink(b"a", b"a") + _file(b"a/b"), REFUSED),
    _case(
        "symlinks in a circle",
        symlink(b"a", b"b") + symlink(b"b", b"a") + _file(b"a/x"),
        REFUSED,
    ),
    _with_canary(
        "a directory over a symlink",
        lambda c: symlink(b"a", c) + directory(b"a/", mode=0o777),
        {"a": "d"},
    ),
    _with_canary(
        "a directory over a symlink, then into it",
        lambda c: symlink(b"a", c) + directory(b"a/") + _file(b"a/x"),
        {"a": "d", "a/x": "f:evil"},
    ),
    _with_canary(
        "a symlink over a directory, then into it",
        lambda c: directory(b"a/") + symlink(b"a", c) + _file(b"a/x"),
        REFUSED,
    ),
    _case("a symlink to nothing", symlink(b"a", b""), REFUSED),
    _case("a symlink into proc", symlink(b"a", b"/proc/self/root") + _file(b"a/x"), REFUSED),
    _with_canary(
        "attributes through a symlink",
        lambda c: symlink(b"a", c) + member(b"a", b"2", link=c, mode=0o7777, uid=1234),
        {"a": "l:CANARY"},
    ),
    # --- hard links
    _with_canary("a hard link out", lambda c: hardlink(b"a", c + b"/file"), REFUSED),
    _case("a hard link out by dot dot", hardlink(b"a", b"../canary/file"), REFUSED),
    _with_canary(
        "a hard link through a symlink",
        lambda c: symlink(b"s", c) + hardlink(b"a", b"s/file"),
        REFUSED,
    ),
    _with_canary(
        "a hard link to a symlink, then write",
        lambda c: symlink(b"s", c + b"/file") + hardlink(b"a", b"s") + _file(b"a"),
        {"s": "l:CANARY/file", "a": "f:evil"},
    ),
    _case("a hard link to nothing", hardlink(b"a", b"missing"), REFUSED),
    _case("a hard link without a target", hardlink(b"a", b""), REFUSED),
    _case("a hard link to a directory", directory(b"d/") + hardlink(b"a", b"d"), REFUSED),
    _case("a hard link to the root", hardlink(b"a", b"/"), REFUSED),
    _case("a hard link to itself", _file(b"a") + hardlink(b"a", b"a"), {"a": "f:evil"}),
    _case(
        "a hard link over the directory of its target",
        _file(b"d/f") + hardlink(b"d", b"d/f"),
        REFUSED,
    ),
    # --- whiteouts
    _with_canary(
        "a whiteout through a symlink",
        lambda c: symlink(b"a", c) + _file(b"a/.wh.file", b""),
        REFUSED,
    ),
    _with_canary(
        "opaque through a symlink",
        lambda c: symlink(b"a", c) + _file(b"a/.wh..wh..opq", b""),
        REFUSED,
    ),
    _case("a whiteout of dot dot", _file(b".wh...", b""), REFUSED),
    _case("a whiteout of dot", _file(b".wh..", b""), REFUSED),
    _case("a whiteout of nothing", _file(b".wh.", b""), REFUSED),
    _case("a whiteout out", _file(b"../.wh.canary", b""), REFUSED),
    _case("a whiteout", _file(b"d/.wh.x", b""), {"d": "d", "d/x": "w"}),
    _case("a whiteout as a directory", directory(b".wh.x/"), {"x": "w"}),
    _case(
        "a whiteout and its name, in both orders",
        _file(b"a", b"1") + _file(b".wh.a", b"") + _file(b".wh.b", b"") + _file(b"b", b"2"),
        {"a": "f:1", "b": "f:2"},
    ),
    _case("what aufs left", _file(b".wh..wh.plnk", b"") + _file(b".wh..wh.aufs", b""), {}),
    # --- devices and the like
    _case("a device", member(b"sda", b"4", device=(8, 0)), {"sda": "b:8,0"}),
    _case("a device, rootless", member(b"sda", b"4", device=(8, 0)), {}, devices=False),
    _case("a device that cannot be", member(b"x", b"3", device=(99999, 0)), REFUSED),
    _case(
        "a device, then write",
        member(b"null", b"3", device=(1, 3)) + _file(b"null"),
        {"null": "f:evil"},
    ),
    _case("a fifo, then write", member(b"p", b"6") + _file(b"p"), {"p": "f:evil"}),
    _case("a fifo, then into it", member(b"p", b"6") + _file(b"p/x"), REFUSED),
    _case("a fifo with the mode of a program", member(b"p", b"6", mode=0o6777), {"p": "p"}),
    # --- kinds that change
    _case("a file, then into it", _file(b"a") + _file(b"a/b"), REFUSED),
    _case("a file over a directory", _file(b"a/b") + _file(b"a"), {"a": "f:evil"}),
    _case("a directory over a file", _file(b"a") + directory(b"a/"), {"a": "d"}),
    _case(
        "a file, a directory, a file",
        _file(b"a") + directory(b"a/") + _file(b"a/b") + _file(b"a", b"last"),
        {"a": "f:last"},
    ),
    _case(
        "many entries of one name",
        b"".join(_file(b"a", b"%d" % number) for number in range(100)),
        {"a": "f:99"},
    ),
    _case(
        "a directory's attributes after it was replaced",
        directory(b"a/", mode=0o700) + symlink(b"b", b"a") + _file(b"a", b"x"),
        {"a": "f:x", "b": "l:a"},
    ),
    # --- names that cannot be
    _case("a NUL in a pax name", pax({b"path": b"a\0b"}) + _file(b"x"), REFUSED),
    _case("a NUL in a pax link", pax({b"linkpath": b"a\0b"}) + symlink(b"x", b"y"), REFUSED),
    _case("a name that is not UTF-8", _file(b"\xff\xfe"), {"\udcff\udcfe": "f:evil"}),
    _case("a name with control characters", _file(b"a\n\x1b[2Jb"), {"a\n\x1b[2Jb": "f:evil"}),
    _case("a name of 300 bytes", pax({b"path": b"n" * 300}) + _file(b"x"), REFUSED),
    _case("a name of 5000 bytes", gnu_name(b"n/" * 2500) + _file(b"x"), REFUSED),
    _case("a link of 5000 bytes", gnu_name(b"n/" * 2500, b"K") + symlink(b"x", b"y"), REFUSED),
    _case("1500 directories deep", pax({b"path": _DEEP + b"/f"}) + _file(b"x"), {}, parts=True),
    # --- headers without end
    _cut("an endless gnu name", header(b"././@LongLink", b"L", size=1 << 33, magic=GNU)),
    _cut("an endless pax header", header(b"x", b"x", size=1 << 33)),
    _cut("an endless global header", header(b"x", b"g", size=_HUGE)),
    _case("a thousand pax headers", pax({b"comment": b"x"}) * 1000 + _file(b"x"), REFUSED),
    _case("a hundred global headers", pax({b"comment": b"x"}, b"g") * 100 + _file(b"x"), REFUSED),
    _case("pax length of nothing", pax(b"0 \n") + _file(b"x"), REFUSED),
    _case("pax length too large", pax(b"99999 path=x\n") + _file(b"x"), REFUSED),
    _case("pax length of a thousand digits", pax(b"9" * 1000 + b" a=b\n") + _file(b"x"), REFUSED),
    _case("pax length that is negative", pax(b"-5 a=b\n") + _file(b"x"), REFUSED),
    _case("pax without a name", pax(b"6 =ab\n") + _file(b"x"), REFUSED),
    # --- numbers
    _cut("a negative size", header(b"a", size=_BASE_256_MINUS_1) + padded(b"x")),
    _cut("a size of exabytes", header(b"a", size=_HUGE) + padded(b"x")),
    _case(
        "a negative size of a link", header(b"a", b"2", size=_BASE_256_MINUS_1, link=b"x"), REFUSED
    ),
    _case("a negative pax size", pax({b"size": b"-1"}) + _file(b"a"), REFUSED),
    _case("a pax size that is no number", pax({b"size": b"1e3"}) + _file(b"a"), REFUSED),
    _case("a negative owner", pax({b"uid": b"-1"}) + _file(b"a"), REFUSED),
    _case("an owner beyond 32 bits", pax({b"uid": b"4294967296"}) + _file(b"a"), REFUSED),
    _case("the owner that means nobody", pax({b"gid": b"4294967295"}) + _file(b"a"), REFUSED),
    _case("a mode that is no number", header(b"a", mode=b"rwxrwxr\0"), REFUSED),
    _case("a time before 1970", header(b"a", mtime=_BASE_256_MINUS_1), {"a": "f:"}),
    _case("a time without end", pax({b"mtime": b"9" * 19}) + _file(b"a"), {"a": "f:evil"}),
    _case("a time that is none", pax({b"mtime": b"tomorrow"}) + _file(b"a"), REFUSED),
    # --- sparse files
    _case(
        "a sparse file of exabytes",
        old_sparse(b"a", [(0, 4)], b"evil", 1 << 32, b""),
        {},
        parts=True,
    ),
    _case(
        "a sparse file larger than any",
        pax(
            {
                b"GNU.sparse.major": b"1",
                b"GNU.sparse.minor": b"0",
                b"GNU.sparse.realsize": b"9223372036854775807",
            }
        )
        + _file(b"a", padded(b"0\n")),
        REFUSED,
    ),
    _case(
        "sparse pieces that overlap", old_sparse(b"a", [(0, 4), (2, 4)], b"evilevil", 8), REFUSED
    ),
    _case("sparse pieces beyond the end", old_sparse(b"a", [(100, 4)], b"evil", 8), REFUSED),
    _case("sparse pieces with too much", old_sparse(b"a", [(0, 8)], b"evil", 8), REFUSED),
    _case(
        "a sparse map without end",
        pax(
            {
                b"GNU.sparse.major": b"1",
                b"GNU.sparse.minor": b"0",
                b"GNU.sparse.realsize": b"8",
            }
        )
        + _file(b"a", padded(b"9999999999\n")),
        REFUSED,
    ),
    _case(
        "a sparse map of letters",
        pax(
            {
                b"GNU.sparse.major": b"1",
                b"GNU.sparse.minor": b"0",
                b"GNU.sparse.realsize": b"8",
            }
        )
        + _file(b"a", b"x" * 2048),
        REFUSED,
    ),
    _case(
        "a sparse map with half a pair",
        pax({b"GNU.sparse.map": b"0,1,2", b"GNU.sparse.size": b"8"}) + _file(b"a", b"x"),
        REFUSED,
    ),
    # --- attributes
    _case(
        "attributes of the overlay",
        pax(
            {
                b"SCHILY.xattr.trusted.overlay.redirect": b"/etc",
                b"SCHILY.xattr.trusted.overlay.opaque": b"y",
                b"SCHILY.xattr.user.overlay.metacopy": b"",
            }
        )
        + directory(b"a/"),
        {"a": "d"},
    ),
    _case("an attribute without a name", pax({b"SCHILY.xattr.": b"x"}) + _file(b"a"), REFUSED),
    _case(
        "an attribute larger than any",
        pax({b"SCHILY.xattr.user.x": b"v" * 70000}) + _file(b"a"),
        REFUSED,
    ),
    # --- damage
    _cut("cut off in a header", _file(b"a")[:300]),
    _cut("cut off in the content", header(b"a", size=1000) + b"x" * 600),
    _cut("cut off in the padding", header(b"a", size=5) + b"12345"),
    _case("a wrong checksum", header(b"a", checksum=b"000000\0 "), REFUSED),
    _case("no archive", b"this is not an archive" * 100, REFUSED),
    _case("an unknown kind", header(b"a", b"Z"), REFUSED),
    _case(
        "a link with content",
        header(b"a", b"2", link=b"x", size=512) + _file(b"b"),
        {"a": "l:x", "b": "f:evil"},
    ),
    _case(
        "a directory with content",
        header(b"a/", b"5", size=512) + _file(b"a/b"),
        {"a": "d", "a/b": "f:evil"},
    ),
]

assert record(b"a", b"b") == b"6 a=b\n"
