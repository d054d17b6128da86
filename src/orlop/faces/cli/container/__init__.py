"""The commands of `orlop container` that are no commands of `orlop`."""
