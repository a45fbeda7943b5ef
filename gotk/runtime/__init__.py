"""What turns a `reconcile` method into a controller: queue, conditions, status patches, events, metrics, logs."""
