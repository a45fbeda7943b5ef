"""From an artifact to the text of its objects: the kustomization, what it may name, and the real program's build."""
