"""Networks of containers: addresses, bridges, ports, names, rates."""
