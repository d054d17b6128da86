"""Why a step is there, in the words of whoever asked for it: flags instead of fields.

A plan's steps say which field of the configuration caused them ("OCI mounts[3]: /data (ro)"). Who
composed the configuration from flags knows where each field came from (`Origins`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Origins = Mapping[str, str]

_OCI = "OCI "
_NAMESPACES = "linux.namespaces"
# Where fields are that reasons name without their way there.
_HOMES = ("", "linux.", "process.")


def reason_of(reason: str, origins: Origins, kinds: tuple[str, ...] = ()) -> str:
    """The reason with the flag or default in the place of the field; as it was if nobody knows.

    `kinds` are those of the configuration's namespaces, in their order.
    """
    if not reason.startswith(_OCI):
        return reason
    field, rest = _split(reason.removeprefix(_OCI))
    if field == _NAMESPACES and origins:
        return _of_namespaces(rest, origins, kinds)
    origin = _origin_of(field, origins)
    if not origin:
        return reason
    return origin if _says(origin, rest) else origin + rest


def _of_namespaces(rest: str, origins: Origins, kinds: tuple[str, ...]) -> str:
    """The causes of the kinds that are spoken of; and, where several are, of those that are not."""
    words = rest.replace(",", "").split()
    spoken = [kind for kind in sorted(kinds) if kind in words]
    causes: dict[str, list[str]] = {}
    for kind in spoken:
        cause = _origin_of(f"{_NAMESPACES}[{kinds.index(kind)}]", origins)
        causes.setdefault(cause, []).append(kind)
    if len(spoken) == 1:
        return next(iter(causes)) + rest
    told = [f"{cause}: {', '.join(names)}" for cause, names in causes.items()]
    others = origins.get(_NAMESPACES, "")
    if others.startswith("-"):
        told.append(f"{others}: no more")
    return "; ".join(told) or rest.removeprefix(": ")


def _split(text: str) -> tuple[str, str]:
    """The field, and what is said about it: from the first ": " or " (" on."""
    ends = [at for at in (text.find(": "), text.find(" (")) if at >= 0]
    end = min(ends, default=len(text))
    return text[:end], text[end:]


def _says(origin: str, rest: str) -> bool:
    """Whether the origin has all of the rest in it already, as a flag with a path has."""
    detail = rest.removeprefix(": ").partition(" (")[0]
    return not rest.strip() or (bool(detail) and detail in origin)


def _origin_of(field: str, origins: Origins) -> str:
    """The origin of the field, of what it is a part of, or of its parts."""
    for home in _HOMES:
        for known in _above(home + field):
            if known in origins:
                return origins[known]
    for home in _HOMES:
        parts = [origin for known, origin in origins.items() if _is_below(known, home + field)]
        if parts:
            return ", ".join(dict.fromkeys(parts))
    return ""


def _above(field: str) -> Iterator[str]:
    """The field, and the fields that it is a part of, from the longest on."""
    yield field
    for at in range(len(field) - 1, 0, -1):
        if field[at] in ".[":
            yield field[:at]


def _is_below(field: str, above: str) -> bool:
    return field.startswith((f"{above}.", f"{above}["))
