"""Calls that come in: proven, limited, and turned into annotations of objects."""
