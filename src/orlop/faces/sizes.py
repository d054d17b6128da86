"""Numbers of bytes as docker shows them."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_THOUSAND = 1000.0
_KIBI = 1024.0


def decimal(size: float, digits: int = 4) -> str:
    """As "12.35MB": with so many significant digits, by powers of 1000."""
    return _scaled(size, _THOUSAND, _DECIMAL, digits)


def binary(size: float) -> str:
    """As "11.77MiB": four significant digits, by powers of 1024."""
    return _scaled(size, _KIBI, _BINARY, 4)


def _scaled(size: float, base: float, units: tuple[str, ...], digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size /= base
        step += 1
    return f"{size:.{digits}g}{units[step]}"
