"""The commands of `orlop volume` that are no commands of `orlop`."""
