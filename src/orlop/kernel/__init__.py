"""What the kernel offers, one module per facility, no policy."""
