"""Artifacts made of other sources' artifacts: what an ArtifactGenerator copies, and to where."""
