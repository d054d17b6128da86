"""Published ports in one line, neighbours together."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Port = Mapping[str, Any]


def address(ip: str, port: object) -> str:
    """An address with a port: IPv6 in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def displayed(ports: Iterable[Port]) -> str:
    """As "53/udp, 443-444/tcp, 0.0.0.0:8080->80/tcp": what is not published comes first."""
    groups: dict[tuple[str, str], list[int]] = {}
    done, mappings = [], []
    for port in sorted(ports or (), key=_order):
        ip, inner, kind = port.get("IP") or "", port["PrivatePort"], port.get("Type") or ""
        outer = port.get("PublicPort") or 0
        if ip and outer != inner:
            mappings.append(f"{address(ip, outer)}->{inner}/{kind}")
            continue
        group = groups.get((ip, kind))
        if group and inner == group[1] + 1:
            group[1] = inner
            continue
        if group:
            done.append(_group(ip, kind, *group))
        groups[ip, kind] = [inner, inner]
    last = [_group(ip, kind, *group) for (ip, kind), group in groups.items()]
    return ", ".join([*done, *last, *mappings])


def _order(port: Port) -> tuple[int, str, int, str]:
    return (
        port["PrivatePort"],
        port.get("IP") or "",
        port.get("PublicPort") or 0,
        port.get("Type") or "",
    )


def _group(ip: str, kind: str, first: int, last: int) -> str:
    numbers = str(first) if first == last else f"{first}-{last}"
    if ip:
        numbers = f"{address(ip, numbers)}->{numbers}"
    return f"{numbers}/{kind}"
