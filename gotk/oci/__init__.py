"""OCI registries: image names, authentication, the client, its errors, and an in-process registry."""
