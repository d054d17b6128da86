"""The configuration of Docker's clients, which is read and never written.

See: docker(1), "Configuration files".
"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import InvalidArgument

_NAME = "config.json"


def directory() -> str:
    """Where it is: $DOCKER_CONFIG, or ~/.docker."""
    return os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def text_setting(name: str) -> str:
    """A setting that is a text, as "psFormat"; "" if it is not set.

    Raises:
        InvalidArgument: the file is malformed.
    """
    path = f"{directory()}/{_NAME}"
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return ""
    if f'"{name}"'.encode() not in data:  # most have only credentials
        return ""
    try:
        document = jsontext.loads(data)
    except InvalidArgument as bad:
        raise InvalidArgument(f"{path}: {bad.message}") from None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""
