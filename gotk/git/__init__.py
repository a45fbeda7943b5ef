"""Git: URLs, credentials, transports, tree edits, commits, push, and an in-process server."""
