"""The commands of `orlop image` that are no commands of `orlop`."""
