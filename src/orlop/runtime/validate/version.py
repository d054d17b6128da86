"""The version of the specification that a configuration follows.

See: config.md#specification-version, semver.org.
"""

from __future__ import annotations

from orlop.errors import SpecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.spec import Spec
    from orlop.runtime.validate.facts import Facts

_REF = "config.md#specification-version"
_IDENTIFIER = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")


def check_version(spec: Spec, _facts: Facts) -> None:
    """A semantic version 1.x, also of a development state or a release candidate.

    Later minor versions are fine: what they add is an unknown field, which is ignored.
    """
    version = spec.oci_version
    if not is_semantic(version):
        reason = f"must be a semantic version as 1.2.0, not {version!r:.80}"
        raise SpecError("ociVersion", reason, spec_ref=_REF)
    if not version.startswith("1."):
        raise SpecError("ociVersion", f"must be a version 1.x, not {version:.80}", spec_ref=_REF)


def is_semantic(version: str) -> bool:
    """Whether this is a version of SemVer 2.0.0, as 1.2.0-rc.1+dev."""
    rest, plus, build = version.partition("+")
    core, dash, release = rest.partition("-")
    numbers = core.split(".")
    return (
        len(numbers) == 3
        and all(_is_number(number) for number in numbers)
        and (not dash or all(_is_release_part(part) for part in release.split(".")))
        and (not plus or all(_is_identifier(part) for part in build.split(".")))
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _is_identifier(text: str) -> bool:
    return bool(text) and set(text) <= _IDENTIFIER


def _is_release_part(text: str) -> bool:
    return _is_identifier(text) and (not text.isdigit() or _is_number(text))
