"""Runs a command as root on another kernel: cgroup v2, and AppArmor or SELinux.

`python -m tests.vm -- COMMAND` boots a Debian kernel in a virtual machine and runs COMMAND in it,
in the caller's working directory, on the caller's own root file system. Output appears live, and
the exit status is the command's:

    python -m tests.vm -- .venv/bin/python -m pytest tests/integration -m vm
    python -m tests.vm --security selinux -- cat /proc/self/attr/current
    python -m tests.vm --tty -- bash

Machines (neither needs privilege, network or KVM):

    qemu    Debian's kernel on an emulated PC. Complete, but 6 to 50 times slower than the host:
            starts in 8 s, Python in 0.5 to 1 s.
    uml     User-mode Linux, the kernel as a process of the host. Starts in 3 s, and Python twice as
            fast as in qemu. One processor; of the cgroup controllers only cpu, io, memory and pids;
            no time namespaces, no Landlock, no eBPF LSM, no nftables for ip and inet.

The guest:

    /             the host's /, read-only, below an overlay: the guest can write anywhere, and what
                  it writes is gone when it ends. The host's files must not change meanwhile.
    /tmp ...      (--scratch) empty, on an ext4 disk of the guest's own, so that overlayfs takes
                  them as upperdir; the working directory stays visible even below one of them
    DIR           with --share DIR: the host's DIR itself; writes reach the host
    cgroups       cgroup2 at /sys/fs/cgroup, every controller enabled for the children; the
                  command runs in test.slice/command.scope
    SELinux       permissive; a policy in /etc/selinux is loaded
    network       loopback only
    environment   PATH, HOME, locale, VIRTUAL_ENV and CI from the caller, and what --env names

Exit status: the command's own (128 + N if signal N killed it, 126 or 127 if it cannot be run); 124
after --timeout; 125 if the guest itself failed, in which case the kernel's last messages are shown;
130 on Ctrl-C.
"""
