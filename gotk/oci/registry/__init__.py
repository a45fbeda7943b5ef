"""An OCI registry inside the process: the demo's, and the one that tests push to.

Answers to the distribution specification (push, pull, content discovery, content management). Verified by running one
suite against it and against the distribution project's own registry.
"""
