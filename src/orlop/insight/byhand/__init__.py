"""Namespaces and control groups by hand: what unshare, nsenter, ip netns, lsns and cgcreate do.

Everything says what it did in the kernel's words (`Deeds`). Processes are started by the launcher,
from plans that are made here as for containers.
"""
