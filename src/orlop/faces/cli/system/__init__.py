"""The commands of `orlop system` that are no commands of `orlop`."""
