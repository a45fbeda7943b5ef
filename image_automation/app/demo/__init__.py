"""The demo: a registry, a Git server, the control plane and the service in one process, and a tag that travels through."""
