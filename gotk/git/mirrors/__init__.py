"""Mirrors of remote repositories: a cache on this machine that is fetched into, read, committed to and pushed from."""
