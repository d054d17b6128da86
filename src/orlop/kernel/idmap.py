"""Maps of user and group ids between a user namespace and its parent."""

from __future__ import annotations

from orlop.records import Record


class IdMap(Record):
    """`size` ids from `container_id` on are those from `host_id` on outside (user_namespaces(7))."""

    container_id: int
    host_id: int
    size: int
