"""Helm releases: a chart rendered by the real helm, applied here, kept in the Secrets that helm itself reads."""
