"""Identities of the big clouds: short-lived tokens for this process or for a Kubernetes service account."""
