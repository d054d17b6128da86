"""Plans as bytes, and back: the wire format of docs/launch-plan.md.

Little-endian throughout; every field is a multiple of four bytes, so the launcher can decode
in place with bounds checks and no allocation but the table of operations.
"""

from __future__ import annotations

import struct

from orlop.errors import InvalidArgument
from orlop.launch.plan import SIDE_NAMES, Operation, Plan, Side, Step, operations
from orlop.records import fields, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAGIC = 0x504C524F  # "ORLP"
VERSION = 1
NO_FAULT = 0xFFFFFFFF
KILL = 0xFFFFFFFF  # as errno of a fault: the launcher's process is killed instead

_HEADER = struct.Struct("<IHHIIIIII")
_OP = struct.Struct("<HHI")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

_LETTERS = {
    "U32": "u",
    "Slot": "f",
    "U64": "q",
    "str": "s",
    "bytes": "b",
    "tuple[str, ...]": "l",
}


def op_name(op: type[Operation]) -> str:
    """The operation's name in documents and messages: `CloneTree` is `clone_tree`."""
    return "".join("_" + c.lower() if c.isupper() else c for c in op.__name__).lstrip("_")


def signature(op: type[Operation]) -> str:
    """The types of an operation's fields, a letter each, as in docs/launch-plan.md."""
    kinds = op.__dict__.get("__annotations__", {})
    return "".join(_LETTERS[kinds[name]] for name in op.__record_fields__)


def encode(plan: Plan, *, fault_op: int = NO_FAULT, fault_errno: int = 0) -> bytes:
    """The plan as the launcher reads it.

    `fault_op` makes the launcher fail that step with `fault_errno` before it performs it (or, with
    `KILL`, die there): how tests prove that a start that fails anywhere leaves nothing behind.

    Raises:
        InvalidArgument: a string has a NUL byte in it, or a number does not fit.
    """
    parts = [b""]
    for step in plan.steps:
        payload = _encode_fields(step.op)
        parts.append(_OP.pack(step.op.kind, step.side, len(payload)))
        parts.append(payload)
    body = b"".join(parts)
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        plan.flags,
        len(plan.steps),
        plan.slots,
        plan.inherited,
        _HEADER.size + len(body),
        fault_op,
        fault_errno,
    )
    return header + body


_encoders: dict[type[Operation], tuple[Callable[[Any], bytes], ...]] = {}


def _encode_fields(op: Operation) -> bytes:
    cls = type(op)
    encoders = _encoders.get(cls)
    if encoders is None:
        encoders = _encoders[cls] = tuple(_ENCODERS[letter] for letter in signature(cls))
    out: list[bytes] = []
    try:
        for encode_field, value in zip(encoders, values(op), strict=True):
            out.append(encode_field(value))
    except (struct.error, ValueError, AttributeError, TypeError) as error:
        name, bad = fields(op)[len(out)], values(op)[len(out)]
        raise InvalidArgument(
            f"cannot encode {name} of {op_name(cls)}: {bad!r}: {error}"
        ) from error
    return b"".join(out)


def _bytes(value: bytes) -> bytes:
    # One NUL behind the data, so that the launcher can use strings in place, then up to four.
    return _U32.pack(len(value)) + value + b"\0" * (4 - len(value) % 4)


def _string(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ValueError("it has a NUL byte in it")
    return _bytes(raw)


def _strings(texts: tuple[str, ...]) -> bytes:
    return _U32.pack(len(texts)) + b"".join(map(_string, texts))


_ENCODERS = {
    "u": _U32.pack,
    "f": _U32.pack,
    "q": _U64.pack,
    "s": _string,
    "b": _bytes,
    "l": _strings,
}


def decode(data: bytes) -> Plan:
    """The plan of these bytes, without reasons (they are not on the wire).

    Raises:
        InvalidArgument: the bytes are not a plan.
    """
    try:
        magic, version, flags, count, slots, inherited, size, _, _ = _HEADER.unpack_from(data)
        if (magic, version, size) != (MAGIC, VERSION, len(data)):
            raise ValueError("magic, version or size")
        kinds = operations()
        at = _HEADER.size
        steps: list[Step] = []
        for _ in range(count):
            kind, side, length = _OP.unpack_from(data, at)
            at += _OP.size
            end = at + length
            values: list[Any] = []
            for letter in signature(kinds[kind]):
                value, at = _DECODERS[letter](data, at)
                values.append(value)
            if at != end:
                raise ValueError(f"operation {len(steps)} has a wrong length")
            if side >= len(SIDE_NAMES):
                raise ValueError(f"operation {len(steps)} has no such side: {side}")
            steps.append(Step(Side(side), kinds[kind](*values)))
        if at != len(data):
            raise ValueError("bytes behind the last operation")
    except (struct.error, ValueError, KeyError) as error:
        raise InvalidArgument(f"cannot decode plan: {error}") from error
    return Plan(tuple(steps), slots, inherited, flags)


def _get_u32(data: bytes, at: int) -> tuple[int, int]:
    return _U32.unpack_from(data, at)[0], at + 4


def _get_u64(data: bytes, at: int) -> tuple[int, int]:
    return _U64.unpack_from(data, at)[0], at + 8


def _get_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _U32.unpack_from(data, at)
    start = at + 4
    end = start + length + 4 - length % 4
    if end > len(data):
        raise ValueError("string beyond the end")
    if any(data[start + length : end]):
        raise ValueError("padding that is not zero")
    return data[start : start + length], end


def _get_string(data: bytes, at: int) -> tuple[str, int]:
    raw, at = _get_bytes(data, at)
    if b"\0" in raw:
        raise ValueError("NUL in a string")
    return raw.decode("utf-8", "surrogateescape"), at


def _get_strings(data: bytes, at: int) -> tuple[tuple[str, ...], int]:
    count, at = _get_u32(data, at)
    values = []
    for _ in range(count):
        value, at = _get_string(data, at)
        values.append(value)
    return tuple(values), at


_DECODERS: dict[str, Any] = {
    "u": _get_u32,
    "f": _get_u32,
    "q": _get_u64,
    "s": _get_string,
    "b": _get_bytes,
    "l": _get_strings,
}
