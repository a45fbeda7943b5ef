"""Looks at remotes over connections that are kept: whether anything is new there, for a fraction of a conversation."""
