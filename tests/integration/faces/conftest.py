"""Commands, and docker's client beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faces.answers import ANSWERS
from tests.integration.support.answering import Answering, answering


@pytest.fixture
def engine(workspace: Path) -> Iterator[Answering]:
    """An engine with a container `web`, an image `debian`, a volume `data`, and more."""
    with answering(workspace, ANSWERS) as engine:
        yield engine
