"""From objects to a cluster that holds them: what every applier needs, for a cluster given with the object."""
