"""The values of a release: what ConfigMaps and Secrets give, single values at a path, and what is written inline."""
