"""The functions that a script brings along: what takes more than one tool, each explained.

A script has only those that it uses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FAIL = """\
fail() {
  echo "orlop script: $*" >&2
  exit 1
}"""

WARN = """\
warn() {
  echo "orlop script: WARNING: $*" >&2
}"""

CLEAN_UP = """\
# Ends the container, if it has not ended, and removes what this script has made. SIGKILL is the one
# end of this script that leaves something.
made=()
first=
own=
clean_up() {
  local status=$? group pid
  trap - EXIT
  if [ -n "$first" ]; then
    kill -KILL "$container" "$first" 2> /dev/null || :
    wait "$container" 2> /dev/null || :
  fi
  for group in "${made[@]}"; do
    for _ in {1..100}; do
      while read -r pid; do
        kill -KILL "$pid" 2> /dev/null || :
      done < "$group/cgroup.procs"
      ! rmdir -- "$group" 2> /dev/null || break
      sleep 0.05
    done
  done
  rm -r --one-file-system -- "$SCRATCH" ${own:+"$own"}
  exit "$status"
}"""

MAKE_CGROUP = """\
# Makes a control group and remembers that it is this script's to remove.
make_cgroup() { # PATH [new]
  if mkdir -- "$1" 2> /dev/null; then
    made=("$1" "${made[@]}")
  elif [ ! -d "$1" ] || [ "${2-}" = new ]; then
    fail "cannot make the control group $1"
  fi
}"""

INHERIT_CPUSET = """\
# Gives a cpuset what its parent has, where it has nothing of its own: until then nothing can run in
# it (cpuset(7)).
inherit_cpuset() { # PATH
  local file
  for file in cpuset.cpus cpuset.mems; do
    [ -n "$(cat -- "$1/$file")" ] || cat -- "${1%/*}/$file" > "$1/$file"
  done
}"""

LOOK_UP = """\
# Sets REPLY to where a path of the container is now, below $ROOT. Symbolic links are followed as
# the container will see them, so that none leads to the host. (orlop lets the kernel do this, by
# openat2(2) with RESOLVE_IN_ROOT: then nobody can exchange a part of the path in the meantime.)
look_up() { # PATH
  local rest=$1 name link links=0
  REPLY=$ROOT
  while [ -n "$rest" ]; do
    name=${rest%%/*}
    rest=${rest#"$name"}
    rest=${rest#/}
    case $name in
      '' | .) ;;
      ..) [ "$REPLY" = "$ROOT" ] || REPLY=${REPLY%/*} ;;
      *)
        if [ -L "$REPLY/$name" ]; then
          links=$((links + 1))
          [ "$links" -le 40 ] || fail "$1: too many symbolic links"
          link=$(readlink -n -- "$REPLY/$name" && echo /)
          [ "${link#/}" = "$link" ] || REPLY=$ROOT
          rest=$link$rest
        else
          REPLY=$REPLY/$name
        fi
        ;;
    esac
  done
}"""

MAKE_DIRECTORY = """\
# The same, and it is a directory: it is made if it is missing.
make_directory() { # PATH [MODE]
  look_up "$1"
  [ ! -d "$REPLY" ] || return 0
  mkdir -p -- "$REPLY"
  chmod "${2-755}" -- "$REPLY"
}"""

MOUNT_POINT = """\
# The same for a directory to mount at. A symbolic link of the image must not lead a mount into
# /proc, where it would stand for what the kernel says.
mount_point() { # PATH
  make_directory "$1"
  case $1 in
    /proc | /proc/*) ;;
    *) [ "$(stat -f -c %T -- "$REPLY")" != proc ] || fail "$1 leads into a procfs" ;;
  esac
}"""

COVERED_MODE = """\
# Sets MODE to the mode of a directory that is going to be covered, as a mount option; to nothing if
# it is not there.
covered_mode() { # PATH
  look_up "$1"
  MODE=
  [ ! -d "$REPLY" ] || MODE=,mode=$(stat -c %a -- "$REPLY")
}"""

PLAIN_MOUNT_POINT = """\
# The same, and no part of it may be a symbolic link: who trusts /proc and /sys trusts their paths.
plain_mount_point() { # PATH
  mount_point "$1"
  [ "$REPLY" = "$ROOT$1" ] || fail "$1 is, or is below, a symbolic link"
}"""

MOUNT_POINT_LIKE = """\
# The same for something that is to be covered by another file or directory.
mount_point_like() { # SOURCE PATH
  if [ -d "$1" ]; then
    mount_point "$2"
    return
  fi
  look_up "$2"
  if [ ! -e "$REPLY" ]; then
    mkdir -p -- "${REPLY%/*}"
    : > "$REPLY"
  fi
  case $2 in
    /proc/*) ;;
    *) [ "$(stat -f -c %T -- "$REPLY")" != proc ] || fail "$2 leads into a procfs" ;;
  esac
}"""

STAGE = """\
# Keeps a clone of a file or directory of the host at hand, with what is mounted below it (rbind) or
# without (bind), for those who cannot reach it themselves.
stage() { # rbind|bind SOURCE NAME
  if [ -d "$2" ]; then
    mkdir -- "$SCRATCH/stage/$3"
  else
    : > "$SCRATCH/stage/$3"
  fi
  mount "--$1" -- "$2" "$SCRATCH/stage/$3"
}"""

CHANGE_MOUNT = """\
# Adds options to those that a mount has already: `remount` would replace them all. It is this one
# mount that changes (bind), not the file system, which may be seen elsewhere too.
change_mount() { # PATH OPTIONS
  local now
  now=$(findmnt --noheadings --raw --direction backward --first-only \\
    --output VFS-OPTIONS --mountpoint "$1")
  mount -o "remount,bind,$now,$2" none "$1"
}"""

CHANGE_MOUNTS = """\
# The same for a mount and everything that is mounted below it.
change_mounts() { # PATH OPTIONS
  local target list
  list=$(findmnt --noheadings --raw --submounts --output TARGET --mountpoint "$1")
  while read -r target; do
    change_mount "$(printf '%b' "$target")" "$2"
  done <<< "$list"
}"""

PROTECT = """\
# Makes a path read-only, with all that is mounted below it. One that is absent is fine.
protect() { # PATH
  look_up "$1"
  [ -e "$REPLY" ] || return 0
  mount --rbind -- "$REPLY" "$REPLY"
  change_mounts "$REPLY" ro
}"""

MASK = """\
# Hides a path: an empty directory over a directory, the null device over anything else. One that
# is absent is fine.
mask() { # PATH
  look_up "$1"
  if [ -d "$REPLY" ]; then
    mount -t tmpfs -o nr_inodes=1,mode=555 tmpfs "$REPLY"
    change_mount "$REPLY" ro
  elif [ -e "$REPLY" ]; then
    mount --bind /dev/null "$REPLY"
  fi
}"""

MAKE_NODE = """\
# Makes a device node or a fifo. If it is there already it is left as it is, and whatever else is
# there is replaced.
make_node() { # PATH MODE OWNER TYPE [MAJOR MINOR]
  local is wanted
  make_directory "${1%/*}/"
  REPLY=$REPLY/${1##*/}
  case $4 in
    p) wanted="fifo 0 0" ;;
    b) wanted=$(printf 'block special file %x %x' "$5" "$6") ;;
    *) wanted=$(printf 'character special file %x %x' "$5" "$6") ;;
  esac
  is=$(stat -c '%F %t %T' -- "$REPLY" 2> /dev/null) || is=
  [ "$is" != "$wanted" ] || return 0
  rm -df -- "$REPLY"
  mknod -m "$2" -- "$REPLY" "${@:4}"
  chown -h -- "$3" "$REPLY"
}"""

MAKE_LINK = """\
# Makes a symbolic link; what is there is replaced, but no directory that has something in it.
make_link() { # PATH TARGET
  make_directory "${1%/*}/"
  REPLY=$REPLY/${1##*/}
  [ "$(readlink -- "$REPLY")" != "$2" ] || return 0
  rm -df -- "$REPLY"
  ln -s -T -- "$2" "$REPLY"
}"""

LOAD_FILTER = """\
# A program for perl(1): loads a seccomp filter, seccomp(2), and executes the rest of its words.
# (setpriv(1) has an option for it from util-linux 2.40 on, which sets no_new_privs, too.)
load_filter() {
  cat << 'END'
    my ($file, $flags, @program) = @ARGV;
    my %numbers = ("x86_64" => 317, "aarch64" => 277);
    my $number = $numbers{$ENV{MACHINE}} or die "seccomp(2) has no number for $ENV{MACHINE}\\n";
    open(my $in, "<:raw", $file) or die "$file: $!\\n";
    my $filter = do { local $/; <$in> };
    my $argument = pack("S x![P] P", length($filter) / 8, $filter);
    syscall($number, 1, 0 + $flags, $argument) == 0 or die "seccomp: $!\\n";
    exec {$program[0]} @program or die "$program[0]: $!\\n";
END
}"""

JOIN_KEYRING = """\
# A program for perl(1): starts a session keyring, keyctl(2), and executes the rest of its words.
# A kernel without keyrings (ENOSYS) is fine.
join_keyring() {
  cat << 'END'
    my ($name, @program) = @ARGV;
    my %numbers = ("x86_64" => 250, "aarch64" => 219);
    my $number = $numbers{$ENV{MACHINE}} or die "keyctl(2) has no number for $ENV{MACHINE}\\n";
    syscall($number, 1, $name) >= 0 or $! == 38 or die "keyctl: $!\\n";
    exec {$program[0]} @program or die "$program[0]: $!\\n";
END
}"""

PROGRAMS = (LOAD_FILTER, JOIN_KEYRING)

# In the order in which they stand in a script: each after those that it uses.
_ALL = (
    FAIL,
    WARN,
    CLEAN_UP,
    MAKE_CGROUP,
    INHERIT_CPUSET,
    LOOK_UP,
    MAKE_DIRECTORY,
    MOUNT_POINT,
    COVERED_MODE,
    PLAIN_MOUNT_POINT,
    MOUNT_POINT_LIKE,
    STAGE,
    CHANGE_MOUNT,
    CHANGE_MOUNTS,
    PROTECT,
    MASK,
    MAKE_NODE,
    MAKE_LINK,
)
_NEEDS: dict[str, tuple[str, ...]] = {
    MAKE_DIRECTORY: (LOOK_UP,),
    MOUNT_POINT: (MAKE_DIRECTORY,),
    COVERED_MODE: (LOOK_UP,),
    PLAIN_MOUNT_POINT: (MOUNT_POINT,),
    MOUNT_POINT_LIKE: (MOUNT_POINT,),
    CHANGE_MOUNTS: (CHANGE_MOUNT,),
    PROTECT: (LOOK_UP, CHANGE_MOUNTS),
    MASK: (LOOK_UP, CHANGE_MOUNT),
    MAKE_NODE: (MAKE_DIRECTORY,),
    MAKE_LINK: (MAKE_DIRECTORY,),
}


def name_of(function: str) -> str:
    """The name of one of them."""
    return next(line for line in function.split("\n") if "() {" in line).partition("(")[0]


def with_needs(functions: Iterable[str]) -> tuple[str, ...]:
    """These functions and those that they use, in order."""
    wanted: set[str] = set()
    waiting = [FAIL, CLEAN_UP, *functions]
    while waiting:
        function = waiting.pop()
        if function not in wanted:
            wanted.add(function)
            waiting += _NEEDS.get(function, ())
    return tuple(function for function in _ALL if function in wanted)
