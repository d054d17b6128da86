"""orlop: a container engine for Linux in which every start is a plan that can be read."""

__version__ = "0.1.0"
