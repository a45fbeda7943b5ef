"""What Kustomizations and HelmReleases made of a revision: the objects, how each fares, what went before and why."""
