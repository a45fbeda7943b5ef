"""Verbs that make a repository automated which is not yet, or is by somebody else."""
