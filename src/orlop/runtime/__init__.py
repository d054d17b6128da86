"""The OCI runtime: configuration, planner, state, lifecycle, command line."""
