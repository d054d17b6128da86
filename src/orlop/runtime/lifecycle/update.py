"""Other limits for a container, in its cgroups and in the configuration that is stored of it."""

from __future__ import annotations

import errno

from orlop import jsontext
from orlop.errors import InvalidArgument, SyscallError
from orlop.runtime.config_document import document
from orlop.runtime.config_json import CONFIG_NAME, read_config
from orlop.runtime.lifecycle.status import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.kernel.cgroup.resources import Resources
    from orlop.runtime.state import Directory

_REFUSALS = (errno.EINVAL, errno.ERANGE)


def update(directory: Directory, resources: Resources) -> None:
    """The container has these limits besides those it had, and its configuration says so.

    So what is asked of it stays what it can be measured by.

    Raises:
        As `orlop.kernel.cgroup.live.Cgroup.update`.
        InvalidArgument: the kernel finds no sense in a value.
    """
    try:
        look(directory).cgroup().update(resources)
    except SyscallError as error:
        if error.errno not in _REFUSALS:
            raise
        raise InvalidArgument(f"the kernel refuses it: {error.message}", hint=error.hint) from None
    stored: Any = jsontext.loads(read_config(directory.path))  # it was checked when it was stored
    linux = stored["linux"]
    linux["resources"] = _merged(linux.get("resources") or {}, document(resources))
    directory.write_file(CONFIG_NAME, jsontext.dumps(stored).encode())


def _merged(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The objects as one; what stands in both is as the changes have it."""
    both = {
        name: _merged(before[name], value)
        for name, value in changes.items()
        if isinstance(value, dict) and isinstance(before.get(name), dict)
    }
    return {**before, **changes, **both}
