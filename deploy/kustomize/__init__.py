"""From an artifact to applied objects: build, apply in order, keep an inventory, prune."""
