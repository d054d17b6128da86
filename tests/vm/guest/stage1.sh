#!/bin/busybox sh
# Process 1 in the initramfs: puts the root file system together in /root and goes on there with
# stage2.sh. busybox' shell runs its own applets, whatever PATH says, once /proc is there.
# /functions is common.sh and the machine's own file, /job what tests/vm/initramfs.py says of this run.

/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

for module in $(cat /modules/order); do
    insmod /modules/$module || echo "vm: cannot load $module" >/dev/console
done
. /functions
. /job

mount_root /host || fail 'cannot mount the host root'
mount -t ext4 -o noatime $disk /scratch || fail 'cannot mount the scratch disk'
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work \
    overlay /root || fail 'cannot mount the root overlay'

# Scratch directories, with the mode of the directory they hide.  The working
# directory is carried across if one of them hides it.
mount --bind "/root$cwd" /cwd || fail "no working directory $cwd"
hidden=
for directory in $scratch; do
    mkdir -p "/scratch/data$directory" "/root$directory"
    chmod "$(stat -c %a "/root$directory")" "/scratch/data$directory"
    mount --bind "/scratch/data$directory" "/root$directory"
    case $cwd in "$directory"/*) hidden=yes;; esac
done
[ -z "$hidden" ] || { mkdir -p "/root$cwd"; mount --bind /cwd "/root$cwd"; }
umount /cwd

mount --move /sys /root/sys
mount --move /dev /root/dev
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /root/run
mkdir -m 1777 /root/run/lock
mkdir -m 711 /root/run/orlop-vm
cp /bin/busybox /stage2 /functions /job /root/run/orlop-vm/
# User-mode Linux keeps its modules where modprobe does not look for them.
[ -e "/root/lib/modules/$(uname -r)" ] || ln -s "$modules_directory" /root/lib/modules/

number=0
for directory in "$@"; do  # those to share
    mkdir -p "/root$directory"
    mount_share $number "$directory" "/root$directory" || fail "cannot share $directory"
    number=$((number + 1))
done

mount --move /proc /root/proc  # from here on, no applets
exec /bin/busybox switch_root /root /run/orlop-vm/busybox sh /run/orlop-vm/stage2
