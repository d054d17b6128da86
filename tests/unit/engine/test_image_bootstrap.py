"""Which suite a name stands for, when images are made of packages."""

from __future__ import annotations

import pytest

from orlop.engine.images import bootstrap
from orlop.errors import InvalidArgument, Unsupported
from orlop.image import reference


@pytest.mark.parametrize("ref", ["alpine:3", "me/tool", "debian@sha256:" + "0" * 64])
def test_what_is_no_distribution(ref: str) -> None:
    with pytest.raises(InvalidArgument):
        bootstrap.suite_of(reference.parse(ref))


def test_a_suite_that_nobody_knows() -> None:
    with pytest.raises(Unsupported):
        bootstrap.suite_of(reference.parse("debian:nonesuch"))
