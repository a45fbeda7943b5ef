"""Clusters of the clouds: their addresses, their authorities and the tokens that they believe."""
