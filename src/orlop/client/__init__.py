"""Clients of an engine, for programs and for the command line: the Docker Engine API from below.

    >>> from orlop.client import Client
    >>> engine = Client()
    >>> made = engine.post("/containers/create", {"Image": "host", "Cmd": ["date"]})
    >>> engine.post(f"/containers/{made['Id']}/start")

Everything is synchronous, and cheap to import (docs/decisions/0015-a-client-of-its-own.md). Any
engine that speaks Docker's API will do.
"""

from __future__ import annotations

from orlop.client.client import Client
from orlop.client.connection import Response
from orlop.client.failures import Refused
from orlop.client.hijacked import Hijacked
from orlop.client.selection import Target, select

__all__ = ["Client", "Hijacked", "Refused", "Response", "Target", "select"]
