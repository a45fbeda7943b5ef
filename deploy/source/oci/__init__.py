"""What an OCIRepository's artifact is made of: the reference that is resolved, and the layer that is taken."""
