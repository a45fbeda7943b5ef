"""Repositories on this machine: mirrors, trees, commits, signatures."""
