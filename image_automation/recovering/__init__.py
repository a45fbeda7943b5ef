"""Taking back what we wrote: because a person asked for it, or because what deploys it fails.

Both are one operation: a commit of exactly our own edit, after which that version is held at that place. Whether a
failure is the version's is decided by one pure function over facts (`judging`).
"""
