"""From what people ask for (flags, API bodies, Python calls) to an OCI configuration."""
