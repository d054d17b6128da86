"""Transactions of nftables, through libnftables in this process.

A program `nft` would cost 17 ms for each, the library 0.2 ms. Everything is in the network
namespace of the thread that calls; a transaction is done whole or not at all.

See: libnftables(3), nft(8).
"""

from __future__ import annotations

import _socket
import os

from orlop.errors import PermissionDenied, SyscallError, Unsupported
from orlop.kernel.rtnetlink import Message, Socket, attributes
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

_SONAME = "libnftables.so.1"
_STATELESS, _HANDLE, _JSON = 1 << 2, 1 << 3, 1 << 4  # NFT_CTX_OUTPUT_
_TERSE = 1 << 11
_NETLINK_NETFILTER = 12
_GET_GENERATION = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_GENERATION_ID = 1
_ENOBUFS = 105
_CHANGES_GROUP = 7  # NFNLGRP_NFTABLES


class Changes:
    """Tells that somebody has changed the rules of this network namespace. To be closed.

    What has changed is not told: the socket keeps next to nothing, so that a transaction of ten
    thousand elements costs no more than one of one.

    Raises:
        PermissionDenied: CAP_NET_ADMIN is missing.
        Unsupported: this kernel has no nftables.
    """

    def __init__(self) -> None:
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        try:
            self._socket = _socket.socket(_socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, 0)  # the least there is
            self._socket.bind((0, 1 << _CHANGES_GROUP - 1))
        except PermissionError:
            raise PermissionDenied("cannot watch the packet filter", hint="be root") from None
        except OSError:
            raise Unsupported(
                "watching the packet filter", needs="nftables in the kernel"
            ) from None

    def fileno(self) -> int:
        """The descriptor, readable when there was a change."""
        return self._socket.fileno()

    def drain(self) -> None:
        """What was told up to now is not told again."""
        while True:
            try:
                self._socket.recv(1)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != _ENOBUFS:  # more was told than kept
                    raise SyscallError("recv", error.errno or 0, "nftables") from None

    def close(self) -> None:
        """Nothing is told any more."""
        self._socket.close()


class Refused(Record):
    """What nft says of a transaction that the kernel did not take, for people."""

    reason: str


class Nftables:
    """The library, loaded; for one thread at a time, and the network namespace of the first call.

    A context manager, to be closed.

    Its sockets stay open: the kernel lets nobody close one of netfilter's before it has got rid of
    what was deleted, and that takes 10 ms and more.

    Raises:
        Unsupported: this host does not have it.
    """

    def __init__(self) -> None:
        self._context: int | None = None
        self._asking: Socket | None = None
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
            ("nft_ctx_set_dry_run", None, context, ctypes.c_bool),
            ("nft_run_cmd_from_buffer", ctypes.c_int, context, ctypes.c_char_p),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self._library = library

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up what it has opened; it can be used again."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None
        if self._context is not None:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def generation(self) -> int:
        """The number of the rules as they are; every transaction of anybody makes it one more.

        Raises:
            SyscallError: the kernel does not say.
        """
        question = Message(_GET_GENERATION, 0, bytes(4), "ask for the generation of the rules")
        if self._asking is None:
            self._asking = Socket(_NETLINK_NETFILTER)
        (answer,) = self._asking.ask(question)
        return int.from_bytes(attributes(answer, 4)[_GENERATION_ID], "big")

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

    def list_json(self, commands: str, *, terse: bool = False) -> str | Refused:
        """What `list ...` commands answer, as JSON; see libnftables-json(5).

        Args:
            commands: to perform.
            terse: without the elements of sets and maps.
        """
        failure, output = self._run(commands, _JSON | _STATELESS | (_TERSE if terse else 0))
        return failure or output

    def list_text(self, commands: str) -> str | Refused:
        """The same in nft's language, terse, and with the numbers (handles) of rules."""
        failure, output = self._run(commands, _HANDLE | _STATELESS | _TERSE)
        return failure or output

    def run_json(self, commands: str) -> Refused | None:
        """As `run`, but that the commands are JSON."""
        failure, _ = self._run(commands, _JSON)
        return failure

    def _run(self, commands: str, flags: int) -> tuple[Refused | None, str]:
        library, context = self._library, self._opened()
        library.nft_ctx_output_set_flags(context, flags)
        if library.nft_run_cmd_from_buffer(context, commands.encode()) == 0:
            output = library.nft_ctx_get_output_buffer(context).decode(errors="replace")
            self._forget(context)
            return None, output
        reason = library.nft_ctx_get_error_buffer(context).decode(errors="replace")
        if os.geteuid() != 0:
            raise PermissionDenied("cannot change the packet filter", hint="be root")
        return Refused(reason.strip().splitlines()[0] if reason.strip() else "refused"), ""

    def _opened(self) -> int:
        if self._context is None:
            self._context = self._library.nft_ctx_new(0)
            self._library.nft_ctx_buffer_output(self._context)
            self._library.nft_ctx_buffer_error(self._context)
        return self._context

    def _forget(self, context: int) -> None:
        """Nothing is remembered of the rules, which others may change at any time.

        A failure has this effect, too, and nothing else but the end of a dry run.
        """
        self._library.nft_ctx_set_dry_run(context, True)
        self._library.nft_run_cmd_from_buffer(context, b"")
        self._library.nft_ctx_set_dry_run(context, False)
