"""`create`: objects of every kind from flags, printed for a repository or put on the cluster. One file per family."""
