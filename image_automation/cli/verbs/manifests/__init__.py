"""Verbs over manifests in files: what a Kustomization would apply, variables, and old API versions."""
