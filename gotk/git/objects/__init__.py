"""Git's objects on this machine: trees, commits, history, signatures. Nothing here talks to a remote."""
