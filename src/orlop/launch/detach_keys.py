"""The keys by which a client leaves a container's terminal, as Docker writes them."""

from __future__ import annotations

from orlop.errors import InvalidArgument

_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"
_MOST = 64


def parse_detach_keys(text: str) -> bytes:
    r"""The bytes that a terminal sends for these keys, as `ctrl-p,ctrl-q` or `a,b`; b"" for "".

    Raises:
        InvalidArgument: it is not a list of characters and of `ctrl-` with a letter or one of
            `@[\]^_`, or has more than 64 keys.
    """
    if not text:
        return b""
    keys = bytes(_key(text, word) for word in text.split(","))
    if len(keys) > _MOST:
        raise InvalidArgument(f"detach keys {text!r}: these are more than {_MOST}")
    return keys


def _key(text: str, word: str) -> int:
    if len(word) == 1 and word.isascii():
        return ord(word)
    name = word.removeprefix("ctrl-").lower()
    if word.startswith("ctrl-") and len(name) == 1 and name in _CONTROL:
        return _CONTROL.index(name)
    raise InvalidArgument(
        f"detach keys {text!r}: {word!r} is not a key",
        hint="a character, or ctrl- with a letter or one of @[\\]^_, several with commas between",
    )
