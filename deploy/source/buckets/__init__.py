"""Buckets: what an object store holds, listed and fetched within limits."""
