"""Measurements against the kernel's floor and the peers: `python -m bench`, `make bench`."""
