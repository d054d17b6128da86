"""Transactions of nftables, through libnftables in this process.

A program `nft` would cost 17 ms for each, the library 0.2 ms. Everything is in the network
namespace of the thread that calls; a transaction is done whole or not at all.

See: libnftables(3), nft(8).
"""

from __future__ import annotations

import os

from orlop.errors import PermissionDenied, Unsupported
from orlop.kernel.rtnetlink import Message, Socket, attributes
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SONAME = "libnftables.so.1"
_STATELESS, _HANDLE, _JSON = 1 << 2, 1 << 3, 1 << 4  # NFT_CTX_OUTPUT_
_NETLINK_NETFILTER = 12
_GET_GENERATION = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_GENERATION_ID = 1


def generation() -> int:
    """The number of the rules as they are; every transaction of anybody changes it.

    Raises:
        SyscallError: the kernel does not say.
    """
    question = Message(_GET_GENERATION, 0, bytes(4), "ask for the generation of the rules")
    with Socket(_NETLINK_NETFILTER) as socket:
        (answer,) = socket.ask(question)
    return int.from_bytes(attributes(answer, 4)[_GENERATION_ID], "big")


class Refused(Record):
    """What nft says of a transaction that the kernel did not take, for people."""

    reason: str


class Nftables:
    """The library, loaded; for one thread at a time.

    Raises:
        Unsupported: this host does not have it.
    """

    def __init__(self) -> None:
        import ctypes

        try:
            library: Any = ctypes.CDLL(_SONAME)
        except OSError:
            raise Unsupported(
                "published ports and bridges",
                needs=_SONAME,
                hint="install Debian's libnftables1",
            ) from None
        context = ctypes.c_void_p
        for name, result, *arguments in (
            ("nft_ctx_new", context, ctypes.c_uint32),
            ("nft_ctx_free", None, context),
            ("nft_ctx_buffer_output", ctypes.c_int, context),
            ("nft_ctx_buffer_error", ctypes.c_int, context),
            ("nft_ctx_get_output_buffer", ctypes.c_char_p, context),
            ("nft_ctx_get_error_buffer", ctypes.c_char_p, context),
            ("nft_ctx_output_set_flags", None, context, ctypes.c_uint),
            ("nft_run_cmd_from_buffer", ctypes.c_int, context, ctypes.c_char_p),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self._library = library

    def run(self, commands: str) -> Refused | None:
        """Performs a transaction.

        Args:
            commands: in nft's language.

        Returns:
            None if it was done, else why it was not; nothing has changed then.

        Raises:
            PermissionDenied: this process may not change the network.
        """
        failure, _ = self._run(commands, 0)
        return failure

    def list_json(self, commands: str) -> str | Refused:
        """What `list ...` commands answer, as JSON; see libnftables-json(5)."""
        failure, output = self._run(commands, _JSON | _STATELESS)
        return failure or output

    def list_text(self, commands: str) -> str | Refused:
        """The same in nft's language, with the numbers (handles) of rules."""
        failure, output = self._run(commands, _HANDLE | _STATELESS)
        return failure or output

    def run_json(self, commands: str) -> Refused | None:
        """As `run`, but that the commands are JSON."""
        failure, _ = self._run(commands, _JSON)
        return failure

    def _run(self, commands: str, flags: int) -> tuple[Refused | None, str]:
        library = self._library
        # A context of its own each time: one that stays keeps a cache that others make wrong.
        context = library.nft_ctx_new(0)
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            library.nft_ctx_output_set_flags(context, flags)
            if library.nft_run_cmd_from_buffer(context, commands.encode()) == 0:
                return None, library.nft_ctx_get_output_buffer(context).decode(errors="replace")
            reason = library.nft_ctx_get_error_buffer(context).decode(errors="replace")
        finally:
            library.nft_ctx_free(context)
        if os.geteuid() != 0:
            raise PermissionDenied("cannot change the packet filter", hint="be root")
        return Refused(reason.strip().splitlines()[0] if reason.strip() else "refused"), ""
