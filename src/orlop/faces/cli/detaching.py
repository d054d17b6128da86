"""The keys by which somebody leaves a container that goes on: ctrl-p ctrl-q, or others."""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import InvalidArgument

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = {f"ctrl-{chr(code + 96)}": code for code in range(1, 27)} | {
    "ctrl-@": 0,
    "ctrl-[": 27,
    "ctrl-\\": 28,
    "ctrl-]": 29,
    "ctrl-^": 30,
    "ctrl-_": 31,
}


def keys_of(text: str) -> bytes:
    """The bytes that keys send, of a list as `ctrl-p,ctrl-q` or `a,b`; the empty one is none.

    Raises:
        InvalidArgument: something in it is no key.
    """
    return bytes(_key(text, name) for name in text.split(",")) if text else b""


def _key(text: str, name: str) -> int:
    if len(name) == 1 and name.isascii():
        return ord(name)
    code = _CONTROL.get(name.lower())
    if code is None:
        raise InvalidArgument(
            f"--detach-keys {text!r}: {name!r} is no key", hint="as in ctrl-p,ctrl-q or a"
        )
    return code


def chosen(text: str) -> str:
    """The keys of the command line, of the user's config.json, or the usual ones, as text.

    Raises:
        InvalidArgument: they are none.
    """
    text = text or _configured() or DEFAULT
    keys_of(text)
    return text


def _configured() -> str:
    directory = os.environ.get("DOCKER_CONFIG") or f"{os.environ.get('HOME', '')}/.docker"
    try:
        with open(f"{directory}/config.json", "rb") as file:
            document = jsontext.loads(file.read())
    except (OSError, InvalidArgument):
        return ""
    keys = document.get("detachKeys") if isinstance(document, dict) else None
    return keys if isinstance(keys, str) else ""


class DetachKeys:
    """Watches what is typed for the keys, one after the other.

    What could be the beginning of them is held back until more is typed.
    """

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._seen = 0

    def pass_on(self, data: bytes) -> tuple[bytes, bool]:
        """What of the input goes to the container, and whether the keys were complete behind it."""
        passed = bytearray()
        for code in data:
            if not self._keys:
                passed.append(code)
                continue
            if code != self._keys[self._seen]:
                passed += self._keys[: self._seen]
                self._seen = 0
                if code != self._keys[0]:
                    passed.append(code)
                    continue
            self._seen += 1
            if self._seen == len(self._keys):
                self._seen = 0
                return bytes(passed), True
        return bytes(passed), False
