"""Verbs by which one looks at what runs: what happened, how much there is, what belongs to what and whence it came."""
