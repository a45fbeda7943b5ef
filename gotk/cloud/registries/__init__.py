"""`spec.provider`: credentials of the clouds' registries, from the identity of this process or of a service account."""
