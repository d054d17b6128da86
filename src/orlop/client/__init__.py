"""The client of an engine: HTTP over a unix socket, with as few imports as a command can have."""
