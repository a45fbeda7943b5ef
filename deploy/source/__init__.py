"""From a Git repository to an artifact, and the server that hands artifacts out."""
