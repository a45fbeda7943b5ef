"""Conversations with remotes: list, fetch and push, here or in a process that can be killed."""
