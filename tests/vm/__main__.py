"""`python -m tests.vm`: see `tests.vm`."""

from __future__ import annotations

import signal
import sys

from tests.vm.machines import GuestError
from tests.vm.options import parse
from tests.vm.run import run

TIMED_OUT, GUEST_FAILED, INTERRUPTED = 124, 125, 130


def main() -> int:
    """Runs what the command line says; returns the exit status."""
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return run(options)
    except GuestError as error:
        sys.stderr.write(f"vm: {error}\n")
        return GUEST_FAILED
    except TimeoutError:
        sys.stderr.write(f"vm: no result after {options.timeout} s\n")
        return TIMED_OUT
    except KeyboardInterrupt:
        return INTERRUPTED


sys.exit(main())
