"""Every error that orlop raises on purpose, as one tree.

    OrlopError
    ├── InvalidArgument            the caller can fix the request
    │   └── SpecError              a field of config.json (.field, .spec_ref)
    ├── NotFound                   (.kind, .ref)
    ├── Conflict                   the object is in the way, or in the wrong state
    │   ├── AlreadyExists          (.kind, .ref)
    │   ├── InUse                  of networks
    │   └── WrongState             (.ref, .state, .needs)
    ├── PermissionDenied           kernel or peer refused
    │   └── Unauthorized           no or bad credentials
    ├── Unsupported                the host lacks something (.needs: "Linux 5.12", "cgroup v2")
    ├── Unavailable                retry may help
    │   └── DeadlineExceeded
    ├── LaunchError                an operation of a plan failed (.op, .op_index, .errno, .path)
    │   ├── CommandNotExecutable   the program exists, but cannot be executed
    │   └── CommandNotFound        there is no such program in the container
    ├── SyscallError               a system call of orlop itself failed; also an OSError
    └── InternalError              a bug in orlop

The class says what kind of failure it is, attributes carry the data, the text is for people:
lower case, no full stop, verb, object, reason. `hint` says what to do, where that is known.
Faces map classes to exit codes and HTTP status in one table; nothing looks into the text.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class OrlopError(Exception):
    """Base of all errors that orlop raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> Any:
        return (_revive, (type(self), self.args, vars(self)))


def _revive(cls: type[OrlopError], args: tuple[Any, ...], state: dict[str, Any]) -> OrlopError:
    """A copied or unpickled error: as it was, whatever its `__init__` takes."""
    error = cls.__new__(cls)
    error.args = args
    for name, value in state.items():
        setattr(error, name, value)
    return error


class InvalidArgument(OrlopError):
    """The request itself is wrong; nothing was done."""


class SpecError(InvalidArgument):
    """A field of an OCI configuration is wrong; nothing was done.

    Attributes:
        field: the path of the field, as `process.user.uid` or `mounts[3].options[0]`.
        spec_ref: where the specification speaks of it, as `config.md#user`.
    """

    def __init__(self, field: str, reason: str, *, spec_ref: str = "", hint: str = "") -> None:
        see = f" (runtime-spec {spec_ref})" if spec_ref else ""
        super().__init__(f"invalid config: {field}: {reason}{see}", hint=hint)
        self.field = field
        self.reason = reason
        self.spec_ref = spec_ref


class NotFound(OrlopError):
    """Something that was named does not exist.

    Attributes:
        kind: what sort of thing ("container", "image", ...).
        ref: the name it was asked by.
    """

    def __init__(self, kind: str, ref: str, *, hint: str = "") -> None:
        super().__init__(f"{kind} {ref!r} does not exist", hint=hint)
        self.kind = kind
        self.ref = ref


class Conflict(OrlopError):
    """The request is sound, but the present state of things does not allow it."""


class AlreadyExists(Conflict):
    """The name is taken."""

    def __init__(self, kind: str, ref: str, *, hint: str = "") -> None:
        super().__init__(f"{kind} {ref!r} already exists", hint=hint)
        self.kind = kind
        self.ref = ref


class InUse(Conflict):
    """What a network is asked for, or the network itself, is somebody's already."""


class WrongState(Conflict):
    """The object is not in a state in which this can be done."""

    def __init__(self, action: str, ref: str, *, state: str, needs: str, hint: str = "") -> None:
        super().__init__(
            f"cannot {action} container {ref!r}: it is {state}, not {needs}", hint=hint
        )
        self.ref = ref
        self.state = state
        self.needs = needs


class PermissionDenied(OrlopError):
    """The kernel or a peer refused for lack of rights."""


class Unauthorized(PermissionDenied):
    """A peer wants credentials, or other ones."""


class Unsupported(OrlopError):
    """This host cannot do it.

    Attributes:
        needs: what would be needed ("Linux 5.12", "cgroup v2", "AppArmor").
    """

    def __init__(self, what: str, *, needs: str, hint: str = "") -> None:
        super().__init__(f"{what} is not supported here: needs {needs}", hint=hint)
        self.what = what
        self.needs = needs


class Unavailable(OrlopError):
    """It did not work now; a later try may."""


class DeadlineExceeded(Unavailable):
    """It took longer than it may."""


class LaunchError(OrlopError):
    """One operation of a launch plan failed; everything that the launch made is gone again.

    Attributes:
        op: the operation's name in docs/launch-plan.md.
        op_index: its position in the plan, from 0.
        errno: the kernel's error number, 0 where there is none.
        path: the path or name that was worked on, "" where there is none.
        plan: what was being performed (an `orlop.launch.plan.Plan`), None if nobody knows.
        report: how far it came (an `orlop.launch.report.Report`), None likewise.
    """

    plan: Any = None
    report: Any = None

    def __init__(
        self, message: str, *, op: str, op_index: int, errno: int, path: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.op = op
        self.op_index = op_index
        self.errno = errno
        self.path = path


class CommandNotExecutable(LaunchError):
    """The container's program exists, but the kernel will not execute it."""


class CommandNotFound(LaunchError):
    """The container has no program of that name."""


class SyscallError(OrlopError, OSError):
    """A system call of orlop itself failed. Raised by `orlop.kernel` only.

    Attributes:
        syscall: its name.
        errno: the kernel's error number.
        path: what it was called on, "" where there is nothing to name.
    """

    errno: int

    def __init__(self, syscall: str, errno: int, path: str = "", *, hint: str = "") -> None:
        import os

        on = f" {path}" if path else ""
        OrlopError.__init__(self, f"{syscall}{on}: {os.strerror(errno)}", hint=hint)
        self.syscall = syscall
        self.errno = errno
        self.path = path

    def __reduce__(self) -> Any:
        # errno is no item of vars(): OSError has a place of its own for it.
        return (_revive, (type(self), self.args, {**vars(self), "errno": self.errno}))


class InternalError(OrlopError):
    """A bug in orlop."""
