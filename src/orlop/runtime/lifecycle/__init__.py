"""What can be done to a container, one module a verb."""
