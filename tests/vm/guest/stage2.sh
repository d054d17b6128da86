# Process 1 in the new root: sets the system up as an init system would, runs the command, reports.

cd /run/orlop-vm
. ./functions
. ./job

mount --make-rshared /
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
ln -sfn pts/ptmx /dev/ptmx
ln -sfn /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -sfn /proc/self/fd/${n%:*} /dev/${n#*:}; done
mount -t securityfs securityfs /sys/kernel/security
mount -t bpf bpf /sys/fs/bpf
if [ -d /sys/fs/selinux ]; then
    mount -t selinuxfs selinuxfs /sys/fs/selinux
    policy=$(ls /etc/selinux/*/policy/policy.* 2>/dev/null | tail -n 1)
    # The kernel takes the policy in one write only.
    [ -z "$policy" ] || dd if=$policy of=/sys/fs/selinux/load bs=64M
fi

# Processes may not live in a cgroup whose children have controllers (the root
# excepted), so init and the command each have a leaf, as under systemd.
cd /sys/fs/cgroup
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 .
cd /sys/fs/cgroup
mkdir -p init.scope test.slice/command.scope
echo $$ >init.scope/cgroup.procs
for group in . test.slice; do
    for controller in $(cat cgroup.controllers); do
        echo +$controller >$group/cgroup.subtree_control
    done
done
cd /run/orlop-vm

hostname orlop-vm
echo 127.0.1.1 orlop-vm >>/etc/hosts
ip link set lo up
ulimit -Hn 524288
ulimit -Sn 1024
/sbin/modprobe -a -q $modules

# Output goes through fifos, so that /dev/stdout can be opened anew, and what is
# left in them at the end can be waited for; the host must know how much that is.
relay() {  # relay NAME: pass what comes through the fifo NAME on to the host's port NAME
    mkfifo -m 666 $1
    tee <$1 "$(port $1)" | wc -c >$1.count &
}

run_command() {
    echo 0 >/sys/fs/cgroup/test.slice/command.scope/cgroup.procs
    cd "$cwd" && start
}

report ready
if [ -n "$terminal" ]; then
    stty $terminal <$console
    # -c: the terminal becomes the controlling one
    (exec <$console >$console 2>&1; starter='setsid -c'; run_command)
    status=$?
else
    relay out
    if [ $errors = err ]; then relay err; else echo 0 >err.count; fi
    (exec </dev/null >out 2>$errors; run_command)
    status=$?
fi

# End what the command left behind; the relays then come to the end of the fifos.
for group in /sys/fs/cgroup/*/; do
    case $group in */init.scope/) ;; *) echo 1 >$group/cgroup.kill;; esac
done
wait
sync
[ -z "$terminal" ] || echo 0 | tee out.count >err.count
report exit $status $(cat out.count err.count)
sleep 60  # the host ends the guest when it has received it all
poweroff -f
