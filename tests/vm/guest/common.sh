# What both stages use to speak to the host (tests/vm/run.py).

report() { echo "$*" >"$(port control)"; }  # port NAME: the device that leads to the host's
fail() { report "fail $*"; poweroff -f; }
