"""Containers: /containers."""

from __future__ import annotations

from orlop.faces.api.resources.containers import (
    files,
    life,
    listing,
    looking,
    ports,
    prune,
    streams,
)

ROUTES = (
    *listing.ROUTES,
    *prune.ROUTES,
    *life.ROUTES,
    *ports.ROUTES,
    *looking.ROUTES,
    *streams.ROUTES,
    *files.ROUTES,
)
