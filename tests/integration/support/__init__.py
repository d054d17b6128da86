"""What the integration tests share: bundles, drivers of runtimes and engines, terminals."""
