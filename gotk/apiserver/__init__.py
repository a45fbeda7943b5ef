"""The embedded control plane: a small, persistent Kubernetes API server for machines without a cluster."""
