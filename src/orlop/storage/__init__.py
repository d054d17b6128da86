"""File systems of containers: layers from tar archives, what was changed, copies, volumes."""
