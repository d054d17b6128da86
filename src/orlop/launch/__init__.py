"""The plan of a start, its wire format, and the launcher that performs it."""
