"""One pass over manifests, without a cluster: scan, choose, and say or do what would change."""
