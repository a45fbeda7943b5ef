"""What a GitRepository's artifact is made of: a commit, its submodules, included artifacts, and who signed it."""
