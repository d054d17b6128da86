"""What an engine says of one object, for templates: typed as in docker's client, or raw."""

from __future__ import annotations

from orlop.faces.cli.documents.typed import typed

__all__ = ["typed"]
