"""`migrate --to`: a cluster from Flux's controllers to this service, or back, without a workload being touched."""
