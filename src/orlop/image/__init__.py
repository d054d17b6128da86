"""Images: references, manifests, the content store, registries, archives of images."""
