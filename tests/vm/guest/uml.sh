# What is particular to the machine "uml": its devices.

disk=/dev/ubda
console=/dev/tty1
mount_root() { mount -t hostfs -o ro,/ none "$1"; }
mount_share() { mount -t hostfs -o "$2" none "$3"; }
port() {
    case $1 in control) p=/dev/ttyS0;; out) p=/dev/ttyS1;; err) p=/dev/ttyS2;; esac
    stty raw -echo <$p
    echo $p
}
