# What is particular to the machine "qemu": its devices.

disk=/dev/vda
console=/dev/hvc0
p9=trans=virtio,version=9p2000.L,msize=512000
mount_root() { mount -t 9p -o ro,cache=loose,$p9 root "$1"; }
mount_share() { mount -t 9p -o cache=mmap,$p9 share$1 "$3"; }
port() {
    for p in /sys/class/virtio-ports/*; do
        [ "$(cat $p/name)" != $1 ] || echo /dev/${p##*/}
    done
}
