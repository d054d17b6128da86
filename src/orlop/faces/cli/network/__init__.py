"""The commands of `orlop network` that are no commands of `orlop`."""
