"""`bootstrap`: from an empty cluster and a repository to a cluster that deploys what the repository holds.

Answers to `flux bootstrap`: the same files, names, lines and order; calling it again is the upgrade.
"""
