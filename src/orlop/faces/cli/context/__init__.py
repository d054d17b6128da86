"""The commands of `orlop context` that are no commands of `orlop`."""
