"""The commands below `orlop cgroup`, one module each."""
