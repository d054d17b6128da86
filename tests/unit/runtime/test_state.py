"""Where the runtime keeps what it knows of its containers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument
from orlop.runtime.state import Store, check_id


def test_filters_are_no_container(tmp_path: Path) -> None:
    with Store(str(tmp_path)).new("c") as directory:
        cache = directory.seccomp_cache
    assert os.path.dirname(cache) == str(tmp_path)
    with pytest.raises(InvalidArgument):
        check_id(os.path.basename(cache))
    os.mkdir(cache)
    assert list(Store(str(tmp_path)).ids()) == []
