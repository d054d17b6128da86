"""Who is at the other end of a Unix socket.

See: unix(7), SO_PEERCRED.
"""

from __future__ import annotations

import _socket
import struct

_PEER = struct.Struct("iII")  # struct ucred


def listener(path: str) -> int:
    """The PID of the process that has begun to listen at this path; 0 if it is not to be seen.

    Raises:
        OSError: nobody listens there, or the file is not for us.
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        sock.connect(path)
        credentials = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _PEER.size)
    finally:
        sock.close()
    pid: int = _PEER.unpack(credentials)[0]
    return pid
