"""Images: /images, /commit, /distribution, /auth."""

from __future__ import annotations

from orlop.faces.api.resources.images import archives, commit, local, registry

ROUTES = (*registry.ROUTES, *archives.ROUTES, *local.ROUTES, *commit.ROUTES)
