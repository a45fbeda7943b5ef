"""The verbs over objects of the cluster, for each kind that is served: get, reconcile, suspend, export, delete."""
