"""Values of the engine in Docker's JSON. Pure: every function makes a document of values."""
