"""Verbs over artifacts in registries: push, pull, list, tag, diff and build, as `flux` has them."""
