"""The demo: registry, Git server, control plane and service in one process, and a tag that travels through."""
