#!/bin/sh
# First steps: an engine that the first command starts, a container with limits, what it uses, a
# second program in it, and the proof of what isolates it. Everything is below a temporary directory,
# and gone at the end.
set -eu

PATH=$(cd "$(dirname "$0")/../.venv/bin" && pwd):$PATH
ORLOP_HOME=$(mktemp -d /tmp/orlop.XXXXXX)
export PATH ORLOP_HOME
began=$(date +%s%N)

clean_up() {
    orlop rm -f busy >/dev/null 2>&1 || :
    pid=$(cat "$ORLOP_HOME/run/orlop.pid" 2>/dev/null) && kill "$pid" || :
    while [ -e "$ORLOP_HOME/run/orlop.pid" ]; do sleep 0.05; done
    rm -rf --one-file-system "$ORLOP_HOME"
}
trap clean_up EXIT

bold='' plain=''
[ ! -t 1 ] || bold=$(printf '\033[1m') plain=$(printf '\033[0m')
show() { # runs a command, and shows it first
    printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

show orlop run --rm --network none host echo "hello from a container"
show orlop run -d --name busy --network none --memory 256m --cpus 0.5 --pids-limit 64 \
    host sh -c 'while :; do :; done'
show orlop ps
show orlop exec busy sh -c 'echo "I am process $$ of $(ls -d /proc/[0-9]* | wc -l)"'
show orlop stats --no-stream busy
show orlop proof busy | sed -n '1,16p; 17s/.*/  .../p; $p'
show orlop rm -f busy
printf '\nfrom the first command to the last: %s ms\n' $((($(date +%s%N) - began) / 1000000))
